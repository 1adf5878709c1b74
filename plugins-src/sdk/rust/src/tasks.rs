//! Work at a later time.

use crate::clock::milliseconds;
use crate::error::Result;
use crate::{Lifecycle, host};
use std::time::Duration;

pub use crate::bindings::wasmpuck::plugin::tasks::Error;
use crate::bindings::wasmpuck::plugin::tasks::Timing;

/// Runs the tasks that the plugin schedules, best in `Lifecycle::start`.
pub trait Tasks: Lifecycle {
    /// Runs the task of this name. An error is written to the log; a repeated task runs again at its next time.
    fn run(&mut self, name: &str) -> Result;
}

/// Runs a task again and again, first after one interval.
pub fn every(name: &str, interval: Duration) -> Result<(), Error> {
    host::tasks::schedule(name, Timing::Every(milliseconds(interval)))
}

/// Runs a task once, after a while.
pub fn after(name: &str, wait: Duration) -> Result<(), Error> {
    host::tasks::schedule(name, Timing::After(milliseconds(wait)))
}

/// Runs a task once, at a time in milliseconds since 1970.
pub fn at(name: &str, time: f64) -> Result<(), Error> {
    host::tasks::schedule(name, Timing::At(time))
}

/// Cancels a task; whether there was one.
pub fn cancel(name: &str) -> bool {
    host::tasks::cancel(name)
}
