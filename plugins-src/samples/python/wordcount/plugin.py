"""Counts the words of a certificate's user ids, and now and then the certificates."""

from __future__ import annotations

from dataclasses import dataclass

from wasmpuck_plugin import clock, keys, lifecycle, log, routes, settings, storage, tasks


@dataclass(frozen=True)
class Settings:
    """The operator's settings: seconds between two counts."""

    interval: int = 60

    def __post_init__(self) -> None:
        if not 1 <= self.interval <= 86_400:
            raise settings.BadSettings("interval", "must be 1 to 86400 seconds")


config = settings.typed(Settings)


@lifecycle.start
def start() -> None:
    """Schedules the count."""
    tasks.schedule("refresh", every=config.value.interval)


@tasks.task("refresh")
def refresh() -> None:
    """Counts the certificates."""
    total = keys.count().total
    storage.set("total", str(total))
    storage.set("at", str(round(clock.time() * 1000)))
    log.debug("counted", total=total)


@routes.get("words")
def words(request: routes.Request) -> routes.Answer:
    """The words of one certificate's user ids."""
    fingerprint = request.parameter("fingerprint") or ""
    found = keys.summarize(fingerprint)
    if found is None:
        return routes.json({"error": "there is no such certificate"}, 404)
    count = sum(len(one.text.split()) for one in found.user_ids)
    return {"fingerprint": found.primary.fingerprint, "words": count, "user_ids": len(found.user_ids)}


@routes.get("total")
def total(request: routes.Request) -> routes.Answer:
    """The last count."""
    number, at = storage.get("total"), storage.get("at")
    if number is None or at is None:
        return routes.json({"error": "nothing was counted yet"}, 404)
    return {"total": int(number), "at": int(at)}
