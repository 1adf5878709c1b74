//! What happens in the server, and what plugins tell each other.

use crate::error::Result;
use crate::{Lifecycle, host};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::exports::wasmpuck::plugin::event_handler::Event;
pub use crate::bindings::wasmpuck::plugin::events::Error;

/// Takes the events that the plugin subscribes to, best in `Lifecycle::start`.
pub trait Events: Lifecycle {
    /// Takes an event. An error is written to the log; the event is not delivered again.
    fn on_event(&mut self, event: Event) -> Result;
}

impl Event {
    /// Reads the payload as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(&self.payload)?)
    }
}

/// Publishes an event.
pub fn publish(topic: &str, payload: &str) -> Result<(), Error> {
    host::events::publish(topic, payload)
}

/// Publishes an event with JSON.
pub fn publish_json<T: Serialize + ?Sized>(topic: &str, payload: &T) -> Result {
    Ok(publish(topic, &serde_json::to_string(payload)?)?)
}

/// Asks for the events whose topic fits the pattern (`*` stands for any text).
pub fn subscribe(pattern: &str) -> Result<(), Error> {
    host::events::subscribe(pattern)
}

/// Ends a subscription; whether there was one.
pub fn unsubscribe(pattern: &str) -> bool {
    host::events::unsubscribe(pattern)
}
