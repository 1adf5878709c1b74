//! The plugin's settings: read from JSON, with every problem named.

use crate::address::Network;
use crate::nearest::nearest;
use std::collections::HashMap;
use tinyjson::JsonValue;

/// The operations that the server tells apart (WIT `middleware.request.operation`).
pub const OPERATIONS: [&str; 7] = ["get", "hget", "index", "vindex", "stats", "add", "other"];

const KEYS: [&str; 6] = ["window", "limits", "exempt", "ipv6Prefix", "lease", "cleaningInterval"];

/// The limit of an operation for which the operator names none.
fn built_in(operation: &str) -> u32 {
    match operation {
        "get" | "hget" => 600,
        "index" | "vindex" => 120,
        "add" => 60,
        _ => 300,
    }
}

/// One thing that is wrong.
#[derive(Debug, PartialEq)]
pub struct Problem {
    /// Dotted path of the setting.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// How the plugin works.
#[derive(Debug, PartialEq)]
pub struct Settings {
    /// Length of the window in milliseconds.
    pub window: u64,
    /// Requests a window for each of [`OPERATIONS`]; `None` is without limit.
    pub limits: [Option<u32>; OPERATIONS.len()],
    /// Clients that are never limited.
    pub exempt: Vec<Network>,
    /// Bits of an IPv6 address that make one client.
    pub ipv6_prefix: u8,
    /// Most requests that are permitted in advance.
    pub lease: u32,
    /// Milliseconds between two runs of the cleaning task.
    pub cleaning_interval: u32,
}

impl Settings {
    /// Reads a JSON object; the error holds every problem.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { problems: Vec::new() };
        let settings = reader.settings(text);
        match settings {
            Some(settings) if reader.problems.is_empty() => Ok(settings),
            _ => Err(reader.problems),
        }
    }

    /// The limit of an operation; one that is not known counts as `other`.
    pub fn limit(&self, operation: &str) -> Option<u32> {
        self.limits[place(operation)]
    }
}

/// The name under which an operation is counted.
pub fn counted_as(operation: &str) -> &'static str {
    OPERATIONS[place(operation)]
}

fn place(operation: &str) -> usize {
    OPERATIONS.iter().position(|name| *name == operation).unwrap_or(OPERATIONS.len() - 1)
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), message: message.into() });
    }

    fn settings(&mut self, text: &str) -> Option<Settings> {
        let object = match text.parse::<JsonValue>() {
            Ok(JsonValue::Object(object)) => object,
            Ok(other) => {
                self.problem("", format!("the settings must be a table, not {}", kind(&other)));
                return None;
            }
            Err(error) => {
                self.problem("", format!("the settings are not valid JSON: {error}"));
                return None;
            }
        };
        self.refuse_unknown("", &object, &KEYS);
        let window = self.number(&object, "window", "seconds", 1.0, 86_400.0, 60.0, false);
        let ipv6_prefix = self.number(&object, "ipv6Prefix", "bits", 1.0, 128.0, 64.0, true);
        let lease = self.number(&object, "lease", "requests", 0.0, 10_000.0, 0.0, true);
        let cleaning = self.number(&object, "cleaningInterval", "seconds", 1.0, 86_400.0, 300.0, false);
        Some(Settings {
            window: (window * 1000.0) as u64,
            limits: self.limits(object.get("limits")),
            exempt: self.exempt(object.get("exempt")),
            ipv6_prefix: ipv6_prefix as u8,
            lease: lease as u32,
            cleaning_interval: (cleaning * 1000.0) as u32,
        })
    }

    fn refuse_unknown(&mut self, prefix: &str, object: &HashMap<String, JsonValue>, known: &[&str]) {
        let mut unknown: Vec<&String> = object.keys().filter(|key| !known.contains(&key.as_str())).collect();
        unknown.sort_unstable();
        for key in unknown {
            let hint = nearest(key, known).map_or_else(
                || format!("known are {}", known.join(", ")),
                |name| format!("did you mean `{name}`? Known are {}", known.join(", ")),
            );
            self.problem(format!("{prefix}{key}"), format!("there is no setting `{key}` here; {hint}"));
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn number(
        &mut self,
        object: &HashMap<String, JsonValue>,
        key: &str,
        unit: &str,
        least: f64,
        most: f64,
        default: f64,
        whole: bool,
    ) -> f64 {
        let Some(value) = object.get(key) else { return default };
        let noun = if whole { "a whole number" } else { "a number" };
        match value {
            JsonValue::Number(number) if (least..=most).contains(number) && (!whole || number.fract() == 0.0) => {
                *number
            }
            JsonValue::Number(number) => {
                self.problem(key, format!("must be {noun} of {unit} from {least} to {most}, not {number}"));
                default
            }
            other => {
                self.problem(key, format!("must be {noun} of {unit} from {least} to {most}, not {}", kind(other)));
                default
            }
        }
    }

    fn limits(&mut self, value: Option<&JsonValue>) -> [Option<u32>; OPERATIONS.len()] {
        let empty = HashMap::new();
        let object = match value {
            None => &empty,
            Some(JsonValue::Object(object)) => object,
            Some(other) => {
                self.problem(
                    "limits",
                    format!("must be a table like {{ get = 600, default = 300 }}, not {}", kind(other)),
                );
                &empty
            }
        };
        let mut known = OPERATIONS.to_vec();
        known.push("default");
        self.refuse_unknown("limits.", object, &known);
        let mut given = |name: &str| Some(self.limit(&format!("limits.{name}"), object.get(name)?));
        // A `default` of the operator's own outranks the built-in limits of single operations.
        let fallback = given("default");
        OPERATIONS.map(|name| given(name).or(fallback).unwrap_or_else(|| Some(built_in(name))))
    }

    fn limit(&mut self, path: &str, value: &JsonValue) -> Option<u32> {
        const RIGHT: &str = "must be a whole number of requests from 1 to 1000000, or \"unlimited\"";
        match value {
            JsonValue::Number(number) if (1.0..=1_000_000.0).contains(number) && number.fract() == 0.0 => {
                Some(*number as u32)
            }
            JsonValue::String(text) if text == "unlimited" => None,
            JsonValue::Number(number) => {
                self.problem(path, format!("{RIGHT}, not {number}"));
                None
            }
            other => {
                self.problem(path, format!("{RIGHT}, not {}", kind(other)));
                None
            }
        }
    }

    fn exempt(&mut self, value: Option<&JsonValue>) -> Vec<Network> {
        let list = match value {
            None => return Vec::new(),
            Some(JsonValue::Array(list)) => list,
            Some(other) => {
                self.problem("exempt", format!("must be a list of addresses and networks, not {}", kind(other)));
                return Vec::new();
            }
        };
        let mut networks = Vec::with_capacity(list.len());
        for (place, item) in list.iter().enumerate() {
            let path = format!("exempt.{place}");
            match item {
                JsonValue::String(text) => match Network::parse(text) {
                    Ok(network) => networks.push(network),
                    Err(message) => self.problem(path, message),
                },
                other => self.problem(path, format!("must be text like \"10.0.0.0/8\", not {}", kind(other))),
            }
        }
        networks
    }
}

fn kind(value: &JsonValue) -> String {
    match value {
        JsonValue::Number(number) => format!("the number {number}"),
        JsonValue::Boolean(flag) => format!("{flag}"),
        JsonValue::String(text) => format!("the text `{text}`"),
        JsonValue::Null => "null".into(),
        JsonValue::Array(_) => "a list".into(),
        JsonValue::Object(_) => "a table".into(),
    }
}

#[cfg(test)]
mod tests;
