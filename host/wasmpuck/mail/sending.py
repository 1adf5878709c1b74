"""Sending letters through a relay, in threads of their own, with a queue that has an end.

queued ──sent──────────────────────────────▶ sent
   │ ▲
   │ └── pause ◀── the relay is away or says "later" (4xx), attempts are left
   └──── the relay says "never" (5xx), or no attempt is left ──▶ lost
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from wasmpuck.errors import OperatorError

from .addresses import Mailbox
from .letters import Letter, compose

__all__ = ["MailUnavailable", "Mailer", "Post", "Relay"]

_log = logging.getLogger("wasmpuck.mail")


class MailUnavailable(OperatorError):
    """No letter can be taken now; the message is for the operator."""


class Post(Protocol):
    """Whoever takes letters."""

    def send(self, letter: Letter) -> None:
        """Takes a letter without waiting for its delivery. Raises `MailUnavailable`; nothing was taken then."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A mail server that takes letters for every domain.

    `tls` is `none`, `starttls` (required, not tried) or `tls` from the first byte; certificates are checked against
    `authority` (a PEM file) or else the system's. `timeout` is in seconds and holds for every single answer.
    """

    host: str
    port: int
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    authority: str = ""
    timeout: float = 30.0


@dataclass(slots=True)
class _Queued:
    letter: Letter
    attempts: int = 0


class Mailer:
    """Sends letters in the order in which they came, unless one has to be tried again. Lives as long as the server.

    `capacity` bounds the letters that wait, those between two attempts included; `attempts` how often one is tried;
    `pause` is the seconds before the second attempt, doubled for each further one. `counted` is told `sent`, `retried`
    or `lost`. Letters that wait when the server stops get `close`'s patience and are lost then: they only hold links
    that can be asked for again.
    """

    def __init__(
        self,
        relay: Relay,
        sender: Mailbox,
        *,
        capacity: int = 1000,
        attempts: int = 5,
        pause: float = 15.0,
        counted: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        self._relay = relay
        self._sender = sender
        self._capacity = capacity
        self._attempts = attempts
        self._pause = pause
        self._counted = counted
        self._queue: asyncio.Queue[_Queued] = asyncio.Queue()
        self._waiting = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._line = _Line()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="mail")

    def start(self) -> None:
        """Begins to send; call on the running loop."""
        self._keep(asyncio.get_running_loop().create_task(self._work(), name="mail"))

    def send(self, letter: Letter) -> None:
        """See `Post`."""
        if self._waiting >= self._capacity:
            raise MailUnavailable(
                f"{self._waiting} letters wait for the relay {self._relay.host}",
                hint="look at the log for why it takes none, or raise mail.queue",
            )
        self._waiting += 1
        self._idle.clear()
        self._queue.put_nowait(_Queued(letter))

    @property
    def waiting(self) -> int:
        """Letters that are neither sent nor lost."""
        return self._waiting

    async def drained(self) -> None:
        """Returns when no letter waits."""
        await self._idle.wait()

    async def close(self, patience: float = 5.0) -> None:
        """Gives what waits `patience` seconds, then stops; a relay that keeps silent is not waited for."""
        if self._tasks:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), patience)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._waiting:
            _log.warning("%d letters were not sent", self._waiting)
        self._line.hang_up()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            queued = await self._queue.get()
            queued.attempts += 1
            try:
                await loop.run_in_executor(
                    self._threads, _deliver, self._relay, self._sender, queued.letter, self._line
                )
            except Exception as error:
                self._failed(queued, error)
            else:
                self._done("sent")

    def _failed(self, queued: _Queued, error: Exception) -> None:
        """Addresses stay out of the log: who has a key is nobody's business."""
        if _is_final(error) or queued.attempts >= self._attempts:
            _log.error("a letter was not sent, after %d attempts: %s", queued.attempts, _said(error))
            self._done("lost")
            return
        _log.warning("a letter is tried again later: %s", _said(error))
        self._counted("retried")
        pause = self._pause * 2 ** (queued.attempts - 1)
        self._keep(asyncio.get_running_loop().create_task(self._again(queued, pause), name="mail again"))

    async def _again(self, queued: _Queued, pause: float) -> None:
        await asyncio.sleep(pause)
        self._queue.put_nowait(queued)

    def _done(self, outcome: str) -> None:
        self._counted(outcome)
        self._waiting -= 1
        if not self._waiting:
            self._idle.set()


class _Line:
    """What a thread talks through, so that the loop can hang up."""

    def __init__(self) -> None:
        self.client: smtplib.SMTP | None = None

    def hang_up(self) -> None:
        """Ends the conversation in progress, if its connection stands; whoever waits for an answer gets none."""
        sock = self.client.sock if self.client is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Client(smtplib.SMTP):
    def __init__(self, relay: Relay, line: _Line) -> None:
        line.client = self  # before it connects, which it does at once
        super().__init__(relay.host, relay.port, timeout=relay.timeout)


class _SecureClient(smtplib.SMTP_SSL):
    def __init__(self, relay: Relay, line: _Line) -> None:
        line.client = self
        context = ssl.create_default_context(cafile=relay.authority or None)
        super().__init__(relay.host, relay.port, timeout=relay.timeout, context=context)


def _deliver(relay: Relay, sender: Mailbox, letter: Letter, line: _Line) -> None:
    """One attempt, in a thread: connects, sends, quits."""
    message = compose(letter, sender)
    client: smtplib.SMTP = (_SecureClient if relay.tls == "tls" else _Client)(relay, line)
    with client:
        if relay.tls == "starttls":
            client.starttls(context=ssl.create_default_context(cafile=relay.authority or None))
        if relay.user:
            client.login(relay.user, relay.password)
        client.send_message(message, from_addr=sender.address, to_addrs=[letter.to.address])


def _codes(error: Exception) -> list[int]:
    match error:
        case smtplib.SMTPRecipientsRefused():
            return [code for code, _ in error.recipients.values()]
        case smtplib.SMTPResponseException():
            return [error.smtp_code]
        case _:
            return []


def _is_final(error: Exception) -> bool:
    """Whether another attempt would end the same way: 5xx (RFC 5321 §4.2.1) but for a refused log-in or sender, which
    the operator mends, and letters that cannot be written for this relay (RFC 6531 without SMTPUTF8)."""
    if isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPSenderRefused | smtplib.SMTPConnectError):
        return False
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "SMTPUTF8" in str(error)
    codes = _codes(error)
    return (bool(codes) and all(code >= 500 for code in codes)) or isinstance(error, ValueError)


def _said(error: Exception) -> str:
    codes = _codes(error)
    return f"{type(error).__name__} {', '.join(map(str, codes))}".strip() if codes else f"{type(error).__name__}"
