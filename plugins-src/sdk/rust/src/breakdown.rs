//! Ends that no interface of the contract can tell: they are logged before the plugin breaks down.

use crate::error::Error;

/// Makes panics write their message and place to the log, from the first call on.
#[cfg(all(target_arch = "wasm32", feature = "panic-log"))]
pub fn watch() {
    use std::sync::Once;
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("a value that is no text");
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            crate::log::write(crate::log::Level::Error, &format!("panicked: {message}"), &[("place".into(), place)]);
        }));
    });
}

#[cfg(not(all(target_arch = "wasm32", feature = "panic-log")))]
pub fn watch() {}

/// Logs the error with its place and ends the call.
#[cold]
pub fn end(call: &str, error: &Error) -> ! {
    let fields = [("place".into(), error.place()), ("call".into(), call.into())];
    crate::log::write(crate::log::Level::Error, &error.to_string(), &fields);
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    panic!("{call}: {error:?}");
}
