"""What `test_wkd_clients` looks at: gpg and sq on an island, asking a server that speaks HTTPS at port 443."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from e2e.authority import Authority
from e2e.certificates import armored, generate
from e2e.command import Running, wasmpuck_serve
from e2e.gnupg import GnuPG
from e2e.island import Names, settle
from e2e.letters import Sink, link_in

ADVANCED, DIRECT = "advanced.example", "direct.example"
HOST = "keys.example.org"

CONFIGURATION = """\
[server]
hostname = "{host}"
tlsBind = "127.0.0.1:443"
tlsCertificate = "{certificate}"
tlsKey = "{key}"
[mail]
relay = "127.0.0.1"
port = {port}
tls = "none"
from = "keys@example.org"
publicURL = "https://{host}"
[wkd]
domains = ["{advanced}", "{direct}"]
policy = ["mailbox-only"]
"""


def ask(authority: Authority, method: str, path: str, fields: object = None) -> Any:
    """One request to the server by HTTPS; its JSON, if it has any."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    connection = http.client.HTTPSConnection(HOST, timeout=30, context=context)
    body = None if fields is None else json.dumps(fields).encode()
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, f"{response.status} {content!r}"
    return json.loads(content) if response.headers.get_content_type() == "application/json" else content


def main(folder: Path) -> None:
    """Writes what came of each question into `seen.json` in the folder."""
    authority = Authority(folder)
    settle(folder, authority)
    names = Names(HOST, ADVANCED, f"openpgpkey.{ADVANCED}", DIRECT)
    certificate, key = authority.issue(HOST, f"openpgpkey.{ADVANCED}", DIRECT)
    sink = Sink()
    relay = sink.start()
    configuration = CONFIGURATION.format(
        host=HOST, certificate=certificate, key=key, port=relay.port, advanced=ADVANCED, direct=DIRECT
    )
    results: dict[str, Any] = {}
    with wasmpuck_serve(folder, configuration) as server:
        addresses = [f"Ann.Lee@{ADVANCED}", f"ann@{DIRECT}"]
        cert = generate(f"Ann <{addresses[0]}>", f"Ann <{addresses[1]}>").extract_certificate()
        results["fingerprint"] = cert.fingerprint.upper()
        given = ask(authority, "POST", "/vks/v1/upload", {"keytext": armored(cert)})
        with GnuPG(server.url) as gpg:
            results["before"] = locate(gpg, addresses[0])
        ask(authority, "POST", "/vks/v1/request-verify", {"token": given["token"], "addresses": addresses})
        for letter in sink.wait(2):
            link = link_in(letter, f"https://{HOST}")
            ask(authority, "GET", link)
            ask(authority, "POST", link)
        for method, address in zip(("advanced", "direct"), addresses, strict=True):
            with GnuPG(server.url) as gpg:
                results[f"gpg {method}"] = locate(gpg, address)
            results[f"sq {method}"] = sq("wkd", "get", address)
        with GnuPG(server.url) as gpg:
            results["stranger"] = locate(gpg, f"nobody@{DIRECT}")
        results["sq keyserver"] = sq("keyserver", "--server", f"hkps://{HOST}", "get", addresses[1])
        results["renewed"] = renew(authority, server, certificate, key)
        results["policy"] = ask(authority, "GET", f"/.well-known/openpgpkey/{ADVANCED}/policy").decode()
    results["asked"] = sorted(set(names.asked))
    relay.stop()
    (folder / "seen.json").write_text(json.dumps(results))


def renew(authority: Authority, server: Running, certificate: Path, key: Path) -> list[str]:
    """Puts another certificate into the files and sends SIGHUP; the certificates shown before, meanwhile and then."""
    shown = [ssl.get_server_certificate((HOST, 443))]
    for source, target in zip(authority.issue(HOST, f"openpgpkey.{ADVANCED}", DIRECT), (certificate, key), strict=True):
        target.write_bytes(source.read_bytes())
    shown.append(ssl.get_server_certificate((HOST, 443)))
    server.process.send_signal(signal.SIGHUP)
    for _ in range(600):
        shown[2:] = [ssl.get_server_certificate((HOST, 443))]
        if shown[2] != shown[0]:
            break
        time.sleep(0.05)
    return [each.strip() for each in [*shown, certificate.read_text()]]


def locate(gpg: GnuPG, address: str) -> dict[str, Any]:
    """`gpg --locate-keys` by nothing but WKD: whether it succeeded, and the keys and user ids that it has then."""
    done = gpg.attempt("--auto-key-locate", "clear,nodefault,wkd", "--locate-keys", address)
    listed = gpg.attempt("--with-colons", "--list-keys").stdout.decode()
    fields = [line.split(":") for line in listed.splitlines()]
    return {
        "status": done.returncode,
        "keys": [field[9] for field in fields if field[0] == "fpr"][:1],
        "user_ids": [field[9] for field in fields if field[0] == "uid"],
    }


def sq(*arguments: str) -> dict[str, Any]:
    """Sequoia's command: whether it succeeded, and the certificate that it printed."""
    done = subprocess.run(["sq", *arguments], capture_output=True, timeout=60, check=False)
    shown = subprocess.run(["sq", "inspect"], input=done.stdout, capture_output=True, timeout=60, check=False)
    return {"status": done.returncode, "shown": shown.stdout.decode(), "error": done.stderr.decode()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
