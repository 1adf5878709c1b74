"""The letters that the server writes, in the languages that it speaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wasmpuck.mail import Letter, Mailbox

__all__ = ["LANGUAGES", "language_of", "token_letter", "verification_letter"]


@dataclass(frozen=True, slots=True)
class _Words:
    """One language. Subject and text of a letter; `{…}` are filled in."""

    verification: tuple[str, str]
    token: tuple[str, str]


_WORDS = {
    "en": _Words(
        verification=(
            "Confirm {address} on {server}",
            "Hello,\n\n"
            "somebody wants this OpenPGP key to be found by your address {address} on the keyserver {server}:\n\n"
            "    {fingerprint}\n\n"
            "If this is your key, open this page and confirm (until {until} UTC):\n\n"
            "{link}\n\n"
            "If it is not, or if you did not ask for this, do nothing: nothing happens then.\n",
        ),
        token=(
            "Token for {address} on {server}",
            "Hello,\n\n"
            "somebody wants to choose the OpenPGP keys that the keyserver {server} gives for your address {address}.\n"
            "A program that asked for it needs this token, once, until {until} UTC:\n\n"
            "{token}\n\n"
            "If you did not ask for it, do nothing, and show the token to nobody.\n",
        ),
    ),
    "de": _Words(
        verification=(
            "{address} auf {server} bestätigen",
            "Guten Tag,\n\n"
            "jemand möchte, dass dieser OpenPGP-Schlüssel auf dem Schlüsselserver {server} unter Ihrer Adresse\n"
            "{address} zu finden ist:\n\n"
            "    {fingerprint}\n\n"
            "Wenn das Ihr Schlüssel ist, öffnen Sie diese Seite und bestätigen Sie es (bis {until} UTC):\n\n"
            "{link}\n\n"
            "Wenn nicht, oder wenn Sie nicht darum gebeten haben, tun Sie nichts: dann geschieht nichts.\n",
        ),
        token=(
            "Token für {address} auf {server}",
            "Guten Tag,\n\n"
            "jemand möchte die OpenPGP-Schlüssel wählen, die der Schlüsselserver {server} für Ihre Adresse\n"
            "{address} herausgibt. Ein Programm, das darum gebeten hat, braucht dafür einmal, bis {until} UTC,\n"
            "dieses Token:\n\n"
            "{token}\n\n"
            "Wenn Sie nicht darum gebeten haben, tun Sie nichts, und zeigen Sie das Token niemandem.\n",
        ),
    ),
    "fr": _Words(
        verification=(
            "Confirmer {address} sur {server}",
            "Bonjour,\n\n"
            "quelqu'un souhaite que cette clé OpenPGP soit trouvée par votre adresse {address} sur le serveur\n"
            "de clés {server} :\n\n"
            "    {fingerprint}\n\n"
            "Si c'est votre clé, ouvrez cette page et confirmez (jusqu'au {until} UTC) :\n\n"
            "{link}\n\n"
            "Sinon, ou si vous n'avez rien demandé, ne faites rien : il ne se passera rien.\n",
        ),
        token=(
            "Jeton pour {address} sur {server}",
            "Bonjour,\n\n"
            "quelqu'un souhaite choisir les clés OpenPGP que le serveur de clés {server} donne pour votre adresse\n"
            "{address}. Un programme qui l'a demandé a besoin de ce jeton, une fois, jusqu'au {until} UTC :\n\n"
            "{token}\n\n"
            "Si vous n'avez rien demandé, ne faites rien, et ne montrez le jeton à personne.\n",
        ),
    ),
}

LANGUAGES = tuple(_WORDS)
"""Primary language subtags (RFC 5646 §2.2.1), the default first."""

_CONTEXT = "http://hockeypuck.io/contexts/hkp-sendtoken.jsonld"


def language_of(locales: Iterable[str]) -> str:
    """The first language that the server speaks of `locales`, such as `de_CH` or `de-CH`; the default for none."""
    for locale in locales:
        language = locale.replace("_", "-").partition("-")[0].lower()
        if language in _WORDS:
            return language
    return LANGUAGES[0]


def verification_letter(to: Mailbox, *, server: str, fingerprint: str, link: str, until: str, language: str) -> Letter:
    """Asks whether the certificate is the reader's. `until` is RFC 3339 in UTC."""
    subject, text = _WORDS[language].verification
    grouped = " ".join(fingerprint[start : start + 4].upper() for start in range(0, len(fingerprint), 4))
    words = {"address": to.address, "server": server, "fingerprint": grouped, "link": link, "until": _plain(until)}
    return Letter(to, subject.format(**words), text.format(**words), language)


def token_letter(to: Mailbox, *, server: str, url: str, token: str, until: str, language: str) -> Letter:
    """Brings a token, in words and as JSON-LD for programs (draft-ietf-openpgp-hkp §5.2.2)."""
    subject, text = _WORDS[language].token
    words = {"address": to.address, "server": server, "token": token, "until": _plain(until)}
    data = {"@context": _CONTEXT, "url": url, "token": token, "expires": until}
    return Letter(to, subject.format(**words), text.format(**words), language, data)


def _plain(until: str) -> str:
    return until.replace("T", " ").removesuffix("Z")
