"""Values of exported functions: from the generated classes to the SDK's, and back."""

from __future__ import annotations

from typing import Any

from wasmpuck_plugin import _dispatch, admission, events, formatter, middleware, routes, services
from wasmpuck_plugin._headers import pairs
from wasmpuck_plugin._times import from_milliseconds

from .host import bound, kebab_enum

__all__ = ["inward", "outward"]

_middleware: Any = bound("exports", "middleware")
_admission: Any = bound("exports", "admission")
_routes: Any = bound("exports", "routes")


class inward:
    """What a server hands in."""

    @staticmethod
    def request(found: Any) -> middleware.Request:
        return middleware.Request(
            found.client,
            found.operation,
            found.method,
            found.path,
            tuple(found.query),
            tuple(found.headers),
            found.body,
        )

    @staticmethod
    def answer(found: Any) -> middleware.Answer:
        return middleware.Answer(found.status, tuple(found.headers), found.size, found.duration / 1000)

    @staticmethod
    def submission(found: Any) -> admission.Submission:
        origin: Any = kebab_enum(found.origin)
        return admission.Submission(
            origin,
            found.client,
            found.source,
            _key(found.primary),
            tuple(map(_key, found.subkeys)),
            tuple(found.user_ids),
            found.size,
            found.signatures,
            found.known,
            found.armored,
        )

    @staticmethod
    def visit(found: Any) -> routes.Request:
        body = getattr(found.body, "value", None)
        return routes.Request(
            found.client, found.method, found.path, found.rest, tuple(found.query), tuple(found.headers), body
        )

    @staticmethod
    def rendering(found: Any) -> formatter.Request:
        certificates = tuple(
            formatter.Certificate(one.fingerprint, one.armored, one.summary) for one in found.certificates
        )
        return formatter.Request(found.format, found.operation, found.search, certificates)

    @staticmethod
    def question(found: Any) -> services.Request:
        return services.Request(found.caller, found.topic, found.payload)

    @staticmethod
    def event(found: Any) -> events.Event:
        return events.Event(found.topic, found.source, found.payload, from_milliseconds(found.at))


def _key(found: Any) -> admission.Key:
    created = from_milliseconds(found.created)
    return admission.Key(found.fingerprint, found.version, found.algorithm, found.bits, created)


class outward:
    """What a server gets."""

    @staticmethod
    def decision(found: middleware.Decision) -> Any:
        case, reuse = _dispatch.wire_decision(found)
        kept = None
        if reuse is not None:
            scope = _middleware.ReuseScope[reuse[0].upper().replace("-", "_")]
            kept = _middleware.Reuse(scope, reuse[1], reuse[2])
        name = case.tag.capitalize()
        record = {"delay": "Delay", "drip": "Drip", "challenge": "Challenge", "respond": "Response"}.get(case.tag)
        value = case.value if record is None else getattr(_middleware, record)(*case.value)
        return _middleware.Decision(getattr(_middleware, f"Verdict_{name}")(value), kept)

    @staticmethod
    def amendment(found: middleware.Amendment | None) -> Any:
        if found is None:
            return _middleware.Amendment_Keep()
        if isinstance(found, middleware.SetHeaders):
            return _middleware.Amendment_SetHeaders(pairs(found.headers))
        return _middleware.Amendment_Replace(_middleware.Response(found.status, pairs(found.headers), found.body))

    @staticmethod
    def verdict(found: admission.Verdict) -> Any:
        if isinstance(found, admission.Accept):
            return _admission.Verdict_Accept()
        reason = _admission.Reason(found.code, found.text)
        if isinstance(found, admission.Reject):
            return _admission.Verdict_Reject(reason)
        if isinstance(found, admission.Quarantine):
            return _admission.Verdict_Quarantine(reason)
        return _admission.Verdict_Rewrite(_admission.Rewriting(found.armored, reason))

    @staticmethod
    def scope(found: admission.Scope) -> Any:
        origins = [_admission.Origin[name.upper()] for name in found.origins]
        return _admission.Scope(found.priority, origins, found.wants_armor)

    @staticmethod
    def outcome(found: routes.Response | routes.Streamed | None) -> Any:
        if found is None:
            return _routes.Outcome_NotFound()
        if isinstance(found, routes.Streamed):
            return _routes.Outcome_Streamed()
        body = _routes.Body_Empty()
        if isinstance(found.body, str):
            body = _routes.Body_Text(found.body)
        elif found.body is not None:
            body = _routes.Body_Bytes(found.body)
        return _routes.Outcome_Respond(_routes.Response(found.status, pairs(found.headers), body))
