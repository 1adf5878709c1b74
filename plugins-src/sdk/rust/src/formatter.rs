//! Rendering certificates in forms that the server does not have.

use crate::Lifecycle;
use crate::error::Result;
use serde::de::DeserializeOwned;

pub use crate::bindings::exports::wasmpuck::plugin::formatter::{Certificate, Format, Outcome, Request};

/// Renders certificates.
pub trait Formatter: Lifecycle {
    /// The forms, at most 32.
    fn formats(&self) -> Vec<Format>;

    /// Renders.
    fn render(&mut self, request: Request) -> Result<Outcome>;
}

impl Format {
    /// A form: its name for `options=`, its media type, the ending of its files, a sentence.
    pub fn new(name: &str, media_type: &str, extension: &str, description: &str) -> Self {
        Self {
            name: name.into(),
            media_type: media_type.into(),
            extension: extension.into(),
            description: description.into(),
        }
    }
}

impl Certificate {
    /// Reads what the server's own JSON says of it.
    pub fn summary<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(&self.summary)?)
    }
}
