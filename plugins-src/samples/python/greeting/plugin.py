"""Greets in a header of every answer, counts what is asked for, and turns away whom the operator names."""

from __future__ import annotations

from dataclasses import dataclass

from wasmpuck_plugin import log, metrics, middleware, settings, storage

MOST = 80
requests = metrics.counter("requests", "Requests, by operation.", labels=["operation"])


@dataclass(frozen=True)
class Settings:
    """The operator's settings."""

    text: str = "hello"
    block: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.text) > MOST or not self.text.isprintable():
            raise settings.BadSettings("text", f"must be at most {MOST} characters, none of them a control character")


config = settings.typed(Settings)


@middleware.on_request(paths=["/pks/*"], wants_query=True)
def judge(request: middleware.Request) -> middleware.Verdict:
    """Counts, then lets pass with a greeting or turns away."""
    storage.increment(f"count:{request.operation}")
    requests.add(request.operation)
    if request.client in config.value.block:
        log.info("turned away", client=request.client)
        return middleware.Response(403, "blocked\n", {"content-type": "text/plain"})
    if request.parameter("boom") == "1":
        raise ValueError("boom: somebody asked for it")
    return middleware.Next({"x-greeting": config.value.text})
