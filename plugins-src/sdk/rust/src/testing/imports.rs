//! The imports with the signatures of the contract's bindings.

use super::Line;
use super::state::{Value, with};
use crate::bindings::wasmpuck::plugin as wit;

/// A module of functions that no simulation has.
macro_rules! absent {
    ($module:ident: $($name:ident($($argument:ty),*) -> $answer:ty;)*) => {
        pub mod $module {
            #[allow(unused_imports)]
            use super::wit::$module::*;
            $(pub fn $name($(_: $argument),*) -> $answer {
                panic!("{}::{} is not simulated: unit tests must not get here", stringify!($module), stringify!($name))
            })*
        }
    };
}

absent!(key_admin:
    submit(&str, &str) -> Result<Outcome, Error>;
    replace(&str, &str) -> Result<Outcome, Error>;
    delete(&str, &str) -> Result<(), Error>;
    quarantine(&str, &str) -> Result<(), Error>;
    release(&str, &str) -> Result<Outcome, Error>;
    list_quarantine(&str, u32) -> Result<Page, Error>;
);
absent!(http_client: send(&Request) -> Result<Response, Error>;);
absent!(files:
    names() -> Vec<String>;
    open(&str) -> Result<DataFile, Error>;
);
absent!(responder: begin(u16, &[(String, String)]) -> Result<Outgoing, Error>;);

pub mod log {
    use super::*;

    pub fn write(level: wit::log::Level, message: &str, fields: &[(String, String)]) {
        with(|state| state.logs.push(Line { level, message: message.into(), fields: fields.into() }));
    }
}

pub mod settings {
    use super::*;

    pub fn get(key: &str) -> Option<String> {
        let whole: serde_json::Value = serde_json::from_str(&get_all()).ok()?;
        key.split('.').try_fold(&whole, |table, part| table.get(part)).map(ToString::to_string)
    }

    pub fn get_all() -> String {
        with(|state| state.settings.clone())
    }
}

pub mod clock {
    use super::*;

    pub fn now() -> f64 {
        with(|state| state.now)
    }

    pub fn monotonic() -> f64 {
        now()
    }
}

pub mod random {
    use super::*;

    pub fn bytes(count: u32) -> Vec<u8> {
        (0..count.min(4096)).map(|_| number() as u8).collect()
    }

    pub fn number() -> u32 {
        with(|state| {
            state.seed = state.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state.seed >> 32) as u32
        })
    }
}

pub mod storage {
    use super::*;
    use wit::storage::{BytesValue, Error, KeyPage, Swap, TextValue};

    const LONGEST_KEY: usize = 256;
    const LONGEST_VALUE: usize = 65_536;

    fn put(key: &str, value: Value, size: usize, life: Option<u32>) -> Result<(), Error> {
        if key.is_empty() || key.len() > LONGEST_KEY || size > LONGEST_VALUE {
            return Err(Error::TooLarge);
        }
        with(|state| state.entries.insert(key.into(), (value, state.end(life))));
        Ok(())
    }

    pub fn get(key: &str) -> TextValue {
        with(|state| match state.value(key) {
            Some(Value::Text(text)) => TextValue::Found(text.clone()),
            Some(Value::Count(count)) => TextValue::Found(count.to_string()),
            Some(Value::Bytes(_)) => TextValue::Failed(Error::WrongType),
            None => TextValue::Missing,
        })
    }

    pub fn get_bytes(key: &str) -> BytesValue {
        with(|state| match state.value(key) {
            Some(Value::Text(text)) => BytesValue::Found(text.clone().into()),
            Some(Value::Count(count)) => BytesValue::Found(count.to_string().into()),
            Some(Value::Bytes(bytes)) => BytesValue::Found(bytes.clone()),
            None => BytesValue::Missing,
        })
    }

    pub fn set(key: &str, value: &str, ttl: Option<u32>) -> Result<(), Error> {
        put(key, Value::Text(value.into()), value.len(), ttl)
    }

    pub fn set_bytes(key: &str, value: &[u8], ttl: Option<u32>) -> Result<(), Error> {
        put(key, Value::Bytes(value.into()), value.len(), ttl)
    }

    pub fn delete(key: &str) -> Result<(), Error> {
        with(|state| state.entries.remove(key));
        Ok(())
    }

    pub fn list_keys(prefix: &str, cursor: &str, limit: u32) -> KeyPage {
        with(|state| {
            let living = state.entries.keys().filter(|key| state.value(key).is_some());
            let mut rest = living.filter(|key| key.starts_with(prefix) && key.as_str() > cursor).peekable();
            let keys: Vec<_> = rest.by_ref().take(limit.clamp(1, 1000) as usize).cloned().collect();
            let cursor = rest.peek().and_then(|_| keys.last().cloned()).unwrap_or_default();
            KeyPage { keys, cursor }
        })
    }

    pub fn increment(key: &str, delta: f64, ttl: Option<u32>) -> Result<f64, Error> {
        let (count, end) = with(|state| match state.value(key) {
            None => Ok((0.0, state.end(ttl))),
            Some(Value::Count(count)) => Ok((*count, state.entries[key].1)),
            Some(_) => Err(Error::WrongType),
        })?;
        put(key, Value::Count(count + delta), 0, None)?;
        with(|state| state.entries.insert(key.into(), (Value::Count(count + delta), end)));
        Ok(count + delta)
    }

    pub fn compare_and_swap(key: &str, expected: Option<&str>, value: &str, ttl: Option<u32>) -> Swap {
        let held = match get(key) {
            TextValue::Found(text) => Some(text),
            TextValue::Missing => None,
            TextValue::Failed(error) => return Swap::Failed(error),
        };
        if held.as_deref() != expected {
            return Swap::Changed;
        }
        set(key, value, ttl).map_or_else(Swap::Failed, |()| Swap::Swapped)
    }
}

pub mod metrics {
    use super::*;
    use wit::metrics::{Error, Kind};

    fn change(name: &str, labels: &[String], kinds: &[Kind], new: impl FnOnce(f64) -> f64) -> Result<(), Error> {
        with(|state| {
            let metric = state.metrics.get(name).filter(|metric| kinds.contains(&metric.kind));
            let metric = metric.ok_or(Error::Undeclared)?;
            if metric.labels.len() != labels.len() {
                return Err(Error::WrongLabels);
            }
            let counts = metric.kind == Kind::Counter;
            let series = state.series.entry((name.into(), labels.into())).or_insert(0.0);
            let value = new(*series);
            if !value.is_finite() || (counts && value < *series) {
                return Err(Error::BadValue);
            }
            *series = value;
            Ok(())
        })
    }

    pub fn add(name: &str, labels: &[String], value: f64) -> Result<(), Error> {
        change(name, labels, &[Kind::Counter, Kind::Gauge], |old| old + value)
    }

    pub fn set(name: &str, labels: &[String], value: f64) -> Result<(), Error> {
        change(name, labels, &[Kind::Gauge], |_| value)
    }

    pub fn observe(name: &str, labels: &[String], value: f64) -> Result<(), Error> {
        change(name, labels, &[Kind::Histogram], |_| value)
    }
}

pub mod tasks {
    use super::*;
    use wit::tasks::{Error, Timing};

    pub fn schedule(name: &str, when: Timing) -> Result<(), Error> {
        if name.is_empty() || name.len() > 64 {
            return Err(Error::BadName);
        }
        with(|state| {
            let at = match when {
                Timing::Every(span) | Timing::After(span) => state.now + f64::from(span),
                Timing::At(time) => time,
            };
            state.tasks.insert(name.into(), at);
        });
        Ok(())
    }

    pub fn cancel(name: &str) -> bool {
        with(|state| state.tasks.remove(name).is_some())
    }
}

pub mod events {
    use super::*;
    use wit::events::Error;

    const RESERVED: [&str; 4] = ["file.", "key.", "plugin.", "server."];

    fn check(topic: &str, others: &[char]) -> Result<(), Error> {
        let fits = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-' || others.contains(&letter)
        };
        let right = topic.len() <= 128 && topic.split('.').all(|word| !word.is_empty() && word.chars().all(fits));
        if right { Ok(()) } else { Err(Error::BadTopic) }
    }

    pub fn publish(topic: &str, payload: &str) -> Result<(), Error> {
        check(topic, &[])?;
        if RESERVED.iter().any(|prefix| topic.starts_with(prefix)) {
            return Err(Error::Reserved);
        }
        with(|state| state.published.push((topic.into(), payload.into())));
        Ok(())
    }

    pub fn subscribe(pattern: &str) -> Result<(), Error> {
        check(pattern, &['*'])?;
        with(|state| state.patterns.insert(pattern.into()));
        Ok(())
    }

    pub fn unsubscribe(pattern: &str) -> bool {
        with(|state| state.patterns.remove(pattern))
    }
}

pub mod messaging {
    use super::*;
    use wit::messaging::Error;

    pub fn call(peer: &str, topic: &str, payload: &str) -> Result<String, Error> {
        let answer = with(|state| state.peers.get(peer).cloned()).ok_or(Error::NoSuchPeer)?;
        answer(topic, payload)
    }

    pub fn find(kind: &str) -> Vec<String> {
        let service = format!("service:{kind}");
        with(|state| state.peers.keys().filter(|peer| **peer == service).cloned().collect())
    }
}

pub mod shared {
    use super::*;
    use wit::shared::Error;

    const ABSENT: &str = "this structure of `shared` is not simulated: unit tests must not get here";

    pub fn counter_add(name: &str, delta: f64) -> Result<f64, Error> {
        with(|state| {
            let counter = state.counters.entry(name.into()).or_insert(0.0);
            *counter += delta;
            Ok(*counter)
        })
    }

    pub fn set_add(name: &str, member: &str, ttl: Option<u32>) -> Result<bool, Error> {
        let new = !set_has(name, member)?;
        with(|state| {
            let end = state.end(ttl);
            state.sets.entry(name.into()).or_default().insert(member.into(), end);
        });
        Ok(new)
    }

    pub fn set_has(name: &str, member: &str) -> Result<bool, Error> {
        with(|state| {
            let end = state.sets.get(name).and_then(|set| set.get(member));
            Ok(end.is_some_and(|end| end.is_none_or(|end| end > state.now)))
        })
    }

    pub fn set_remove(name: &str, member: &str) -> Result<bool, Error> {
        let had = set_has(name, member)?;
        with(|state| state.sets.get_mut(name).map(|set| set.remove(member)));
        Ok(had)
    }

    pub fn set_size(name: &str) -> Result<u32, Error> {
        with(|state| {
            let living = |end: &&Option<f64>| end.is_none_or(|end| end > state.now);
            Ok(state.sets.get(name).map_or(0, |set| set.values().filter(living).count() as u32))
        })
    }

    pub fn window_add(_: &str, _: &str, _: f64, _: u32) -> Result<f64, Error> {
        panic!("{ABSENT}")
    }

    pub fn top_add(_: &str, _: &str, _: f64, _: u32) -> Result<(), Error> {
        panic!("{ABSENT}")
    }

    pub fn top_list(_: &str, _: u32) -> Result<Vec<(String, f64)>, Error> {
        panic!("{ABSENT}")
    }

    pub fn distinct_add(_: &str, _: &str) -> Result<(), Error> {
        panic!("{ABSENT}")
    }

    pub fn distinct_count(_: &str) -> Result<f64, Error> {
        panic!("{ABSENT}")
    }

    pub fn remove(name: &str) -> Result<bool, Error> {
        with(|state| Ok(state.counters.remove(name).is_some() | state.sets.remove(name).is_some()))
    }
}

pub mod keys {
    use super::*;
    use wit::keys::{ArmorAnswer, Error, Page, Query, Statistics, Summary, SummaryAnswer};

    fn has(summary: &Summary, fingerprint: &str) -> bool {
        let wanted = fingerprint.to_ascii_lowercase();
        summary.primary.fingerprint == wanted || summary.subkeys.iter().any(|key| key.fingerprint == wanted)
    }

    fn find<T>(fingerprint: &str, part: impl FnOnce(&Summary, &str) -> T) -> Option<T> {
        with(|state| {
            let found = state.keys.iter().find(|(summary, _)| has(summary, fingerprint))?;
            Some(part(&found.0, &found.1))
        })
    }

    fn fits(summary: &Summary, query: &Query) -> bool {
        let ids = &summary.user_ids;
        match query {
            Query::Fingerprint(fingerprint) => has(summary, fingerprint),
            Query::KeyId(id) => {
                let id = id.to_ascii_lowercase();
                let mut all = summary.subkeys.iter().chain([&summary.primary]);
                all.any(|key| key.fingerprint.ends_with(&id))
            }
            Query::Email(email) => ids.iter().any(|it| it.email.eq_ignore_ascii_case(email)),
            Query::Text(text) => ids.iter().any(|it| it.text.to_lowercase().contains(&text.to_lowercase())),
            Query::Domain(domain) => ids.iter().any(|it| it.email.ends_with(&format!("@{domain}"))),
        }
    }

    fn page(limit: u32, cursor: &str, fitting: impl Fn(&Summary) -> bool) -> Page {
        with(|state| {
            let start: usize = cursor.parse().unwrap_or(0);
            let found = state.keys.iter().map(|(summary, _)| summary).filter(|summary| fitting(summary));
            let all: Vec<_> = found.map(|summary| summary.primary.fingerprint.clone()).collect();
            let end = all.len().min(start + limit.clamp(1, 1000) as usize);
            let cursor = if end < all.len() { end.to_string() } else { String::new() };
            Page { fingerprints: all.get(start..end).unwrap_or_default().into(), cursor }
        })
    }

    pub fn summarize(fingerprint: &str) -> SummaryAnswer {
        find(fingerprint, |summary, _| summary.clone()).map_or(SummaryAnswer::Missing, SummaryAnswer::Found)
    }

    pub fn armored(fingerprint: &str) -> ArmorAnswer {
        find(fingerprint, |_, armor| armor.to_owned()).map_or(ArmorAnswer::Missing, ArmorAnswer::Found)
    }

    pub fn search(query: &Query, cursor: &str, limit: u32) -> Result<Page, Error> {
        Ok(page(limit, cursor, |summary| fits(summary, query)))
    }

    pub fn changes(cursor: &str, limit: u32) -> Result<Page, Error> {
        Ok(page(limit, cursor, |_| true))
    }

    pub fn count() -> Result<Statistics, Error> {
        with(|state| Ok(Statistics { total: state.keys.len() as f64, hour: 0.0, day: 0.0 }))
    }
}

pub mod secrets {
    use super::*;
    use wit::secrets::Error;

    pub fn names() -> Vec<String> {
        with(|state| state.secrets.keys().cloned().collect())
    }

    pub fn reveal(name: &str) -> Result<String, Error> {
        with(|state| state.secrets.get(name).cloned()).ok_or(Error::NoSuchSecret)
    }

    pub fn equals(name: &str, candidate: &str) -> Result<bool, Error> {
        reveal(name).map(|value| value == candidate)
    }
}
