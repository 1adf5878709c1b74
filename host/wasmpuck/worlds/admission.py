"""`wasmpuck:plugin/admission`: plugins that decide which certificates the server takes.

Asked in the order of priority, then name, each about the ways in that it judges. The first refusal ends the matter; a
rewritten certificate is what the plugins see that are asked later; quarantine is where it ends if nobody refuses it.
When a plugin fails, its failure policy decides: `open` asks the next one, `closed` refuses the certificate.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final

from wasmpuck.errors import CallFailed
from wasmpuck.keyserver import Accept, Candidate, Quarantine, Reason, Reject, Verdict
from wasmpuck.keyserver.admission import submitters
from wasmpuck.openpgp.armor import armor
from wasmpuck.openpgp.facts import Origin, Submission
from wasmpuck.plugins import Plugin, Registry, Snapshot

__all__ = ["Link", "PluginAdmission", "current_snapshot", "prepare"]

#: The snapshot that the running request began with.
current_snapshot: ContextVar[Snapshot | None] = ContextVar("current_snapshot", default=None)

_JUDGE: Final = "admission.judge"
_CODE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_TEXT: Final = 500
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Link:
    """One admission plugin with its scope."""

    __slots__ = ("origins", "plugin", "priority", "wants_armor")

    def __init__(self, plugin: Plugin, scope: Any) -> None:
        self.plugin = plugin
        self.priority = plugin.settings.priority if plugin.settings.priority is not None else scope.priority
        self.origins = frozenset(Origin(origin) for origin in scope.origins) or frozenset(Origin)
        self.wants_armor = bool(scope.wants_armor)

    def applies(self, submission: Submission) -> bool:
        """Whether it is asked: not about other ways in, and not about what follows from its own submission."""
        return submission.origin in self.origins and self.plugin.name not in submitters.get()

    def view(self, candidate: Candidate) -> Submission:
        """The submission as the plugin sees it."""
        submission = candidate.submission
        return replace(submission, armored=armor(candidate.ready.data)) if self.wants_armor else submission


def prepare(snapshot: Snapshot) -> None:
    """Lists the snapshot's admission plugins in their order, once, before it is published."""
    links = [
        Link(plugin, plugin.scopes["admission"]) for plugin in snapshot.plugins.values() if plugin.exports("admission")
    ]
    snapshot.views["admission"] = sorted(links, key=lambda link: (link.priority, link.plugin.name))


class PluginAdmission:
    """The keyserver's `Admission`, answered by plugins."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def judge(self, candidate: Candidate) -> Verdict:
        """Accepts what every plugin accepts."""
        snapshot = current_snapshot.get()
        if snapshot is not None:
            return await _Hearing(candidate).ask(snapshot)
        with self._registry.lease() as leased:
            return await _Hearing(candidate).ask(leased)


@dataclass(slots=True)
class _Hearing:
    """One certificate before the plugins. `doubt` is the first reason for quarantine."""

    candidate: Candidate
    rewritten: Candidate | None = None
    reasons: tuple[Reason, ...] = ()
    doubt: Reason | None = None

    async def ask(self, snapshot: Snapshot) -> Verdict:
        links = snapshot.views.get("admission")
        for link in links if isinstance(links, list) else []:
            if link.applies(self.candidate.submission):
                refusal = await self._one(link)
                if refusal is not None:
                    return refusal
        if self.doubt is not None:
            return Quarantine(self.doubt.code, self.doubt.text, self.doubt.plugin, self.rewritten)
        return Accept(self.rewritten, self.reasons)

    async def _one(self, link: Link) -> Reject | None:
        plugin = link.plugin
        try:
            verdict = await plugin.call(_JUDGE, link.view(self.candidate))
            if verdict.tag == "rewrite":
                await self._rewrite(plugin, verdict.value)
                return None
        except CallFailed as failure:
            if not plugin.refuses(failure):
                return None
            return Reject(
                "plugin-unavailable",
                f"The plugin {plugin.name} cannot judge this certificate now ({failure.reason}). Try again later.",
                plugin.name,
            )
        if verdict.tag == "reject":
            reason = _reason(verdict.value, "rejected", plugin)
            return Reject(reason.code, reason.text, reason.plugin)
        if verdict.tag == "quarantine" and self.doubt is None:
            self.doubt = _reason(verdict.value, "quarantined", plugin)
        return None

    async def _rewrite(self, plugin: Plugin, rewriting: Any) -> None:
        """Raises CallFailed when what the plugin gives cannot stand for the certificate that came."""
        made = await self.candidate.rewrite(rewriting.armored)
        if isinstance(made, str):
            raise plugin.disown(_JUDGE, f"the rewritten certificate cannot be taken: {made}")
        self.candidate = self.rewritten = made
        self.reasons += (_reason(rewriting.reason, "rewritten", plugin),)


def _reason(given: Any, code: str, plugin: Plugin) -> Reason:
    """What of a plugin's reason may go to a client; `code` where its own is none."""
    text = " ".join(_CONTROL.sub(" ", given.text[:_TEXT]).split())
    return Reason(given.code if _CODE.match(given.code) else code, text, plugin.name)
