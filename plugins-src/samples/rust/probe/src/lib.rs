//! Calls any import of the contract for whoever asks: a topic is `INTERFACE.FUNCTION`, its payload the arguments as a JSON array.
//!
//! The answer is the result as JSON, or `{"error": CASE, "detail": …, "type": TYPE}`. A function of a resource takes what opens the
//! resource before its own arguments.

mod answer;
mod certificates;
mod outside;
mod stores;
mod within;

use answer::Answer;
use serde_json::{Value, json};
use wasmpuck_plugin::events::Event;
use wasmpuck_plugin::messaging::{Reply, Request as Question, Service};
use wasmpuck_plugin::metrics::{Counter, Gauge, Histogram};
use wasmpuck_plugin::routes::{Outcome, Request, Response, Route};
use wasmpuck_plugin::{Events, Lifecycle, Result, Routes, Services, Tasks, plugin, storage};

static CALLS: Counter<1> = Counter::new("calls", "Calls, by what they were for.", ["purpose"]);
static LEVEL: Gauge<0> = Gauge::new("level", "What was set last.", []);
static SIZES: Histogram<0> = Histogram::new("sizes", "What was observed.", []).buckets(&[1.0, 10.0]);

const STREAM: &str = "/plugins/probe/stream";

#[plugin(routes, services, tasks, events, metrics(CALLS, LEVEL, SIZES))]
struct Probe;

impl Lifecycle for Probe {
    type Settings = serde_json::Map<String, Value>;

    fn init(_: Self::Settings) -> Result<Self> {
        Ok(Self)
    }
}

impl Services for Probe {
    fn services(&self) -> Vec<Service> {
        let tables = [within::TOPICS, stores::TOPICS, certificates::TOPICS, outside::TOPICS].concat();
        tables
            .into_iter()
            .map(|(interface, functions)| Service {
                kind: format!("probe-{interface}"),
                topics: functions.iter().map(|function| format!("{interface}.{function}")).collect(),
                description: format!("Calls {interface}."),
            })
            .collect()
    }

    fn call(&mut self, question: Question) -> Result<Reply> {
        Ok(match ask(&question.topic, &question.payload)? {
            Some(answer) => Reply::Answer(answer.to_string()),
            None => Reply::UnknownTopic,
        })
    }
}

fn ask(topic: &str, payload: &str) -> Result<Answer> {
    let (interface, function) = topic.split_once('.').unwrap_or_default();
    match interface {
        "log" | "settings" | "clock" | "random" | "metrics" => within::ask(interface, function, payload),
        "storage" => stores::storage(function, payload),
        "shared" => stores::shared(function, payload),
        "keys" => certificates::keys(function, payload),
        "key-admin" => certificates::key_admin(function, payload),
        "tasks" | "events" | "messaging" | "secrets" => outside::ask(interface, function, payload),
        "http-client" => outside::http_client(function, payload),
        "files" => outside::files(function, payload),
        "responder" => outside::responder(function, payload),
        _ => Ok(None),
    }
}

impl Routes for Probe {
    fn routes(&self) -> Vec<Route> {
        vec![Route::get(STREAM)]
    }

    /// Streams what `function` and `payload` of the query say.
    fn handle(&mut self, request: Request) -> Result<Outcome> {
        let [function, payload] = ["function", "payload"].map(|name| request.parameter(name).unwrap_or_default());
        match outside::responder(function, payload)? {
            Some(answer) if answer.is_null() => Ok(Outcome::Streamed),
            Some(answer) => Ok(Response::json(200, &answer)?.into()),
            None => Ok(Outcome::NotFound),
        }
    }
}

impl Tasks for Probe {
    fn run(&mut self, name: &str) -> Result {
        Ok(storage::set("task", name, None)?)
    }
}

impl Events for Probe {
    fn on_event(&mut self, event: Event) -> Result {
        let told = json!([event.topic, event.source, event.payload]);
        Ok(storage::set("event", &told.to_string(), None)?)
    }
}

#[cfg(test)]
mod tests;
