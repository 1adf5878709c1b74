//! Cryptographically secure randomness.

use crate::host;

/// `count` random bytes, at most 4,096.
pub fn bytes(count: u32) -> Vec<u8> {
    host::random::bytes(count)
}

/// One uniformly distributed number.
pub fn number() -> u32 {
    host::random::number()
}
