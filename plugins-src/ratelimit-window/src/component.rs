//! The plugin as the server sees it.

mod counters;

wit_bindgen::generate!({
    path: "../../wit",
    world: "middleware-with-tasks",
});

use crate::address::Address;
use crate::settings::{Settings, counted_as};
use crate::window::{self, Quota, Ruling};
use exports::wasmpuck::plugin::lifecycle::{self, Condition, Failure, Info};
use exports::wasmpuck::plugin::middleware::{
    self, Amendment, Answer, Decision, Request, Response, Reuse, ReuseScope, Scope, Verdict,
};
use exports::wasmpuck::plugin::task_handler::{self, Outcome};
use std::cell::RefCell;
use wasmpuck::plugin::log::{self, Level};
use wasmpuck::plugin::metrics::{self, Declaration, Kind};
use wasmpuck::plugin::{clock, tasks};

const CLEANING: &str = "clean";

/// A refusal is repeated by the server for at most this long (ms), so that its Retry-After is never more than a second
/// off.
const REFUSAL_REUSE: u64 = 1000;

/// A client that is never limited need not be looked at again for this long (ms).
const EXEMPT_REUSE: u32 = 60_000;

/// What an instance keeps; everything that counts is in the server's storage.
struct State {
    settings: Settings,
    /// Why the counters last failed; none after they worked.
    trouble: Option<String>,
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Runs `action` on the state. The server calls `init` first, so a missing state is its fault and a trap is right.
fn with_state<T>(action: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(|state| action(state.as_mut().expect("init was called first")))
}

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn describe() -> Info {
        let counter = |name: &str, help: &str, labels: &[&str]| Declaration {
            name: name.into(),
            kind: Kind::Counter,
            help: help.into(),
            labels: labels.iter().map(|label| (*label).into()).collect(),
            buckets: Vec::new(),
        };
        Info {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            description: env!("CARGO_PKG_DESCRIPTION").into(),
            metrics: vec![
                counter(
                    "requests",
                    "Requests judged, by operation and outcome (allowed, limited, exempt, uncounted).",
                    &["operation", "outcome"],
                ),
                counter("leased", "Requests permitted and counted in advance, by operation.", &["operation"]),
                counter("cleaned", "Entries removed by the cleaning task.", &[]),
            ],
        }
    }

    fn validate_config(config: String) -> Vec<lifecycle::Problem> {
        Settings::parse(&config).err().map_or_else(Vec::new, problems)
    }

    fn init(config: String) -> Result<(), Failure> {
        let settings = Settings::parse(&config).map_err(|found| Failure::Configuration(problems(found)))?;
        STATE.set(Some(State { settings, trouble: None }));
        Ok(())
    }

    fn start() -> Result<(), Failure> {
        let interval = with_state(|state| state.settings.cleaning_interval);
        tasks::schedule(CLEANING, tasks::Timing::Every(interval)).map_err(|error| {
            Failure::Unavailable(match error {
                tasks::Error::TooMany => "no task may be scheduled: grant one task for cleaning".into(),
                tasks::Error::TooOften => {
                    format!("cleaningInterval = {} s is below the least interval granted", interval / 1000)
                }
                tasks::Error::BadName => "the server does not take the task's name `clean`".into(),
                tasks::Error::Other(text) => format!("the cleaning task was not scheduled: {text}"),
            })
        })
    }

    fn health() -> Condition {
        if let Err(error) = counters::probe() {
            return Condition::Failing(format!("counters cannot be read, so requests pass uncounted: {error}"));
        }
        match with_state(|state| state.trouble.clone()) {
            Some(trouble) => Condition::Degraded(format!("the last request passed uncounted: {trouble}")),
            None => Condition::Healthy,
        }
    }

    fn self_test() -> Result<(), Failure> {
        window::self_test().map_err(Failure::Other)
    }

    fn shutdown(_reason: lifecycle::Reason) {}
}

impl middleware::Guest for Plugin {
    fn describe_scope() -> Scope {
        Scope {
            priority: 100,
            paths: vec!["/pks/*".into()],
            headers: Vec::new(),
            wants_query: false,
            wants_body: false,
            wants_response: false,
        }
    }

    fn on_request(request: Request) -> Decision {
        with_state(|state| judge(state, &request))
    }

    fn on_response(_request: Request, _answer: Answer) -> Amendment {
        Amendment::Keep
    }
}

impl task_handler::Guest for Plugin {
    fn run(name: String) -> Outcome {
        if name != CLEANING {
            return Outcome::Failed(format!("there is no task `{name}`"));
        }
        let window = with_state(|state| state.settings.window);
        match counters::clean(window, clock::now() as u64) {
            Ok(0) => Outcome::Done,
            Ok(cleaned) => {
                count("cleaned", &[], cleaned);
                log::write(Level::Debug, "removed expired windows", &[("entries".into(), cleaned.to_string())]);
                Outcome::Done
            }
            Err(error) => Outcome::Failed(format!("expired windows could not be removed: {error}")),
        }
    }
}

fn judge(state: &mut State, request: &Request) -> Decision {
    let operation = counted_as(&request.operation);
    let address = Address::parse(&request.client);
    let exempt = address.is_some_and(|address| state.settings.exempt.iter().any(|network| network.contains(address)));
    let limit = state.settings.limit(operation);
    let (Some(limit), false) = (limit, exempt) else {
        count("requests", &[operation, "exempt"], 1);
        let scope = if exempt { ReuseScope::Client } else { ReuseScope::ClientOperation };
        return pass(Vec::new(), reuse(state, scope, u32::MAX, EXEMPT_REUSE));
    };
    let settings = &state.settings;
    let client = address.map_or_else(|| "unknown".into(), |address| address.group(settings.ipv6_prefix));
    let quota = Quota::new(limit, settings.window, settings.lease);
    let ruling = counters::judge(operation, &client, settings.window, &quota, clock::now() as u64);
    let policy = || {
        vec![
            ("ratelimit-limit".into(), limit.to_string()),
            ("ratelimit-policy".into(), format!("{limit};w={}", seconds_of(settings.window))),
        ]
    };
    match ruling {
        Ok(Ruling::Allowed { remaining, reset, leased, lease_time }) => {
            count("requests", &[operation, "allowed"], 1);
            if leased > 0 {
                count("leased", &[operation], leased);
            }
            let mut headers = policy();
            headers.push(("ratelimit-remaining".into(), remaining.to_string()));
            headers.push(("ratelimit-reset".into(), window::seconds(reset).to_string()));
            state.trouble = None;
            // Fits: a slice is shorter than a day.
            pass(headers, reuse(state, ReuseScope::ClientOperation, leased, lease_time as u32))
        }
        Ok(Ruling::Refused { retry }) => {
            count("requests", &[operation, "limited"], 1);
            let mut headers = policy();
            let wait = window::seconds(retry).to_string();
            let body = format!(
                "Too many requests: at most {limit} of the kind `{operation}` in {} seconds are served to one client. \
                 Try again in {wait} seconds.\n",
                seconds_of(settings.window)
            );
            headers.push(("ratelimit-remaining".into(), "0".into()));
            headers.push(("ratelimit-reset".into(), wait.clone()));
            headers.push(("retry-after".into(), wait));
            headers.push(("content-type".into(), "text/plain; charset=utf-8".into()));
            headers.push(("cache-control".into(), "no-store".into()));
            state.trouble = None;
            Decision {
                verdict: Verdict::Respond(Response { status: 429, headers, body }),
                reuse: reuse(state, ReuseScope::ClientOperation, u32::MAX, retry.min(REFUSAL_REUSE) as u32),
            }
        }
        Err(error) => {
            count("requests", &[operation, "uncounted"], 1);
            if state.trouble.as_ref() != Some(&error) {
                log::write(Level::Warn, "a request passed uncounted", &[("reason".into(), error.clone())]);
                state.trouble = Some(error);
            }
            pass(Vec::new(), None)
        }
    }
}

fn pass(headers: Vec<(String, String)>, reuse: Option<Reuse>) -> Decision {
    Decision { verdict: Verdict::Next(headers), reuse }
}

/// The hint to the server; none when the operator wants to be asked each time, or when it would permit nothing.
fn reuse(state: &State, scope: ReuseScope, requests: u32, milliseconds: u32) -> Option<Reuse> {
    (state.settings.lease > 0 && requests > 0 && milliseconds > 0).then_some(Reuse { scope, requests, milliseconds })
}

fn seconds_of(window: u64) -> u64 {
    window::seconds(window)
}

/// Adds to a metric. Metrics are declared in `describe`; a server that refuses one must not stop requests.
fn count(name: &str, labels: &[&str], value: u32) {
    let labels: Vec<String> = labels.iter().map(|label| (*label).into()).collect();
    let _ = metrics::add(name, &labels, f64::from(value));
}

fn problems(found: Vec<crate::settings::Problem>) -> Vec<lifecycle::Problem> {
    found.into_iter().map(|problem| lifecycle::Problem { path: problem.path, message: problem.message }).collect()
}

export!(Plugin);
