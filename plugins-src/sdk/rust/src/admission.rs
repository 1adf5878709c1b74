//! Deciding which certificates the server takes.

use crate::Lifecycle;
use crate::error::Result;

pub use crate::bindings::exports::wasmpuck::plugin::admission::{
    Key, Origin, Reason, Rewriting, Scope, Submission, Verdict,
};

/// Judges certificates before they are stored, on every way in.
pub trait Admission: Lifecycle {
    /// What the plugin wants to see.
    fn scope(&self) -> Scope {
        Scope::default()
    }

    /// Judges a certificate.
    fn judge(&mut self, submission: Submission) -> Result<Verdict>;
}

impl Default for Scope {
    /// Every way in, with priority 100, without the certificate itself.
    fn default() -> Self {
        Self { priority: 100, origins: Vec::new(), wants_armor: false }
    }
}

impl Reason {
    /// A code for programs (lower case words with `-`) and a sentence for the uploader.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

impl Verdict {
    /// Refuse it.
    pub fn reject(code: &str, text: impl Into<String>) -> Self {
        Self::Reject(Reason::new(code, text))
    }

    /// Keep it unpublished until somebody has looked at it.
    pub fn quarantine(code: &str, text: impl Into<String>) -> Self {
        Self::Quarantine(Reason::new(code, text))
    }

    /// Take this certificate instead.
    pub fn rewrite(armored: impl Into<String>, reason: Reason) -> Self {
        Self::Rewrite(Rewriting { armored: armored.into(), reason })
    }
}
