//! The plugin's own entries in the server's storage, seen by all its instances.

use crate::clock::milliseconds;
use crate::error::Result;
use crate::host;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

pub use crate::bindings::wasmpuck::plugin::storage::Error;
use crate::bindings::wasmpuck::plugin::storage::{BytesValue, Swap, TextValue};

/// Keys that one call of the server lists.
const PAGE: u32 = 1000;

/// Reads a text or a count (as decimal digits).
pub fn get(key: &str) -> Result<Option<String>, Error> {
    match host::storage::get(key) {
        TextValue::Found(text) => Ok(Some(text)),
        TextValue::Missing => Ok(None),
        TextValue::Failed(error) => Err(error),
    }
}

/// Reads what `set_json` wrote.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    Ok(get(key)?.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// Reads bytes, at about 45 ns each.
pub fn get_bytes(key: &str) -> Result<Option<Vec<u8>>, Error> {
    match host::storage::get_bytes(key) {
        BytesValue::Found(bytes) => Ok(Some(bytes)),
        BytesValue::Missing => Ok(None),
        BytesValue::Failed(error) => Err(error),
    }
}

/// Writes a text of at most 65,536 bytes; `life` is how long it lives, for ever without.
pub fn set(key: &str, value: &str, life: Option<Duration>) -> Result<(), Error> {
    host::storage::set(key, value, life.map(milliseconds))
}

/// Writes a value as JSON.
pub fn set_json<T: Serialize + ?Sized>(key: &str, value: &T, life: Option<Duration>) -> Result {
    Ok(set(key, &serde_json::to_string(value)?, life)?)
}

/// Writes bytes.
pub fn set_bytes(key: &str, value: &[u8], life: Option<Duration>) -> Result<(), Error> {
    host::storage::set_bytes(key, value, life.map(milliseconds))
}

/// Removes an entry, if there is one.
pub fn delete(key: &str) -> Result<(), Error> {
    host::storage::delete(key)
}

/// Adds to a count and returns what it is then; an absent one is 0, and `life` begins when it is made.
pub fn increment(key: &str, delta: f64, life: Option<Duration>) -> Result<f64, Error> {
    host::storage::increment(key, delta, life.map(milliseconds))
}

/// Writes `value` if the entry is exactly `expected` (`None`: if there is none); whether it was.
pub fn compare_and_swap(key: &str, expected: Option<&str>, value: &str, life: Option<Duration>) -> Result<bool, Error> {
    match host::storage::compare_and_swap(key, expected, value, life.map(milliseconds)) {
        Swap::Swapped => Ok(true),
        Swap::Changed => Ok(false),
        Swap::Failed(error) => Err(error),
    }
}

/// All keys that start with `prefix`, in ascending order, read page by page.
pub fn keys(prefix: &str) -> impl Iterator<Item = String> {
    let prefix = prefix.to_owned();
    let mut cursor = Some(String::new());
    std::iter::from_fn(move || {
        let page = host::storage::list_keys(&prefix, cursor.as_deref()?, PAGE);
        cursor = (!page.cursor.is_empty()).then_some(page.cursor);
        Some(page.keys)
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn entries_come_back_and_expire() {
        let host = Host::new();
        set_json("a", &[1, 2], Some(Duration::from_secs(1))).unwrap();
        assert_eq!(get_json::<Vec<u8>>("a").unwrap(), Some(vec![1, 2]));
        host.pass(Duration::from_secs(1));
        assert_eq!(get("a"), Ok(None));
    }

    #[test]
    fn keys_are_listed_over_all_pages() {
        let _host = Host::new();
        for number in 0..2100 {
            set(&format!("k{number:04}"), "", None).unwrap();
        }
        set("other", "", None).unwrap();
        let found: Vec<_> = keys("k").collect();
        assert_eq!((found.len(), found[2099].as_str()), (2100, "k2099"));
    }

    #[test]
    fn a_swap_needs_what_is_expected() {
        let _host = Host::new();
        assert_eq!(compare_and_swap("a", None, "1", None), Ok(true));
        assert_eq!(compare_and_swap("a", None, "2", None), Ok(false));
        assert_eq!(compare_and_swap("a", Some("1"), "2", None), Ok(true));
        assert_eq!(increment("a", 1.0, None), Err(Error::WrongType));
    }
}
