"""A mail relay for tests that keeps what it gets, and a keyserver that sends through it."""

from __future__ import annotations

import re
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from e2e.serving import ServerThread
from wasmpuck.config import HTTPSettings, MailSettings, VKSSettings, WKDSettings
from wasmpuck.http import build_application
from wasmpuck.keyserver import Keyserver
from wasmpuck.keyserver.services import open_services
from wasmpuck.metrics import Metrics
from wasmpuck.storage import SQLiteKeyStore

__all__ = ["Relay", "Sink", "link_in", "mailing_keyserver", "text_of"]

BASE = "https://keys.example.org"


class Relay(Controller):
    """Listens at a port that the system chooses; `port` is that one as soon as it runs."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no types


@dataclass
class Sink:
    """What aiosmtpd calls for each letter. `refusals` are answered first, one a letter, before any is taken."""

    refusals: list[str] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    letters: list[EmailMessage] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """aiosmtpd's hook."""
        with self._arrived:
            if self.refusals:
                return self.refusals.pop(0)
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
            self.letters.append(message_from_bytes(content, _class=EmailMessage, policy=policy.default))
            self._arrived.notify_all()
        return "250 taken"

    def wait(self, count: int) -> list[EmailMessage]:
        """The letters, as soon as there are `count`."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.letters) >= count, 30), f"{len(self.letters)} letters"
            return list(self.letters)

    def start(self, **options: Any) -> Relay:
        """The relay, listening; stop it in the end."""
        relay = Relay(self, hostname="127.0.0.1", port=0, **options)
        relay.start()
        return relay


def text_of(letter: EmailMessage) -> str:
    """What people read of it."""
    part = letter.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(letter: EmailMessage, base: str = BASE) -> str:
    """Path of the only link in a letter."""
    (link,) = re.findall(rf"{re.escape(base)}(/\S+)", text_of(letter))
    return str(link)


def mailing_keyserver(
    folder: Path,
    port: int,
    *,
    mode: str = "open",
    wkd: WKDSettings | None = None,
    settings: HTTPSettings | None = None,
    **mail: Any,
) -> ServerThread:
    """The public application over SQLite, with a mailer for the relay at `port`; `mail` overrides `[mail]`."""
    metrics, settings = Metrics(process=False), settings or HTTPSettings()
    given: dict[str, Any] = {
        "relay": "127.0.0.1",
        "port": port,
        "tls": "none",
        "sender": "keys@example.org",
        "public_url": BASE,
        "per_client": 10_000,
        "pause": 0.1,
    }

    async def build(stack: AsyncExitStack) -> web.Application:
        store = SQLiteKeyStore(folder / "keys.sqlite")
        await store.open()
        stack.push_async_callback(store.close)
        keyserver = Keyserver(store)
        stack.push_async_callback(keyserver.close)
        services = await stack.enter_async_context(
            open_services(
                store,
                MailSettings(**given | mail),
                VKSSettings(mode=mode),
                folder=folder,
                server="keys.example.org",
                limit=settings.max_results,
                counted=metrics.letter,
            )
        )
        return build_application(keyserver, settings, metrics, services=services, wkd=wkd)

    return ServerThread(build, settings, metrics)
