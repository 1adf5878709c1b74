//! Changing certificates, in the plugin's name. Every note is at most 200 bytes.

use crate::host;

pub use crate::bindings::wasmpuck::plugin::key_admin::{Entry, Error, Outcome, Page};

/// Takes a certificate in ASCII armor and merges it with what is there.
pub fn submit(armored: &str, note: &str) -> Result<Outcome, Error> {
    host::key_admin::submit(armored, note)
}

/// Puts a certificate in the place of the one with the same primary key.
pub fn replace(armored: &str, note: &str) -> Result<Outcome, Error> {
    host::key_admin::replace(armored, note)
}

/// Removes a certificate for good.
pub fn delete(fingerprint: &str, note: &str) -> Result<(), Error> {
    host::key_admin::delete(fingerprint, note)
}

/// Takes a certificate out of publication.
pub fn quarantine(fingerprint: &str, note: &str) -> Result<(), Error> {
    host::key_admin::quarantine(fingerprint, note)
}

/// Publishes a certificate that is in quarantine.
pub fn release(fingerprint: &str, note: &str) -> Result<Outcome, Error> {
    host::key_admin::release(fingerprint, note)
}

/// What is in quarantine, from `cursor` (empty: from the beginning), at most `limit` (at most 1,000).
pub fn list_quarantine(cursor: &str, limit: u32) -> Result<Page, Error> {
    host::key_admin::list_quarantine(cursor, limit)
}
