//! Counts the words of a certificate's user ids, and the certificates.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use wasmpuck_plugin::routes::{Outcome, Request, Response, Route};
use wasmpuck_plugin::{
    Error, Lifecycle, Problem, Result, Routes, Tasks, bail, clock, debug, keys, plugin, storage, tasks,
};

const WORDS: &str = "/plugins/wordcount/words";
const TOTAL: &str = "/plugins/wordcount/total";
const REFRESH: &str = "refresh";

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Seconds between two counts of the certificates.
    interval: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { interval: 60 }
    }
}

/// How many certificates there were at a time (milliseconds since 1970).
#[derive(Serialize)]
struct Total {
    total: u64,
    at: u64,
}

#[derive(Serialize)]
struct Words<'a> {
    fingerprint: &'a str,
    words: usize,
    user_ids: usize,
}

#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a str,
}

#[plugin(routes, tasks)]
struct Wordcount {
    interval: Duration,
}

impl Lifecycle for Wordcount {
    type Settings = Settings;

    fn check(settings: &Settings) -> Vec<Problem> {
        if (1..=86_400).contains(&settings.interval) {
            return Vec::new();
        }
        vec![Problem { path: "interval".into(), message: "must be 1 to 86400 seconds".into() }]
    }

    fn init(settings: Settings) -> Result<Self> {
        Ok(Self { interval: Duration::from_secs(settings.interval.into()) })
    }

    fn start(&mut self) -> Result {
        tasks::every(REFRESH, self.interval).map_err(|error| Error::unavailable(Error::from(error).to_string()))
    }
}

impl Routes for Wordcount {
    fn routes(&self) -> Vec<Route> {
        vec![Route::get(WORDS), Route::get(TOTAL)]
    }

    fn handle(&mut self, request: Request) -> Result<Outcome> {
        let response = match request.path.as_str() {
            WORDS => words(request.parameter("fingerprint").unwrap_or_default())?,
            TOTAL => total()?,
            _ => return Ok(Outcome::NotFound),
        };
        Ok(response.into())
    }
}

impl Tasks for Wordcount {
    fn run(&mut self, name: &str) -> Result {
        if name != REFRESH {
            bail!("there is no task `{name}`");
        }
        let total = keys::count()?.total as u64;
        debug!("counted the certificates"; "total" => total);
        storage::set("at", &(clock::now() as u64).to_string(), None)?;
        Ok(storage::set("total", &total.to_string(), None)?)
    }
}

fn words(fingerprint: &str) -> Result<Response> {
    let Some(certificate) = keys::summarize(fingerprint)? else {
        return Response::json(404, &Refusal { error: "there is no such certificate" });
    };
    let ids = &certificate.user_ids;
    let words = ids.iter().map(|id| id.text.split_whitespace().count()).sum();
    Response::json(200, &Words { fingerprint: &certificate.primary.fingerprint, words, user_ids: ids.len() })
}

fn total() -> Result<Response> {
    match (storage::get("total")?, storage::get("at")?) {
        (Some(total), Some(at)) => Response::json(200, &Total { total: total.parse()?, at: at.parse()? }),
        _ => Response::json(404, &Refusal { error: "nothing was counted yet" }),
    }
}

#[cfg(test)]
mod tests;
