//! What leads to others: tasks, events, messaging, secrets, http-client, files, responder.

use crate::answer::{Answer, arguments, failed, plain, told};
use serde::Deserialize;
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;
use wasmpuck_plugin::http_client::Request;
use wasmpuck_plugin::{Result, bail, events, files, messaging, responder, secrets, tasks};

pub const TOPICS: &[(&str, &[&str])] = &[
    ("tasks", &["schedule", "cancel"]),
    ("events", &["publish", "subscribe", "unsubscribe"]),
    ("messaging", &["call", "find"]),
    ("secrets", &["names", "reveal", "equals"]),
    (
        "http-client",
        &["send", "response.status", "response.headers", "response.url", "response.read-text", "response.read-bytes"],
    ),
    (
        "files",
        &[
            "names",
            "open",
            "data-file.size",
            "data-file.modified",
            "data-file.replaced",
            "data-file.read",
            "data-file.read-text",
            "whole",
        ],
    ),
    ("responder", &["begin", "outgoing.write", "outgoing.write-bytes"]),
];

pub fn ask(interface: &str, function: &str, payload: &str) -> Result<Answer> {
    match (interface, function) {
        ("tasks", "schedule") => {
            let (name, kind, time): (String, String, f64) = arguments(payload)?;
            let span = Duration::from_secs_f64(time / 1000.0);
            told(match kind.as_str() {
                "every" => tasks::every(&name, span),
                "after" => tasks::after(&name, span),
                _ => tasks::at(&name, time),
            })
        }
        ("tasks", "cancel") => {
            let (name,): (String,) = arguments(payload)?;
            plain(tasks::cancel(&name))
        }
        ("events", "publish") => {
            let (topic, payload): (String, String) = arguments(payload)?;
            told(events::publish(&topic, &payload))
        }
        ("events", "subscribe") => {
            let (pattern,): (String,) = arguments(payload)?;
            told(events::subscribe(&pattern))
        }
        ("events", "unsubscribe") => {
            let (pattern,): (String,) = arguments(payload)?;
            plain(events::unsubscribe(&pattern))
        }
        ("messaging", "call") => {
            let (peer, topic, payload): (String, String, String) = arguments(payload)?;
            told(messaging::call(&peer, &topic, &payload))
        }
        ("messaging", "find") => {
            let (kind,): (String,) = arguments(payload)?;
            plain(messaging::find(&kind))
        }
        ("secrets", "names") => plain(secrets::names()),
        ("secrets", "reveal") => {
            let (name,): (String,) = arguments(payload)?;
            told(secrets::reveal(&name))
        }
        ("secrets", "equals") => {
            let (name, candidate): (String, String) = arguments(payload)?;
            told(secrets::equals(&name, &candidate))
        }
        _ => Ok(None),
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Options {
    headers: Vec<(String, String)>,
    secrets: Vec<(String, String, String)>,
    body: Option<String>,
    bytes: Option<Vec<u8>>,
    follow: bool,
    timeout: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { headers: vec![], secrets: vec![], body: None, bytes: None, follow: true, timeout: None }
    }
}

pub fn http_client(function: &str, payload: &str) -> Result<Answer> {
    let (method, url, options): (String, String, Options) = arguments(payload)?;
    let mut request = Request::new(&method, &url);
    for (name, value) in &options.headers {
        request = request.header(name, value);
    }
    for (name, prefix, secret) in &options.secrets {
        request = request.secret_header(name, prefix, secret);
    }
    if let Some(text) = options.body {
        request = request.text(text);
    }
    if let Some(bytes) = options.bytes {
        request = request.bytes(bytes);
    }
    if !options.follow {
        request = request.without_redirects();
    }
    if let Some(span) = options.timeout {
        request = request.timeout(Duration::from_millis(span));
    }
    let response = match request.send() {
        Ok(response) => response,
        Err(error) => return Ok(Some(failed(error))),
    };
    match function {
        "send" => plain(Value::Null),
        "response.status" => plain(response.status()),
        "response.headers" => plain(response.headers()),
        "response.url" => plain(response.url()),
        "response.read-text" => told(response.text()),
        "response.read-bytes" => told(response.bytes()),
        _ => Ok(None),
    }
}

pub fn files(function: &str, payload: &str) -> Result<Answer> {
    if function == "names" {
        return plain(files::names());
    }
    if function == "whole" {
        let (name,): (String,) = arguments(payload)?;
        return told(files::read_to_string(&name).map(|text| (text.chars().count(), text.lines().count())));
    }
    let (name, offset, length): (String, u64, u32) = arguments(payload)?;
    let mut file = match files::open(&name) {
        Ok(file) => file,
        Err(error) => return Ok(Some(failed(error))),
    };
    match function {
        "open" => {
            // The same bytes as a reader of the standard library's gets.
            file.seek(SeekFrom::Start(offset))?;
            let mut text = String::new();
            file.take(length.into()).read_to_string(&mut text)?;
            plain(text)
        }
        "data-file.size" => plain(file.size()),
        "data-file.modified" => plain(file.modified()),
        "data-file.replaced" => plain(file.replaced()),
        "data-file.read" => told(file.bytes_at(offset, length)),
        "data-file.read-text" => told(file.text_at(offset, length)),
        _ => Ok(None),
    }
}

/// Sends the pieces; null when all were sent.
pub fn responder(function: &str, payload: &str) -> Result<Answer> {
    let (status, headers, pieces): (u16, Vec<(String, String)>, Vec<String>) = arguments(payload)?;
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let outgoing = match responder::begin(status, &headers) {
        Ok(outgoing) => outgoing,
        Err(error) => return Ok(Some(failed(error))),
    };
    for piece in pieces {
        let sent = match function {
            "outgoing.write" => outgoing.text(&piece),
            "outgoing.write-bytes" => outgoing.bytes(piece.as_bytes()),
            _ => bail!("responder.{function} sends no pieces"),
        };
        if let Err(error) = sent {
            return Ok(Some(failed(error)));
        }
    }
    plain(Value::Null)
}
