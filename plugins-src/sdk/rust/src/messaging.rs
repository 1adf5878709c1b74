//! Asking other plugins, and being asked.

use crate::error::Result;
use crate::{Lifecycle, host};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::exports::wasmpuck::plugin::services::{Reply, Request, Service};
pub use crate::bindings::wasmpuck::plugin::messaging::Error;

/// Answers other plugins.
pub trait Services: Lifecycle {
    /// What the plugin offers: at most 32 services with 64 topics each.
    fn services(&self) -> Vec<Service>;

    /// Answers. An error is a breakdown: say `Reply::Refused` for a no.
    fn call(&mut self, request: Request) -> Result<Reply>;
}

impl Service {
    /// A kind of service, its topics, and a sentence about it.
    pub fn new<const N: usize>(kind: &str, topics: [&str; N], description: &str) -> Self {
        Self { kind: kind.into(), topics: topics.map(String::from).into(), description: description.into() }
    }
}

impl Request {
    /// Reads the payload as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(&self.payload)?)
    }
}

impl Reply {
    /// An answer in JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Ok(Self::Answer(serde_json::to_string(value)?))
    }
}

/// Asks a peer, by its name or as `service:KIND`, and waits for its reply.
pub fn call(peer: &str, topic: &str, payload: &str) -> Result<String, Error> {
    host::messaging::call(peer, topic, payload)
}

/// The same with JSON both ways.
pub fn call_json<T: DeserializeOwned>(peer: &str, topic: &str, payload: &(impl Serialize + ?Sized)) -> Result<T> {
    Ok(serde_json::from_str(&call(peer, topic, &serde_json::to_string(payload)?)?)?)
}

/// Names of the plugins that offer a kind of service and may be asked.
pub fn find(kind: &str) -> Vec<String> {
    host::messaging::find(kind)
}
