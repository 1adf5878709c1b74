//! Requests to other servers, which the keyserver makes.
//!
//! ```no_run
//! use wasmpuck_plugin::http_client::Request;
//!
//! let answer = Request::post("https://api.example.org/check")
//!     .header("accept", "application/json")
//!     .secret_header("authorization", "Bearer ", "api-key")
//!     .text("{}")
//!     .send()?;
//! if answer.status() == 200 {
//!     let words: Vec<String> = answer.json()?;
//! }
//! # Ok::<(), wasmpuck_plugin::Error>(())
//! ```

use crate::bindings::wasmpuck::plugin::http_client as wit;
use crate::clock::milliseconds;
use crate::{error, host};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

pub use wit::Error;

const TEXT: u32 = 1 << 20;
const BYTES: u32 = 1 << 16;

/// A request that is being put together. Redirects are followed unless it says otherwise.
#[derive(Clone, Debug)]
pub struct Request(wit::Request);

impl Request {
    /// A request with a method.
    pub fn new(method: &str, url: &str) -> Self {
        Self(wit::Request {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            secrets: Vec::new(),
            body: wit::Payload::Empty,
            follow: true,
            timeout: None,
        })
    }

    /// A `GET` request.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` request.
    pub fn post(url: &str) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a header that the server completes with the value of a secret.
    pub fn secret_header(mut self, name: &str, prefix: &str, secret: &str) -> Self {
        self.0.secrets.push(wit::SecretHeader { name: name.into(), prefix: prefix.into(), secret: secret.into() });
        self
    }

    /// Sets a text as the body.
    pub fn text(mut self, body: impl Into<String>) -> Self {
        self.0.body = wit::Payload::Text(body.into());
        self
    }

    /// Sets bytes as the body.
    pub fn bytes(mut self, body: Vec<u8>) -> Self {
        self.0.body = wit::Payload::Bytes(body);
        self
    }

    /// Sets JSON as the body, with its content type.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> error::Result<Self> {
        Ok(self.header("content-type", "application/json").text(serde_json::to_string(body)?))
    }

    /// Takes redirects as answers.
    pub fn without_redirects(mut self) -> Self {
        self.0.follow = false;
        self
    }

    /// How long the whole may take, if less than granted.
    pub fn timeout(mut self, span: Duration) -> Self {
        self.0.timeout = Some(milliseconds(span));
        self
    }

    /// Sends it and waits for the headers of the answer. A status of 400 and more is no error.
    pub fn send(self) -> Result<Response, Error> {
        host::http_client::send(&self.0).map(Response)
    }
}

/// An answer.
#[derive(Debug)]
pub struct Response(wit::Response);

impl Response {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The headers, names in lower case.
    pub fn headers(&self) -> Vec<(String, String)> {
        self.0.headers()
    }

    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers().into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// Where it came from, redirects followed.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The next piece of the body as text; `None` at its end.
    pub fn next_text(&self) -> Result<Option<String>, Error> {
        match self.0.read_text(TEXT) {
            wit::TextChunk::Data(text) => Ok(Some(text)),
            wit::TextChunk::End => Ok(None),
            wit::TextChunk::Failed(error) => Err(error),
        }
    }

    /// The next piece of the body as bytes; `None` at its end.
    pub fn next_bytes(&self) -> Result<Option<Vec<u8>>, Error> {
        match self.0.read_bytes(BYTES) {
            wit::BytesChunk::Data(bytes) => Ok(Some(bytes)),
            wit::BytesChunk::End => Ok(None),
            wit::BytesChunk::Failed(error) => Err(error),
        }
    }

    /// The rest of the body as text.
    pub fn text(self) -> Result<String, Error> {
        let mut whole = String::new();
        while let Some(piece) = self.next_text()? {
            whole += &piece;
        }
        Ok(whole)
    }

    /// The rest of the body as bytes.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next_bytes()? {
            whole.extend(piece);
        }
        Ok(whole)
    }

    /// The rest of the body, read as JSON.
    pub fn json<T: DeserializeOwned>(self) -> error::Result<T> {
        Ok(serde_json::from_str(&self.text()?)?)
    }
}
