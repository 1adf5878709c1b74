//! Reading certificates, as anybody may who asks the keyserver.

use crate::host;

use crate::bindings::wasmpuck::plugin::keys::{ArmorAnswer, SummaryAnswer};
pub use crate::bindings::wasmpuck::plugin::keys::{Error, Key, Page, Query, Statistics, Summary, UserId};

/// Certificates that one call asks for.
const PAGE: u32 = 1000;

/// What is known of a certificate, by any of its keys' fingerprints.
pub fn summarize(fingerprint: &str) -> Result<Option<Summary>, Error> {
    match host::keys::summarize(fingerprint) {
        SummaryAnswer::Found(summary) => Ok(Some(summary)),
        SummaryAnswer::Missing => Ok(None),
        SummaryAnswer::Failed(error) => Err(error),
    }
}

/// A certificate in ASCII armor, by any of its keys' fingerprints.
pub fn armored(fingerprint: &str) -> Result<Option<String>, Error> {
    match host::keys::armored(fingerprint) {
        ArmorAnswer::Found(armor) => Ok(Some(armor)),
        ArmorAnswer::Missing => Ok(None),
        ArmorAnswer::Failed(error) => Err(error),
    }
}

/// Fingerprints of the certificates that a query finds, read page by page; ends after an error.
pub fn search(query: Query) -> impl Iterator<Item = Result<String, Error>> {
    let mut cursor = Some(String::new());
    std::iter::from_fn(move || {
        let answer = host::keys::search(&query, cursor.as_deref()?, PAGE);
        Some(match answer {
            Ok(page) => {
                cursor = (!page.cursor.is_empty()).then_some(page.cursor);
                page.fingerprints.into_iter().map(Ok).collect()
            }
            Err(error) => {
                cursor = None;
                vec![Err(error)]
            }
        })
    })
    .flatten()
}

/// Certificates that changed since `cursor` (empty: all, oldest change first), at most `limit`; the page's cursor is good later.
pub fn changes(cursor: &str, limit: u32) -> Result<Page, Error> {
    host::keys::changes(cursor, limit)
}

/// Numbers about the whole.
pub fn count() -> Result<Statistics, Error> {
    host::keys::count()
}
