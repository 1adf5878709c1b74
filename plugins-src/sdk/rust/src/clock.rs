//! Time.

use crate::host;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn now() -> f64 {
    host::clock::now()
}

/// Time since some fixed point; never goes back while the server runs.
pub fn monotonic() -> Duration {
    Duration::from_secs_f64(host::clock::monotonic().max(0.0) / 1000.0)
}

/// Milliseconds of a span as the contract has them: at most 2^32 - 1.
pub(crate) fn milliseconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
