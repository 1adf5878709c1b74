//! What is kept: storage and shared.

use crate::answer::{Answer, arguments, plain, told};
use std::time::Duration;
use wasmpuck_plugin::shared::{Counter, Distinct, Set, Top, Window};
use wasmpuck_plugin::{Result, storage};

pub const TOPICS: &[(&str, &[&str])] = &[
    ("storage", &["get", "get-bytes", "set", "set-bytes", "delete", "list-keys", "increment", "compare-and-swap"]),
    (
        "shared",
        &[
            "counter-add",
            "window-add",
            "set-add",
            "set-has",
            "set-remove",
            "set-size",
            "top-add",
            "top-list",
            "distinct-add",
            "distinct-count",
            "remove",
        ],
    ),
];

fn life(milliseconds: Option<u64>) -> Option<Duration> {
    milliseconds.map(Duration::from_millis)
}

pub fn storage(function: &str, payload: &str) -> Result<Answer> {
    match function {
        "get" => {
            let (key,): (String,) = arguments(payload)?;
            told(storage::get(&key))
        }
        "get-bytes" => {
            let (key,): (String,) = arguments(payload)?;
            told(storage::get_bytes(&key))
        }
        "set" => {
            let (key, value, ttl): (String, String, _) = arguments(payload)?;
            told(storage::set(&key, &value, life(ttl)))
        }
        "set-bytes" => {
            let (key, value, ttl): (String, Vec<u8>, _) = arguments(payload)?;
            told(storage::set_bytes(&key, &value, life(ttl)))
        }
        "delete" => {
            let (key,): (String,) = arguments(payload)?;
            told(storage::delete(&key))
        }
        "list-keys" => {
            let (prefix,): (String,) = arguments(payload)?;
            plain(storage::keys(&prefix).collect::<Vec<_>>())
        }
        "increment" => {
            let (key, delta, ttl): (String, _, _) = arguments(payload)?;
            told(storage::increment(&key, delta, life(ttl)))
        }
        "compare-and-swap" => {
            let (key, expected, value, ttl): (String, Option<String>, String, _) = arguments(payload)?;
            told(storage::compare_and_swap(&key, expected.as_deref(), &value, life(ttl)))
        }
        _ => Ok(None),
    }
}

pub fn shared(function: &str, payload: &str) -> Result<Answer> {
    match function {
        "counter-add" => {
            let (name, delta): (String, _) = arguments(payload)?;
            told(Counter(&name).add(delta))
        }
        "window-add" => {
            let (name, key, weight, span): (String, String, _, _) = arguments(payload)?;
            told(Window(&name).add(&key, weight, Duration::from_millis(span)))
        }
        "set-add" => {
            let (name, member, ttl): (String, String, _) = arguments(payload)?;
            told(Set(&name).add(&member, life(ttl)))
        }
        "set-has" => {
            let (name, member): (String, String) = arguments(payload)?;
            told(Set(&name).has(&member))
        }
        "set-remove" => {
            let (name, member): (String, String) = arguments(payload)?;
            told(Set(&name).remove(&member))
        }
        "set-size" => {
            let (name,): (String,) = arguments(payload)?;
            told(Set(&name).size())
        }
        "top-add" => {
            let (name, member, weight, keep): (String, String, _, _) = arguments(payload)?;
            told(Top(&name).add(&member, weight, keep))
        }
        "top-list" => {
            let (name, count): (String, _) = arguments(payload)?;
            told(Top(&name).list(count))
        }
        "distinct-add" => {
            let (name, member): (String, String) = arguments(payload)?;
            told(Distinct(&name).add(&member))
        }
        "distinct-count" => {
            let (name,): (String,) = arguments(payload)?;
            told(Distinct(&name).count())
        }
        "remove" => {
            let (name,): (String,) = arguments(payload)?;
            told(Counter(&name).remove_whole())
        }
        _ => Ok(None),
    }
}
