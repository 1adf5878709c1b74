//! Limits requests per client address and operation over a sliding window.
//!
//! The decisions live in plain modules that are tested on the machine that builds; `component` joins them to the
//! contract.

pub mod address;
pub mod nearest;
pub mod settings;
pub mod window;

#[cfg(target_arch = "wasm32")]
mod component;
