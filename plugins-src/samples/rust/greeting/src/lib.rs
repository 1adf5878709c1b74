//! Adds a header to every answer, counts requests and blocks addresses.

use serde::Deserialize;
use wasmpuck_plugin::metrics::Counter;
use wasmpuck_plugin::middleware::{Decision, Request, Response, Scope};
use wasmpuck_plugin::{Lifecycle, Middleware, Problem, Result, bail, info, plugin, storage};

static REQUESTS: Counter<1> = Counter::new("requests", "Requests seen, by operation.", ["operation"]);

const LONGEST_TEXT: usize = 80;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// The header's value.
    text: String,
    /// Addresses of clients that get nothing.
    block: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { text: "hello".into(), block: Vec::new() }
    }
}

#[plugin(middleware, metrics(REQUESTS))]
struct Greeting {
    settings: Settings,
}

impl Lifecycle for Greeting {
    type Settings = Settings;

    fn check(settings: &Settings) -> Vec<Problem> {
        let text = &settings.text;
        if text.chars().count() <= LONGEST_TEXT && !text.chars().any(char::is_control) {
            return Vec::new();
        }
        let message = format!("must be at most {LONGEST_TEXT} characters without control characters");
        vec![Problem { path: "text".into(), message }]
    }

    fn init(settings: Settings) -> Result<Self> {
        Ok(Self { settings })
    }
}

impl Middleware for Greeting {
    fn scope(&self) -> Scope {
        Scope::paths(["/pks/*"]).query()
    }

    fn on_request(&mut self, request: Request) -> Result<Decision> {
        let operation = &request.operation;
        storage::increment(&format!("count:{operation}"), 1.0, None)?;
        REQUESTS.add([operation], 1.0)?;
        if request.parameter("boom") == Some("1") {
            bail!("boom was asked for");
        }
        if self.settings.block.contains(&request.client) {
            info!("blocked a request"; "client" => request.client);
            return Ok(Decision::respond(Response::text(403, "blocked\n")));
        }
        Ok(Decision::next_with([("x-greeting", &self.settings.text)]))
    }
}

#[cfg(test)]
mod tests;
