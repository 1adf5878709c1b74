//! Imports that concern nobody else: log, settings, clock, random, metrics.

use crate::answer::{Answer, arguments, plain, told};
use crate::{CALLS, LEVEL, SIZES};
use serde_json::Value;
use wasmpuck_plugin::log::Level;
use wasmpuck_plugin::{Result, clock, log, random, settings};

pub const TOPICS: &[(&str, &[&str])] = &[
    ("log", &["write"]),
    ("settings", &["get", "get-all"]),
    ("clock", &["now", "monotonic"]),
    ("random", &["bytes", "number"]),
    ("metrics", &["add", "set", "observe"]),
];

pub fn ask(interface: &str, function: &str, payload: &str) -> Result<Answer> {
    match (interface, function) {
        ("log", "write") => {
            let (level, message, fields): (String, String, Vec<(String, String)>) = arguments(payload)?;
            plain(log::write(level_of(&level), &message, &fields))
        }
        ("settings", "get") => {
            let (key,): (String,) = arguments(payload)?;
            plain(settings::get::<Value>(&key)?)
        }
        ("settings", "get-all") => plain(settings::all::<Value>()?),
        ("clock", "now") => plain(clock::now()),
        ("clock", "monotonic") => plain(clock::monotonic().as_secs_f64() * 1000.0),
        ("random", "bytes") => {
            let (count,) = arguments(payload)?;
            plain(random::bytes(count))
        }
        ("random", "number") => plain(random::number()),
        ("metrics", "add") => {
            let (purpose, value): (String, f64) = arguments(payload)?;
            told(CALLS.add([&purpose], value))
        }
        ("metrics", "set") => {
            let (value,) = arguments(payload)?;
            told(LEVEL.set([], value))
        }
        ("metrics", "observe") => {
            let (value,) = arguments(payload)?;
            told(SIZES.observe([], value))
        }
        _ => Ok(None),
    }
}

fn level_of(name: &str) -> Level {
    match name {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Critical,
    }
}
