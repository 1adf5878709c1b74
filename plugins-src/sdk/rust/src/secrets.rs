//! Passwords, keys and tokens of the operator's, by name.

use crate::host;

pub use crate::bindings::wasmpuck::plugin::secrets::Error;

/// The names that are listed.
pub fn names() -> Vec<String> {
    host::secrets::names()
}

/// The value; the operator allows it in `revealSecrets`.
pub fn reveal(name: &str) -> Result<String, Error> {
    host::secrets::reveal(name)
}

/// Whether `candidate` is the value, compared in constant time.
pub fn equals(name: &str, candidate: &str) -> Result<bool, Error> {
    host::secrets::equals(name, candidate)
}
