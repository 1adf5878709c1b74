//! Answering requests for paths of the plugin's own.

use crate::Lifecycle;
use crate::error::Result;
use crate::middleware::{header, value};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::exports::wasmpuck::plugin::routes::{Body, Header, Outcome, Request, Response, Route};

/// Answers requests for paths under `/plugins/NAME/`, and others that the operator lists.
pub trait Routes: Lifecycle {
    /// The paths, at most 64.
    fn routes(&self) -> Vec<Route>;

    /// Answers a request.
    fn handle(&mut self, request: Request) -> Result<Outcome>;
}

impl Route {
    /// A path, or with `/*` at its end everything below one, for these methods (`GET` answers `HEAD` too).
    pub fn new<const N: usize>(path: &str, methods: [&str; N]) -> Self {
        Self { path: path.into(), methods: methods.map(String::from).into(), headers: Vec::new() }
    }

    /// A path for `GET`.
    pub fn get(path: &str) -> Self {
        Self::new(path, ["GET"])
    }

    /// Wants these headers of requests too.
    pub fn headers<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.headers.extend(names.map(str::to_ascii_lowercase));
        self
    }
}

impl Request {
    /// The first header of this name (lower case), if the route wants it.
    pub fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }

    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }

    /// Reads the body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(match &self.body {
            Body::Empty => serde_json::from_str("")?,
            Body::Text(text) => serde_json::from_str(text)?,
            Body::Bytes(bytes) => serde_json::from_slice(bytes)?,
        })
    }
}

impl Response {
    /// An answer in plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::typed(status, "text/plain; charset=utf-8", Body::Text(body.into()))
    }

    /// An answer in JSON.
    pub fn json<T: Serialize + ?Sized>(status: u16, body: &T) -> Result<Self> {
        Ok(Self::typed(status, "application/json", Body::Text(serde_json::to_string(body)?)))
    }

    /// An answer in bytes of a media type.
    pub fn bytes(status: u16, media_type: &str, body: Vec<u8>) -> Self {
        Self::typed(status, media_type, Body::Bytes(body))
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(header(name, value));
        self
    }

    fn typed(status: u16, media_type: &str, body: Body) -> Self {
        Self { status, headers: vec![header("content-type", media_type)], body }
    }
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self::Respond(response)
    }
}
