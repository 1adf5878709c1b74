//! The server's log.
//!
//! ```
//! use wasmpuck_plugin::{info, warn};
//!
//! let fingerprint = "0b2f…";
//! info!("took a certificate");
//! warn!("{} user ids are many", 12; "fingerprint" => fingerprint, "limit" => 10);
//! ```

use crate::host;

pub use crate::bindings::wasmpuck::plugin::log::Level;

/// Writes a line with fields; the macros are shorter.
pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
    host::log::write(level, message, fields);
}

/// Writes a line at a level: `log!(Level::Info, "{} left", count; "key" => value, …)`.
#[macro_export]
macro_rules! log {
    (@write $level:expr, [$($words:tt)+]) => {
        $crate::log::write($level, &::std::format!($($words)+), &[])
    };
    (@write $level:expr, [$($words:tt)+] $($key:expr => $value:expr),+ $(,)?) => {
        $crate::log::write($level, &::std::format!($($words)+), &[$((
            ::std::string::ToString::to_string(&$key), ::std::string::ToString::to_string(&$value)
        )),+])
    };
    (@split $level:expr, [$($words:tt)+] ; $($fields:tt)+) => { $crate::log!(@write $level, [$($words)+] $($fields)+) };
    (@split $level:expr, [$($words:tt)+]) => { $crate::log!(@write $level, [$($words)+]) };
    (@split $level:expr, [$($words:tt)*] $next:tt $($rest:tt)*) => { $crate::log!(@split $level, [$($words)* $next] $($rest)*) };
    ($level:expr, $($words:tt)+) => { $crate::log!(@split $level, [] $($words)+) };
}

/// Step by step detail, normally off.
#[macro_export]
macro_rules! trace { ($($line:tt)+) => { $crate::log!($crate::log::Level::Trace, $($line)+) }; }

/// Detail for the person who debugs the plugin.
#[macro_export]
macro_rules! debug { ($($line:tt)+) => { $crate::log!($crate::log::Level::Debug, $($line)+) }; }

/// Something that an operator may want to know.
#[macro_export]
macro_rules! info { ($($line:tt)+) => { $crate::log!($crate::log::Level::Info, $($line)+) }; }

/// Something that an operator should look at some day.
#[macro_export]
macro_rules! warn { ($($line:tt)+) => { $crate::log!($crate::log::Level::Warn, $($line)+) }; }

/// An operation failed.
#[macro_export]
macro_rules! error { ($($line:tt)+) => { $crate::log!($crate::log::Level::Error, $($line)+) }; }

/// The plugin cannot do its work.
#[macro_export]
macro_rules! critical { ($($line:tt)+) => { $crate::log!($crate::log::Level::Critical, $($line)+) }; }

#[cfg(test)]
mod tests {
    use crate::testing::Host;

    #[test]
    fn fields_stand_behind_a_semicolon() {
        let host = Host::new();
        let name = "x";
        warn!("{} of {name}", 1 + 1; "a" => 3, "b" => name);
        info!("plain");
        let lines = host.logs();
        assert_eq!(lines[0].message, "2 of x");
        assert_eq!(lines[0].fields, [("a".into(), "3".into()), ("b".into(), "x".into())]);
        assert_eq!((lines[1].level, lines[1].fields.len()), (super::Level::Info, 0));
    }
}
