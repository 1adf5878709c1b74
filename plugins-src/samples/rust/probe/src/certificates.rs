//! Certificates: keys and key-admin.

use crate::answer::{Answer, arguments, told};
use serde_json::{Value, json};
use wasmpuck_plugin::keys::{Key, Query, Summary};
use wasmpuck_plugin::{Result, key_admin, keys};

pub const TOPICS: &[(&str, &[&str])] = &[
    ("keys", &["search", "summarize", "armored", "changes", "count"]),
    ("key-admin", &["submit", "replace", "delete", "quarantine", "release", "list-quarantine"]),
];

pub fn keys(function: &str, payload: &str) -> Result<Answer> {
    match function {
        "search" => {
            let (kind, text): (String, String) = arguments(payload)?;
            let query = match kind.as_str() {
                "fingerprint" => Query::Fingerprint(text),
                "key-id" => Query::KeyId(text),
                "email" => Query::Email(text),
                "domain" => Query::Domain(text),
                _ => Query::Text(text),
            };
            told(keys::search(query).collect::<Result<Vec<_>, _>>())
        }
        "summarize" => {
            let (fingerprint,): (String,) = arguments(payload)?;
            told(keys::summarize(&fingerprint).map(|found| found.map(summary)))
        }
        "armored" => {
            let (fingerprint,): (String,) = arguments(payload)?;
            told(keys::armored(&fingerprint))
        }
        "changes" => {
            let (cursor, limit): (String, _) = arguments(payload)?;
            told(keys::changes(&cursor, limit).map(|page| page.fingerprints))
        }
        "count" => told(keys::count().map(|all| json!({"total": all.total, "hour": all.hour, "day": all.day}))),
        _ => Ok(None),
    }
}

fn summary(found: Summary) -> Value {
    json!({
        "primary": key(&found.primary),
        "subkeys": found.subkeys.iter().map(key).collect::<Vec<_>>(),
        "user-ids": found.user_ids.iter().map(|id| json!([id.text, id.email, id.revoked])).collect::<Vec<_>>(),
        "size": found.size,
        "updated": found.updated,
    })
}

fn key(key: &Key) -> Value {
    json!({
        "fingerprint": key.fingerprint,
        "version": key.version,
        "algorithm": key.algorithm,
        "bits": key.bits,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
    })
}

pub fn key_admin(function: &str, payload: &str) -> Result<Answer> {
    if function == "list-quarantine" {
        return told(key_admin::list_quarantine("", 100).map(|page| {
            let entry = |it: &key_admin::Entry| json!([it.fingerprint, it.source, it.reason, it.at]);
            page.entries.iter().map(entry).collect::<Vec<_>>()
        }));
    }
    let (subject, note): (String, String) = arguments(payload)?;
    match function {
        "submit" => told(key_admin::submit(&subject, &note).map(outcome)),
        "replace" => told(key_admin::replace(&subject, &note).map(outcome)),
        "delete" => told(key_admin::delete(&subject, &note)),
        "quarantine" => told(key_admin::quarantine(&subject, &note)),
        "release" => told(key_admin::release(&subject, &note).map(outcome)),
        _ => Ok(None),
    }
}

fn outcome(outcome: key_admin::Outcome) -> &'static str {
    match outcome {
        key_admin::Outcome::Inserted => "inserted",
        key_admin::Outcome::Updated => "updated",
        key_admin::Outcome::Unchanged => "unchanged",
        key_admin::Outcome::Quarantined => "quarantined",
    }
}
