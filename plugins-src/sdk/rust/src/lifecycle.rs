//! What every plugin is.

use crate::error::{Problem, Result};
use serde::de::DeserializeOwned;

pub use crate::bindings::exports::wasmpuck::plugin::lifecycle::{Condition, Reason};

/// What every plugin implements; all but `init` has a default.
///
/// The server makes as many instances as its pool allows: a value of the type is the state of one of them. What they share belongs into `storage` or
/// `shared`.
pub trait Lifecycle: Sized + 'static {
    /// The plugin's table of the configuration: a type with `#[derive(Deserialize)]`, or [`NoSettings`](crate::settings::NoSettings).
    type Settings: DeserializeOwned;

    /// What is wrong with settings of the right types.
    fn check(settings: &Self::Settings) -> Vec<Problem> {
        let _ = settings;
        Vec::new()
    }

    /// Makes an instance, with settings that `check` has passed.
    fn init(settings: Self::Settings) -> Result<Self>;

    /// Called once when the plugin goes into service, on one instance: the place to schedule tasks and to subscribe.
    fn start(&mut self) -> Result {
        Ok(())
    }

    /// How the plugin is. Should be cheap.
    fn health(&mut self) -> Condition {
        Condition::Healthy
    }

    /// Checks that the plugin works, on data of its own; changes nothing.
    fn self_test(&mut self) -> Result {
        Ok(())
    }

    /// Called once when the plugin goes out of service, on one instance.
    fn shutdown(&mut self, reason: Reason) {
        let _ = reason;
    }
}

/// Hands something over to the plugin's next generation.
pub trait Handover: Lifecycle {
    /// What the next generation shall know, at most 1,048,576 bytes.
    fn prepare_swap(&mut self) -> Result<Option<String>>;

    /// Takes what the generation before prepared; called on every instance, after `init`. An error keeps the old generation in service.
    fn restore(&mut self, state: String) -> Result;
}
