//! Refuses certificates with forbidden words, puts those with too many user ids into quarantine, and counts what came in.

use serde::{Deserialize, Serialize};
use wasmpuck_plugin::admission::{Submission, Verdict};
use wasmpuck_plugin::events::{self, Event};
use wasmpuck_plugin::{Admission, Events, Lifecycle, Problem, Result, info, plugin, storage};

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// What no user id may contain, in any case.
    words: Vec<String>,
    /// How many user ids a certificate may have before somebody has to look at it.
    max_user_ids: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { words: Vec::new(), max_user_ids: 10 }
    }
}

/// What `upload-guard.rejected` tells.
#[derive(Serialize)]
struct Rejected<'a> {
    fingerprint: &'a str,
    word: &'a str,
}

#[plugin(admission, events)]
struct UploadGuard {
    settings: Settings,
}

impl Lifecycle for UploadGuard {
    type Settings = Settings;

    fn check(settings: &Settings) -> Vec<Problem> {
        let empty = settings.words.iter().enumerate().filter(|(_, word)| word.is_empty());
        empty
            .map(|(place, _)| Problem { path: format!("words.{place}"), message: "must not be empty".into() })
            .collect()
    }

    fn init(settings: Settings) -> Result<Self> {
        Ok(Self { settings })
    }

    fn start(&mut self) -> Result {
        Ok(events::subscribe("key.inserted")?)
    }
}

impl Admission for UploadGuard {
    fn judge(&mut self, submission: Submission) -> Result<Verdict> {
        let ids: Vec<_> = submission.user_ids.iter().map(|id| id.to_lowercase()).collect();
        let forbidden = |word: &&String| ids.iter().any(|id| id.contains(&word.to_lowercase()));
        if let Some(word) = self.settings.words.iter().find(forbidden) {
            let fingerprint = &submission.primary.fingerprint;
            info!("refused a certificate"; "fingerprint" => fingerprint, "word" => word);
            events::publish_json("upload-guard.rejected", &Rejected { fingerprint, word })?;
            return Ok(Verdict::reject("forbidden-word", format!("The user id contains the word {word}.")));
        }
        if ids.len() > self.settings.max_user_ids as usize {
            let text = format!("The certificate has more than {} user ids.", self.settings.max_user_ids);
            return Ok(Verdict::quarantine("too-many-user-ids", text));
        }
        Ok(Verdict::Accept)
    }
}

impl Events for UploadGuard {
    fn on_event(&mut self, event: Event) -> Result {
        if event.topic == "key.inserted" {
            storage::increment("inserted", 1.0, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
