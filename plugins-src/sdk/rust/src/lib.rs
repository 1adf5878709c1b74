//! Plugins for the Wasmpuck keyserver.
//!
//! A plugin is a type with the attribute [`plugin`], which names what it is besides a [`Lifecycle`]:
//!
//! ```
//! use serde::Deserialize;
//! use wasmpuck_plugin::middleware::{Decision, Request, Response, Scope};
//! use wasmpuck_plugin::{Lifecycle, Middleware, Result, info, plugin};
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Settings {
//!     #[serde(default)]
//!     block: Vec<String>,
//! }
//!
//! #[plugin(middleware)]
//! struct Doorkeeper {
//!     settings: Settings,
//! }
//!
//! impl Lifecycle for Doorkeeper {
//!     type Settings = Settings;
//!
//!     fn init(settings: Settings) -> Result<Self> {
//!         Ok(Self { settings })
//!     }
//! }
//!
//! impl Middleware for Doorkeeper {
//!     fn scope(&self) -> Scope {
//!         Scope::paths(["/pks/*"])
//!     }
//!
//!     fn on_request(&mut self, request: Request) -> Result<Decision> {
//!         if self.settings.block.contains(&request.client) {
//!             info!("blocked"; "client" => request.client);
//!             return Ok(Decision::respond(Response::text(403, "blocked\n")));
//!         }
//!         Ok(Decision::next())
//!     }
//! }
//! ```
//!
//! In a component the modules [`storage`], [`metrics`] and so on call the server. On the machine that runs `cargo test` they call
//! [`testing`], which simulates it.

#![warn(missing_docs)]

pub mod admission;
mod bindings;
mod breakdown;
pub mod clock;
mod error;
pub mod events;
mod exported;
pub mod files;
pub mod formatter;
mod host;
pub mod http_client;
pub mod key_admin;
pub mod keys;
mod lifecycle;
pub mod log;
pub mod messaging;
pub mod metrics;
pub mod middleware;
pub mod random;
pub mod responder;
pub mod routes;
pub mod secrets;
pub mod settings;
pub mod shared;
pub mod storage;
pub mod tasks;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod words;

pub use admission::Admission;
pub use error::{Context, Error, Failure, Problem, Result};
pub use events::Events;
pub use formatter::Formatter;
pub use lifecycle::{Condition, Handover, Lifecycle, Reason};
pub use messaging::Services;
pub use middleware::Middleware;
pub use routes::Routes;
pub use settings::NoSettings;
pub use tasks::Tasks;
pub use wasmpuck_plugin_macros::plugin;

#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::exports;
    pub use crate::exported::{Exported, Plugin};
}

/// Makes the examples of the reference tests, where the reference is.
#[cfg(all(doctest, wasmpuck_docs))]
#[doc = include_str!("../../../../docs/sdk-rust.md")]
struct Reference;
