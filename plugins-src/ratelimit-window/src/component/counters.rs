//! The tallies in the server's storage, one entry for each client and operation: `w/WINDOW/OPERATION/CLIENT`.
//!
//! An entry is replaced by compare-and-swap, so instances that judge the same client at once lose no request. The
//! window's length is part of the key because counts of another length cannot be compared; the server lets an entry
//! expire when nothing in it counts.

use super::wasmpuck::plugin::storage::{self, Error, Swap, TextValue};
use crate::window::{Quota, Ruling, Tally};

const PREFIX: &str = "w/";

/// Where the cleaning task goes on.
const CURSOR: &str = "cursor";

/// Attempts before a request passes uncounted. Each failure means that another instance has counted one for the same
/// client.
const ATTEMPTS: u32 = 16;

/// Entries that one run of the cleaning task looks at.
const PAGE: u32 = 200;

/// Judges and counts one request at `now` (milliseconds since 1970); the error says why it could not be counted.
pub fn judge(operation: &str, client: &str, window: u64, quota: &Quota, now: u64) -> Result<Ruling, String> {
    let key = format!("{PREFIX}{window}/{operation}/{client}");
    // Fits: windows are at most a day.
    let life = quota.lifetime() as u32;
    for _ in 0..ATTEMPTS {
        let held = read(&key)?;
        let mut tally = held.as_deref().and_then(Tally::parse).unwrap_or_default();
        let ruling = tally.judge(quota, now);
        if let Ruling::Refused { .. } = ruling {
            return Ok(ruling);
        }
        match storage::compare_and_swap(&key, held.as_deref(), &tally.render(), Some(life)) {
            Swap::Swapped => return Ok(ruling),
            Swap::Changed => {}
            Swap::Failed(error) => return Err(words(error)),
        }
    }
    Err(format!("another instance changed the same counter {ATTEMPTS} times in a row"))
}

/// Checks that counters can be read.
pub fn probe() -> Result<(), String> {
    read(CURSOR).map(|_| ())
}

/// Removes entries of other window lengths and those that count no more; gives how many.
///
/// Most go by their time to live; this finds what a changed window or clock left behind. One run looks at one page, and
/// ends early when it may not write more in this second: the next run starts at the same place.
pub fn clean(window: u64, now: u64) -> Result<u32, String> {
    let cursor = read(CURSOR)?.unwrap_or_default();
    let page = storage::list_keys(PREFIX, &cursor, PAGE);
    let own = format!("{PREFIX}{window}/");
    let quota = Quota::new(1, window, 0);
    let mut cleaned = 0;
    for key in &page.keys {
        let removed =
            if key.starts_with(&own) { expire(key, &quota, now) } else { storage::delete(key).map(|()| true) };
        match removed {
            Ok(removed) => cleaned += u32::from(removed),
            Err(Error::RateLimited) if cleaned > 0 => return Ok(cleaned),
            Err(error) => return Err(words(error)),
        }
    }
    if page.cursor != cursor {
        storage::set(CURSOR, &page.cursor, None).map_err(words)?;
    }
    Ok(cleaned)
}

/// Removes an entry in which nothing counts any more; false when it stays.
///
/// It is swapped for nothing that expires at once, not deleted: a request that was counted meanwhile stays counted.
fn expire(key: &str, quota: &Quota, now: u64) -> Result<bool, Error> {
    let held = match storage::get(key) {
        TextValue::Found(text) if !text.is_empty() => text,
        TextValue::Found(_) | TextValue::Missing => return Ok(false),
        TextValue::Failed(error) => return Err(error),
    };
    if Tally::parse(&held).is_some_and(|tally| !tally.is_over(quota, now)) {
        return Ok(false);
    }
    match storage::compare_and_swap(key, Some(&held), "", Some(1)) {
        Swap::Swapped => Ok(true),
        Swap::Changed => Ok(false),
        Swap::Failed(error) => Err(error),
    }
}

fn read(key: &str) -> Result<Option<String>, String> {
    match storage::get(key) {
        TextValue::Found(text) => Ok(Some(text)),
        TextValue::Missing => Ok(None),
        TextValue::Failed(error) => Err(words(error)),
    }
}

fn words(error: Error) -> String {
    match error {
        Error::QuotaExceeded => "its storage is full: grant more storageBytes".into(),
        Error::TooLarge => "an entry is too large".into(),
        Error::RateLimited => "it writes more often than granted: grant more writes a second, or set `lease`".into(),
        Error::WrongType => "an entry is not text".into(),
        Error::Other(text) => text,
    }
}
