//! A simulated server for unit tests, one a thread.
//!
//! ```
//! use wasmpuck_plugin::{storage, testing::Host};
//!
//! let host = Host::new();
//! storage::increment("count", 2.0, None)?;
//! assert_eq!(host.entry("count").as_deref(), Some("2"));
//! # Ok::<(), wasmpuck_plugin::Error>(())
//! ```
//!
//! Simulated are log, settings, clock, random, storage, metrics, tasks, events, messaging, shared counters and sets, keys and secrets. Without quotas and grants: those
//! belong to the server, and `hockeypuck-plugin test` runs the component with them. The rest panics and says so.

pub(crate) mod imports;
mod state;

use crate::__private::Plugin;
use crate::bindings::wasmpuck::plugin::keys::Summary;
use crate::error::{Problem, Result};
use crate::log::Level;
use crate::metrics::Declaration;
use crate::settings;
use state::{State, with};
use std::time::Duration;

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// How urgent.
    pub level: Level,
    /// The message.
    pub message: String,
    /// Keys and values.
    pub fields: Vec<(String, String)>,
}

/// The simulated server of this thread. Its clock starts at 1,700,000,000,000 ms and moves when it is told to.
#[derive(Debug)]
pub struct Host(());

impl Host {
    /// A server in which nothing has happened; what was before in this thread is gone.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        with(|state| *state = State::default());
        Self(())
    }

    /// Lets time pass.
    pub fn pass(&self, span: Duration) {
        with(|state| state.now += span.as_secs_f64() * 1000.0);
    }

    /// The lines of the log.
    pub fn logs(&self) -> Vec<Line> {
        with(|state| state.logs.clone())
    }

    /// A text or count in the storage.
    pub fn entry(&self, key: &str) -> Option<String> {
        crate::storage::get(key).ok().flatten()
    }

    /// What was counted, set or observed last under a metric and its labels' values.
    pub fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let labels: Vec<_> = labels.iter().map(|label| (*label).to_owned()).collect();
        with(|state| state.series.get(&(name.to_owned(), labels)).copied())
    }

    /// The names of the scheduled tasks, in ascending order.
    pub fn tasks(&self) -> Vec<String> {
        with(|state| state.tasks.keys().cloned().collect())
    }

    /// Topics and payloads of what was published.
    pub fn published(&self) -> Vec<(String, String)> {
        with(|state| state.published.clone())
    }

    /// The patterns that are subscribed, in ascending order.
    pub fn subscriptions(&self) -> Vec<String> {
        with(|state| state.patterns.iter().cloned().collect())
    }

    /// Puts a certificate into the server: what is known of it, and its armor.
    pub fn add_key(&self, summary: Summary, armored: &str) {
        with(|state| state.keys.push((summary, armored.to_owned())));
    }

    /// Gives the plugin a secret.
    pub fn add_secret(&self, name: &str, value: &str) {
        with(|state| state.secrets.insert(name.to_owned(), value.to_owned()));
    }

    /// Answers `messaging::call` for a peer; `answer` gets topic and payload.
    pub fn add_peer(
        &self,
        peer: &str,
        answer: impl Fn(&str, &str) -> Result<String, crate::messaging::Error> + 'static,
    ) {
        with(|state| state.peers.insert(peer.to_owned(), std::rc::Rc::new(answer)));
    }
}

/// Declares a metric, as the server does for those of `#[plugin(metrics(…))]`.
pub fn declare(metric: Declaration) {
    with(|state| state.metrics.insert(metric.name.clone(), metric));
}

/// An instance of a plugin with the settings of a JSON text, as the server makes it; or what is wrong with them.
pub fn instance<T: Plugin>(settings: &str) -> Result<T, Vec<Problem>> {
    with(|state| settings.clone_into(&mut state.settings));
    for metric in T::metrics() {
        declare(metric);
    }
    let settings = settings::parse::<T::Settings>(settings)?;
    let problems = T::check(&settings);
    if !problems.is_empty() {
        return Err(problems);
    }
    T::init(settings).map_err(|error| vec![Problem { path: String::new(), message: format!("{error:?}") }])
}
