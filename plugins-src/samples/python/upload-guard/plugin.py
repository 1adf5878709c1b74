"""Keeps certificates out whose user ids have words that nobody wants, and puts crowds aside."""

from __future__ import annotations

from dataclasses import dataclass

from wasmpuck_plugin import admission, events, log, settings, storage


@dataclass(frozen=True)
class Settings:
    """The operator's settings."""

    words: tuple[str, ...] = ()
    max_user_ids: int = 10


config = settings.typed(Settings)


@admission.judge
def judge(submission: admission.Submission) -> admission.Verdict:
    """Looks at the user ids."""
    for user_id in submission.user_ids:
        for word in config.value.words:
            if word.lower() in user_id.lower():
                fingerprint = submission.primary.fingerprint
                events.publish("upload-guard.rejected", {"fingerprint": fingerprint, "word": word})
                log.info("rejected", fingerprint=fingerprint, word=word)
                return admission.Reject("forbidden-word", f"The user id contains the word {word}.")
    most = config.value.max_user_ids
    if len(submission.user_ids) > most:
        return admission.Quarantine("too-many-user-ids", f"The certificate has more than {most} user ids.")
    return admission.Accept()


@events.on("key.inserted")
def inserted(event: events.Event) -> None:
    """Counts what came in."""
    storage.increment("inserted")
