//! The imports: the server's in a component, simulated ones elsewhere, so that unit tests run on any machine.

#[cfg(target_arch = "wasm32")]
pub use crate::bindings::wasmpuck::plugin::*;
#[cfg(not(target_arch = "wasm32"))]
pub use crate::testing::imports::*;
