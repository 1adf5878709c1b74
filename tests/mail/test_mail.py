"""Addresses and letters: what is taken for an address, what is sent, and what follows when a relay does not take it."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from hypothesis import given
from hypothesis import strategies as st

from e2e.authority import Authority
from e2e.letters import Relay as Listening
from e2e.letters import Sink, text_of
from wasmpuck.mail import BadMailbox, Letter, Mailbox, Mailer, MailUnavailable, Relay, compose, domain_of_host

SENDER = Mailbox.parse("keys@example.org")
LETTER = Letter(Mailbox.parse("ann@example.org"), "Subject", "Hello\n")


# --- addresses ---


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ann@Example.ORG", "ann@example.org"),
        ("a.b+c@example.org", "a.b+c@example.org"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("info@XN--BCHER-KVA.example", "info@xn--bcher-kva.example"),
        ("ÜNAL@example.org", "ünal@example.org"),
        ("root@localhost", "root@localhost"),
        ("o'neil@example.org", "o'neil@example.org"),
    ],
)
def test_addresses_have_one_key(text: str, key: str) -> None:
    """Case and the form of a domain's labels do not matter."""
    assert Mailbox.parse(text).key == key
    assert Mailbox.parse(key).key == key
    assert key in Mailbox.parse(text).spellings


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "a@", "@b", "ann", "a b@example.org", "a@b c", "a@example.org\r\nBcc: b@example.org",
        "a\n@example.org",
        "a@example.org\x00", "<a@example.org>", "A <a@example.org>", '"a b"@example.org', "a(c)@example.org", "a@b@c",
        "a@[127.0.0.1]", "a@127.0.0.1", "a@-b.example", "a@b..c", "a@.b", "a..b@example.org", ".a@example.org",
        "a.@example.org", "a@example.org.", "a,b@example.org", "a@example.org,b@example.org", "a@exa mple.org",
        "a@" + "x" * 64 + ".org", "a" * 65 + "@example.org", "ü" * 33 + "@example.org", "a@" + "x." * 130 + "org",
        "\ud800@example.org", "a\u2028b@example.org", "a\u202eb@example.org", "a;b@example.org", "a@ex_ample.org\t",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    """What cannot be sent to, or could be taken for more than one address, is none."""
    with pytest.raises(BadMailbox):
        Mailbox.parse(text)
    assert Mailbox.key_of(text) is None


@given(st.text(max_size=80))
def test_no_text_makes_addresses_fail(text: str) -> None:
    """Any text is an address without line breaks, or none."""
    with suppress(BadMailbox):
        mailbox = Mailbox.parse(text)
        assert Mailbox.parse(mailbox.key).key == mailbox.key
        message = compose(Letter(mailbox, "x", "y\n"), SENDER)
        assert [line for line in bytes(message).split(b"\r\n\r\n")[0].split(b"\r\n") if line.startswith(b"To:")]
    domain_of_host(text)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("Example.org", "example.org"),
        ("example.org:443", "example.org"),
        ("example.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[::1]:80", None),
        ("127.0.0.1", None),
        ("", None),
        ("a b", None),
    ],
)
def test_hosts_have_domains(host: str, domain: str | None) -> None:
    """A Host field's domain is read without port and final dot; addresses of machines are none."""
    assert domain_of_host(host) == domain


# --- letters ---


def test_a_letter_has_what_mail_needs() -> None:
    """Sender, reader, date, an identity, and the request that nobody answers by machine."""
    message = compose(Letter(LETTER.to, "Grüße", "Hällo\n", "de", {"token": "t"}), SENDER)
    assert message["From"] == "keys@example.org"
    assert message["To"] == "ann@example.org"
    assert message["Subject"] == "Grüße"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.org>")
    assert text_of(message) == "Hällo\n"
    (part,) = message.iter_attachments()
    assert isinstance(part, EmailMessage)
    assert part.get_content_type() == "application/ld+json"


@pytest.mark.parametrize("subject", ["a\r\nBcc: b@example.org", "a\nb"])
def test_no_header_is_slipped_into_a_subject(subject: str) -> None:
    """A line break in a header is an error, not another header."""
    with pytest.raises(ValueError, match="linefeed"):
        compose(Letter(LETTER.to, subject, "x"), SENDER)


# --- sending ---


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def relay(sink: Sink) -> Iterator[Listening]:
    listening = sink.start()
    yield listening
    listening.stop()


async def deliver(relay: Relay, *letters: Letter, attempts: int = 3) -> list[str]:
    """Sends the letters; returns what the mailer counted."""
    counted: list[str] = []
    mailer = Mailer(relay, SENDER, attempts=attempts, pause=0.01, counted=counted.append)
    mailer.start()
    try:
        for letter in letters:
            mailer.send(letter)
        await asyncio.wait_for(mailer.drained(), 30)
    finally:
        await mailer.close()
    return counted


def at(relay: Listening, **options: str) -> Relay:
    return Relay(host="127.0.0.1", port=relay.port, timeout=10, **{"tls": "none"} | options)


def test_letters_arrive(relay: Listening, sink: Sink) -> None:
    """One after the other, as they were written."""
    letters = [Letter(Mailbox.parse(f"{name}@bücher.example"), name, "x\n") for name in ("a", "b", "c")]
    assert asyncio.run(deliver(at(relay), *letters)) == ["sent"] * 3
    assert [letter["Subject"] for letter in sink.letters] == ["a", "b", "c"]
    assert sink.envelopes[0] == ("keys@example.org", ["a@xn--bcher-kva.example"])


def test_a_later_attempt_brings_the_letter(relay: Listening, sink: Sink) -> None:
    """When the relay says "later", the letter is tried again, and the others are not held up."""
    sink.refusals = ["451 later"]
    first, second = (Letter(LETTER.to, name, "x\n") for name in ("first", "second"))
    assert sorted(asyncio.run(deliver(at(relay), first, second))) == ["retried", "sent", "sent"]
    assert sorted(letter["Subject"] for letter in sink.letters) == ["first", "second"]


def test_a_refused_letter_is_lost(relay: Listening, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """When the relay says "never", it is not asked again, and the log says why without naming the reader."""
    sink.refusals = ["554 no"]
    assert asyncio.run(deliver(at(relay), LETTER)) == ["lost"]
    assert "554" in caplog.text
    assert "ann@" not in caplog.text


def test_attempts_have_an_end(sink: Sink) -> None:
    """A relay that is not there is asked as often as is set."""
    listening = sink.start()
    gone = at(listening)
    listening.stop()
    assert asyncio.run(deliver(gone, LETTER, attempts=3)) == ["retried", "retried", "lost"]


def test_the_queue_has_an_end(sink: Sink) -> None:
    """A letter too many is refused at once, and the mailer can still be closed."""

    async def run() -> None:
        mailer = Mailer(Relay(host="127.0.0.1", port=9), SENDER, capacity=2)
        mailer.send(LETTER)
        mailer.send(LETTER)
        with pytest.raises(MailUnavailable, match="2 letters wait"):
            mailer.send(LETTER)
        assert mailer.waiting == 2
        await mailer.close(0)

    asyncio.run(run())


@asynccontextmanager
async def silent_relay() -> AsyncIterator[tuple[Relay, asyncio.Event]]:
    """A relay that takes a connection, which the event tells, and says nothing until the other end hangs up."""
    connected, ended = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield Relay(host="127.0.0.1", port=server.sockets[0].getsockname()[1], tls="none", timeout=3600), connected
    await asyncio.wait_for(ended.wait(), 30)
    server.close()


def test_the_loop_goes_on_while_a_relay_keeps_silent() -> None:
    """It holds up letters, but nothing else; one that answers too late is given up."""

    async def run() -> None:
        async with silent_relay() as (relay, connected):
            mailer = Mailer(replace(relay, timeout=0.5), SENDER, attempts=1)
            mailer.start()
            mailer.send(LETTER)
            await asyncio.wait_for(connected.wait(), 30)
            assert mailer.waiting == 1
            await asyncio.wait_for(mailer.drained(), 30)
            await mailer.close()

    asyncio.run(run())


def test_a_silent_relay_does_not_hold_up_the_end() -> None:
    """Closing hangs up on it, however long it may take to answer otherwise."""

    async def run() -> None:
        async with silent_relay() as (relay, connected):
            mailer = Mailer(relay, SENDER)
            mailer.start()
            mailer.send(LETTER)
            await asyncio.wait_for(connected.wait(), 30)
            await asyncio.wait_for(mailer.close(0.1), 30)
            assert mailer.waiting == 1

    asyncio.run(run())


def authenticate(server: object, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"keys", b"secret")
    return AuthResult(success=good, handled=good)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # aiosmtpd: transports under STARTTLS
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_letters_go_encrypted_and_after_logging_in(tmp_path: Path, sink: Sink, tls: str) -> None:
    """With STARTTLS or TLS, a checked certificate and a password."""
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost"))
    options: dict[str, object] = {"ssl_context": context, "auth_require_tls": False}
    if tls == "starttls":
        options = {"tls_context": context, "require_starttls": True, "auth_required": True}
    listening = sink.start(**options, authenticator=authenticate)
    try:
        where = Relay(
            host="localhost",
            port=listening.port,
            tls=tls,
            user="keys",
            password="secret",
            authority=str(authority.certificate),
            timeout=10,
        )
        assert asyncio.run(deliver(where, LETTER)) == ["sent"]
    finally:
        listening.stop()
        gc.collect()
    assert len(sink.letters) == 1


def test_a_relay_must_show_a_certificate_of_its_name(tmp_path: Path) -> None:
    """One that nobody known signed, or for another name, gets no letter and no password."""
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("other.example"))

    async def run(known: str) -> list[str]:
        heard = bytearray()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend(await reader.read(99))
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        where = Relay(host="localhost", port=port, tls="tls", user="keys", password="p", authority=known, timeout=10)
        counted = await deliver(where, LETTER, attempts=1)
        server.close()
        assert not heard
        return counted

    assert asyncio.run(run("")) == ["lost"]
    assert asyncio.run(run(str(authority.certificate))) == ["lost"]


def test_starttls_is_required_where_it_is_chosen(relay: Listening, sink: Sink) -> None:
    """A relay that does not offer it gets no letter in the clear."""
    assert asyncio.run(deliver(at(relay, tls="starttls"), LETTER, attempts=1)) == ["lost"]
    assert sink.letters == []
