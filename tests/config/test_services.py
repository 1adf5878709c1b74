"""`[mail]`, `[vks]`, `[wkd]` and HTTPS: what is read from them, and what does not fit together."""

from __future__ import annotations

import pytest

from wasmpuck.config import parse
from wasmpuck.errors import ConfigurationError


def test_a_server_without_mail_needs_nothing() -> None:
    """By default no mail is sent, everything is shown, and there is no directory."""
    configuration = parse('[server]\nhostname = "keys.example.org"\n')
    assert configuration.mail.relay == ""
    assert configuration.mail.public_url == "https://keys.example.org"
    assert configuration.vks.mode == "open"
    assert configuration.wkd.domains == ()


def test_domains_and_urls_are_read_in_one_form() -> None:
    """Domains in lower-case ASCII, URLs without a slash at the end."""
    configuration = parse(
        '[mail]\nrelay = "mail.example.org"\nfrom = "keys@example.org"\npublicURL = "https://keys.example.org/"\n'
        '[wkd]\ndomains = ["Bücher.example", "EXAMPLE.org"]\npolicy = ["mailbox-only"]\n'
    )
    assert configuration.wkd.domains == ("xn--bcher-kva.example", "example.org")
    assert configuration.mail.public_url == "https://keys.example.org"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[mail]\nrelay = "x"\n', "mail.relay: letters need an address that they are from"),
        ('[mail]\nrelay = "x"\nfrom = "k@e.org"\nuser = "k"\n', "mail.user: logging in needs a password"),
        ('[vks]\nmode = "verified"\n', "vks.mode: without mail no address can be confirmed"),
        ('[wkd]\ndomains = ["e.org"]\n', "wkd.domains: without mail no address can be confirmed"),
        ('[wkd]\ndomains = ["e org"]\n', "'e org' is not a mail domain"),
        ('[wkd]\ndomains = ["Ab.org", "ab.ORG"]\n', "given twice"),
        ('[wkd]\ndomains = "e.org"\n', "put it into brackets"),
        ('[wkd]\npolicy = ["maybe"]\n', 'unknown keyword "maybe"'.replace('"', "'")),
        ('[wkd]\nsubmissionAddress = "a@b\\nc"\n', "is not a mail address"),
        ('[mail]\nfrom = "Keys <k@e.org>"\n', "is not a mail address"),
        ('[mail]\npublicURL = "keys.example.org"\n', "is not a URL"),
        ('[mail]\ntls = "ssl"\n', "unknown kind of encryption"),
        ('[server]\ntlsBind = ":443"\n', "server.tlsBind: HTTPS needs a certificate"),
        ('[server]\ntlsBind = ":443"\ntlsCertificate = "a.pem"\n', "server.tlsBind: HTTPS needs a certificate"),
    ],
)
def test_what_does_not_fit_is_said(text: str, said: str) -> None:
    """Each mistake has its sentence, with the key that it is about."""
    with pytest.raises(ConfigurationError) as error:
        parse(text)
    assert said in str(error.value)


def test_a_directory_of_everything_needs_no_mail() -> None:
    """Where the operator decides who uploads, keys may be given without confirmation."""
    assert parse('[wkd]\ndomains = ["example.org"]\npublish = "all"\n').wkd.publish == "all"
