"""`wasmpuck:plugin/admission`: plugins that decide which certificates the server takes.

Asked in the order of their names; the first refusal ends the matter. When a plugin fails, its failure policy decides:
`open` asks the next one, `closed` refuses the certificate.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

from wasmpuck.errors import CallFailed
from wasmpuck.keyserver import Accept, Reject
from wasmpuck.openpgp.facts import Submission
from wasmpuck.plugins import Plugin, Registry, Snapshot

__all__ = ["PluginAdmission", "current_snapshot", "prepare"]

#: The snapshot that the running request began with.
current_snapshot: ContextVar[Snapshot | None] = ContextVar("current_snapshot", default=None)

_CODE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_TEXT: Final = 500
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def prepare(snapshot: Snapshot) -> None:
    """Lists the snapshot's admission plugins, once, before it is published."""
    snapshot.views["admission"] = [plugin for plugin in snapshot.plugins.values() if plugin.exports("admission")]


class PluginAdmission:
    """The keyserver's `Admission`, answered by plugins."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def judge(self, submission: Submission) -> Accept | Reject:
        """Accepts what every plugin accepts."""
        snapshot = current_snapshot.get()
        if snapshot is not None:
            return await self._ask(snapshot, submission)
        with self._registry.lease() as leased:
            return await self._ask(leased, submission)

    async def _ask(self, snapshot: Snapshot, submission: Submission) -> Accept | Reject:
        plugins = snapshot.views.get("admission")
        for plugin in plugins if isinstance(plugins, list) else []:
            refusal = await self._one(plugin, submission)
            if refusal is not None:
                return refusal
        return Accept()

    @staticmethod
    async def _one(plugin: Plugin, submission: Submission) -> Reject | None:
        try:
            verdict = await plugin.call("admission.judge", submission)
        except CallFailed as failure:
            if not plugin.refuses(failure):
                return None
            return Reject(
                "plugin-unavailable",
                f"The plugin {plugin.name} cannot judge this certificate now ({failure.reason}). Try again later.",
                plugin.name,
            )
        if verdict.tag == "accept":
            return None
        code = verdict.value.code if _CODE.match(verdict.value.code) else "rejected"
        text = " ".join(_CONTROL.sub(" ", verdict.value.text[:_TEXT]).split())
        return Reject(code, text, plugin.name)
