"""The module `wasmpuck`: what goes through to the server, what is refused before it gets there, and how errors look."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from runtime.guests import run
from sdk.conformance import Event, Visit, asked, submission
from sdk.fakes import fake
from sdk.javascript import evaluate, load, open_script
from sdk.stage import summary
from wasmpuck.errors import CallFailed
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case, Err, Ok, Result, Variant


def now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine to its end."""

    async def main() -> Any:
        return await coroutine

    return run(main())


TRY = (
    "const attempt = (fn) => { try { return fn(); } catch (error) { return [error.name, error.code, error.detail]; } };"
)


def visit(method: str = "GET", path: str = "/x", body: Case = Case("empty")) -> Visit:  # noqa: B008  # never changed
    return Visit("192.0.2.7", method, path, "", [("q", "1")], [], body)


# --- what is not granted, and what is of the wrong shape ----------------------------------------------------

CALLS = {
    "log": "log.info('a')",
    "settings": "settings.all()",
    "clock": "Date.now()",
    "random": "Math.random()",
    "storage": "storage.get('a')",
    "tasks": "tasks.cancel('a')",
    "events": "events.publish('a')",
    "messaging": "messaging.find('a')",
    "shared": "shared.counterAdd('a')",
    "keys": "keys.count()",
    "key-admin": "keyAdmin.delete('a', 'b')",
    "http-client": "httpClient.get('https://example.org/')",
    "files": "files.names()",
    "secrets": "secrets.names()",
    "responder": "responder.begin(200)",
}


@pytest.mark.parametrize("name", CALLS)
def test_an_import_that_was_not_granted_is_named(name: str) -> None:
    """Using it throws an error that the author can catch, and the server is not asked."""
    code = f"try {{ {CALLS[name]}; }} catch (error) {{ return [error.name, error.import, error.message]; }}"
    kind, found, message = now(evaluate(code, imports=[]))
    assert (kind, found) == ("NotGrantedError", name)
    assert f"needs the import `{name}`" in message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("storage.get(5)", "argument 1 of storage.get must be a string, not the number 5"),
        ("storage.set('a', { b: 1 })", "argument 2 of storage.set must be a string, not an object with b"),
        (
            "storage.set('a', 'b', { ttl: -1 })",
            "argument 3 of storage.set must be a whole number from 0 to 4294967295, not the number -1",
        ),
        ("storage.increment('a', '1')", 'argument 2 of storage.increment must be a number, not the string "1"'),
        ("log.info('a', [['b']])", "argument 3 of log.write[0] must be an array of 2, not an array of 1"),
        ("keys.search('a')", "argument 1 of keys.search must be an object with one of the fields fingerprint, keyId"),
        ("keys.search({ email: 1 })", "argument 1 of keys.search.email must be a string, not the number 1"),
        ("keys.search({ email: 'a' }, { limit: 1.5 })", "must be a whole number"),
        ("httpClient.send({ url: 5 })", "argument 1 of httpClient.send.url must be a string, not the number 5"),
        ("httpClient.send({ uri: '' })", "httpClient.send knows no uri; it knows method, url"),
        ("httpClient.post('u', 5)", "the body of httpClient.send must be a string, a Uint8Array or nothing"),
        ("events.subscribe(Promise.resolve('a'))", "argument 1 of events.subscribe must be a string, not a promise"),
        ("tasks.schedule('a', {})", "tasks.schedule takes {every: ms}, {after: ms} or {at: ms}"),
        ("tasks.schedule('a', { after: 5 })", 'no task "a" is registered'),
        ("routes.get('/y', () => 1)", "routes.get registers a hook: call it at the top level of a file"),
    ],
)
def test_a_wrong_argument_is_a_type_error_that_names_it(code: str, message: str) -> None:
    """Nothing is coerced; the message says where, what was expected and what came."""
    imports = ("log", "storage", "keys", "http-client", "events", "tasks")
    found = now(evaluate(f"try {{ {code}; }} catch (error) {{ return error.message; }} return null;", imports=imports))
    assert message in str(found)


RESULTS = [
    ("middleware.onRequest(() => ({ status: 403 }))", "must return nothing or what middleware.next, respond"),
    ("middleware.onRequest(() => 'no')", 'not the string "no"'),
    ("middleware.onRequest(() => admission.accept())", "whose tag is one of next, respond, delay"),
    ("middleware.onRequest(() => middleware.respond('403'))", "verdict.respond.status must be a whole number"),
    ("middleware.onRequest(() => middleware.respond(403, 5))", "verdict.respond.body must be a string, not the number"),
    ("middleware.onRequest(() => middleware.respond(70000))", "a whole number from 0 to 65535, not the number 70000"),
    ("middleware.onRequest(() => middleware.next({ a: 1 }))", "verdict.next[0][1] must be a string, not the number 1"),
    ("middleware.onRequest(() => middleware.next().reusable({ scope: 'all' }))", "reuse.scope must be one of"),
    ("middleware.onRequest(() => middleware.delay())", "verdict.delay.milliseconds must be a whole number"),
    ("middleware.onRequest(() => Promise.resolve())", "not a promise"),
    ("middleware.onRequest(() => { throw null; })", "thrown: null"),
]


@pytest.mark.parametrize(("hook", "message"), RESULTS)
def test_a_wrong_result_ends_the_call_and_is_logged(hook: str, message: str) -> None:
    """What a hook returns is checked to the last field before the server gets it."""

    async def main() -> None:
        async with open_script(f"const {{ middleware, admission }} = require('wasmpuck'); {hook};") as stage:
            with pytest.raises(CallFailed):
                await stage.call("middleware.on-request", asked())
            assert message in stage.logs[-1][1]

    run(main())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("require('wasmpuck').middleware.onRequest(async () => {});", "takes a function that is not async"),
        ("require('wasmpuck').middleware.onRequest(5);", "middleware.onRequest takes a function, not number"),
        ("require('wasmpuck').routes.get('/x');", "routes.get takes a function, not undefined"),
    ],
)
def test_a_hook_that_cannot_be_one_is_refused_at_once(source: str, message: str) -> None:
    """A script with it is not loaded."""
    outcome = now(load(source))
    assert outcome.tag == "failed"
    assert message in outcome.value.message


# --- errors of the server's ---------------------------------------------------------------------------------

FALLIBLE = {
    "storage.set": "storage.set('a', 'b')",
    "storage.increment": "storage.increment('a')",
    "metrics.add": "metric.add(1)",
    "tasks.schedule": "tasks.schedule('t', { after: 5 })",
    "events.publish": "events.publish('a')",
    "messaging.call": "messaging.call('a', 'b')",
    "shared.counter-add": "shared.counterAdd('a')",
    "keys.search": "keys.search({ text: 'a' })",
    "key-admin.submit": "keyAdmin.submit('a', 'b')",
    "http-client.send": "httpClient.get('https://example.org/')",
    "files.open": "files.open('a')",
    "secrets.reveal": "secrets.reveal('a')",
    "responder.begin": "responder.begin(200)",
}


@pytest.mark.parametrize("function", FALLIBLE)
def test_every_case_of_an_error_is_a_code(function: str) -> None:
    """Each case of the contract's `error` arrives as `code`, what it carries as `detail`, in the import's class."""
    interface, _, name = function.partition(".")
    result = load_contract()[interface].functions[name].result
    assert isinstance(result, Result)
    assert isinstance(result.err, Variant)
    cases = result.err.cases
    payload = {"refused": ("code", "words")} if interface == "key-admin" else {}
    for code, kind in cases:
        carried = None if kind is None else payload.get(code, "words")
        answers = {one: Err(Case(code, carried)) for one in load_contract()[interface].functions}
        source = (
            "const { metrics, tasks, routes, ...rest } = require('wasmpuck');\n"
            "const { storage, events, messaging, shared, keys } = rest;\n"
            "const { keyAdmin, httpClient, files, secrets, responder } = rest;\n"
            "const metric = metrics.counter('m', 'Counts.'); tasks.handler('t', () => {});\n"
            f"routes.get('/x', () => {{ {TRY} return routes.json([attempt(() => {FALLIBLE[function]}), "
            f"(() => {{ try {{ {FALLIBLE[function]} }} "
            "catch (error) { return error instanceof rest.HostError; } })()"
            "]); });"
        )

        async def main(source: str = source, answers: dict[str, Any] = answers) -> Any:
            fakes = {interface: fake(interface, answers, [])}
            async with open_script(source, imports=["log"], fakes=fakes) as stage:
                outcome = await stage.call("routes.handle", visit())
                return json.loads(outcome.value.body.value)

        names = {"http-client": "HttpError", "key-admin": "KeyAdminError"}
        expected = names.get(interface, f"{interface.capitalize()}Error")
        assert run(main()) == [[expected, code, list(carried) if isinstance(carried, tuple) else carried], True]


# --- every import -------------------------------------------------------------------------------------------


def test_storage() -> None:
    """Text, bytes, JSON, counts, pages and comparisons, with lives."""
    code = """
      storage.set("a", "1"); storage.setBytes("b", Uint8Array.of(1, 255)); storage.setJson("c", { d: [1] });
      storage.set("e", "x", { ttl: 5 }); storage.delete("e");
      const some = [storage.increment("n"), storage.increment("n", 4)];
      return [storage.get("a"), [...storage.getBytes("b")], storage.getJson("c"), storage.get("e"),
        storage.getJson("e"), some, storage.compareAndSwap("a", "1", "2"), storage.compareAndSwap("a", "1", "3"),
        storage.compareAndSwap("f", null, "4"),
        [...storage.keys()], storage.listKeys("a")];
    """
    assert now(evaluate(code)) == [
        "1",
        [1, 255],
        {"d": [1]},
        None,
        None,
        [1, 5],
        True,
        False,
        True,
        ["a", "b", "c", "f", "n"],
        {"keys": ["a"], "cursor": ""},
    ]


def test_who_the_plugin_is() -> None:
    """Its name, its imports, and its settings, frozen."""
    code = """
      let frozen = "";
      (function () { "use strict"; try { plugin.config.a.b = 2; } catch (error) { frozen = error.name; } })();
      return [plugin.name, plugin.version, plugin.imports, plugin.has("log"), plugin.config, frozen, settings.all()];
    """
    assert now(evaluate(code, imports=["log", "settings"], settings={"a": {"b": 1}})) == [
        "probe",
        "0.1.0",
        ["log", "settings"],
        True,
        {"a": {"b": 1}},
        "TypeError",
        {},
    ]


def test_other_servers() -> None:
    """A request with everything, and an answer that is read in pieces and given back."""
    heard: list[tuple[Any, ...]] = []
    answers: dict[str, Any] = {
        "response": {
            "status": 201,
            "headers": [("content-type", "text/plain"), ("x-a", "1")],
            "url": "https://example.org/b",
            "read-text": iter([Case("data", "hel"), Case("data", "lo"), Case("end")]),
            "read-bytes": iter([Case("data", b"\x00\xff"), Case("end")]),
        }
    }
    http: Any = None
    answers["send"] = lambda _: Ok(http.resources["response"]())
    http = fake("http-client", answers, heard)
    code = """
      const one = httpClient.send({ method: "POST", url: new URL("https://example.org/a"), headers: { "x-b": "c" },
        body: "text",
        secrets: [{ name: "authorization", prefix: "Bearer ", secret: "token" }], follow: false, timeout: 50 });
      const text = one.text();
      const two = httpClient.get("https://example.org/");
      return [one.status, one.ok, one.header("X-A"), one.header("none"), one.url, text, one.text(), [...two.bytes()]];
    """
    found = now(evaluate(code, fakes={"http-client": http}))
    assert found == [201, True, "1", None, "https://example.org/b", "hello", "", [0, 255]]
    request = heard[0][1]
    assert (request.method, request.url, request.headers) == ("POST", "https://example.org/a", [("x-b", "c")])
    assert (request.body, request.follow, request.timeout) == (Case("text", "text"), False, 50)
    assert [tuple(secret) for secret in request.secrets] == [("authorization", "Bearer ", "token")]
    assert [name for name, *_ in heard].count("response.drop") == 2


def test_an_answer_that_breaks_off_is_an_error() -> None:
    """A chunk that failed throws, like a request that failed."""
    answers: dict[str, Any] = {
        "response": {
            "status": 200,
            "headers": [],
            "url": "",
            "read-text": iter([Case("data", "a"), Case("failed", Case("broken", "too short"))]),
            "read-bytes": iter(()),
        }
    }
    http: Any = None
    answers["send"] = lambda _: Ok(http.resources["response"]())
    http = fake("http-client", answers, [])
    code = f"{TRY} return attempt(() => httpClient.get('https://example.org/').text());"
    assert now(evaluate(code, fakes={"http-client": http})) == ["HttpError", "broken", "too short"]


def test_files_secrets_peers_and_key_admin() -> None:
    """The rest of the imports, once each."""
    heard: list[tuple[Any, ...]] = []
    answers: dict[str, Any] = {
        "names": ["geo"],
        "data-file": {
            "size": 5.0,
            "modified": 1.5,
            "replaced": False,
            "read": iter([Case("data", b"\x01\x02"), Case("failed", Case("changed"))]),
            "read-text": iter([Case("data", "text")]),
        },
    }
    files: Any = None
    answers["open"] = lambda _: Ok(files.resources["data-file"]())
    files = fake("files", answers, heard)
    fakes = {
        "files": files,
        "secrets": fake("secrets", {"names": ["a"], "reveal": Ok("v"), "equals": Ok(True)}, heard),
        "messaging": fake("messaging", {"call": Ok("reply"), "find": ["peer"]}, heard),
        "key-admin": fake(
            "key-admin",
            {"submit": Ok("inserted"), "delete": Ok(), "release": Ok("updated")},
            heard,
        ),
        "shared": fake(
            "shared",
            {
                "counter-add": Ok(2.0),
                "window-add": Ok(3.5),
                "set-add": Ok(True),
                "set-size": Ok(3_000_000_000),
                "top-list": Ok([("a", 2.0)]),
                "top-add": Ok(),
            },
            heard,
        ),
    }
    code = f"""
      {TRY}
      const file = files.open("geo");
      const read = [file.size(), file.modified(), file.replaced(), [...file.read(1, 2)], file.readText(),
        attempt(() => file.read())];
      file.close();
      shared.topAdd("t", "m");
      return [files.names(), read, secrets.names(), secrets.reveal("a"), secrets.equals("a", "b"),
        messaging.call("p", "t", "x"),
        messaging.find("k"), keyAdmin.submit("armor", "note"), keyAdmin.delete("f", "n") ?? null,
        keyAdmin.release("f", "n"),
        shared.counterAdd("c"), shared.windowAdd("w", "k", 1, 4000000000), shared.setAdd("s", "m", {{ ttl: 5 }}),
        shared.setSize("s"),
        shared.topList("t", 5)];
    """
    assert now(evaluate(code, fakes=fakes)) == [
        ["geo"],
        [5, 1.5, False, [1, 2], "text", ["FilesError", "changed", None]],
        ["a"],
        "v",
        True,
        "reply",
        ["peer"],
        "inserted",
        None,
        "updated",
        2,
        3.5,
        True,
        3_000_000_000,
        [["a", 2]],
    ]
    assert ("window-add", "w", "k", 1.0, 4_000_000_000) in heard
    assert ("top-add", "t", "m", 1.0, 100) in heard
    assert ("data-file.drop",) in heard


def test_keys() -> None:
    """What is known of a certificate, in camelCase, and `null` for what is missing."""

    async def main() -> Any:
        source = (
            "const { keys, routes } = require('wasmpuck');\n"
            "routes.get('/x', () => routes.json([keys.summarize('ab'.repeat(20)).userIds[0].text, keys.summarize('00'),"
            " keys.armored('00'), keys.search({ keyId: '0123456789abcdef' }), keys.count().total]));"
        )
        async with open_script(source) as stage:
            stage.certificates["ab" * 20] = summary("Alice")
            outcome = await stage.call("routes.handle", visit())
            return json.loads(outcome.value.body.value)

    assert run(main()) == ["Alice", None, None, {"fingerprints": ["ab" * 20], "cursor": ""}, 1]


# --- every export -------------------------------------------------------------------------------------------

EVERY = (Path(__file__).parent / "scripts" / "every.js").read_text()


class Answer:
    """WIT `middleware.answer`."""

    headers: tuple[tuple[str, str], ...] = ()
    size = 5
    duration = 1.0

    def __init__(self, status: int) -> None:
        self.status = status


class Plain:
    """A record."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__ |= fields


def test_every_export() -> None:
    """Each hook, each verdict, each answer."""

    async def main() -> None:
        heard: list[tuple[Any, ...]] = []
        answers: dict[str, Any] = {"outgoing": {"write": Ok(), "write-bytes": Ok()}}
        responder: Any = None
        answers["begin"] = lambda *_: Ok(responder.resources["outgoing"]())
        responder = fake("responder", answers, heard)
        async with open_script(EVERY, {"first": 7}, fakes={"responder": responder}) as stage:
            call = stage.call
            assert stage.worlds == [
                "admission", "event-handler", "formatter", "handover", "lifecycle", "middleware", "routes", "services",
                "task-handler",
            ]  # fmt: skip
            info = await call("lifecycle.describe")
            assert [(metric.name, metric.kind, metric.buckets) for metric in info.metrics] == [
                ("g", "gauge", []),
                ("h", "histogram", [1.0, 2.0]),
            ]
            scope = await call("middleware.describe-scope")
            assert (scope.priority, scope.headers, scope.wants_response) == (7, ["accept"], True)
            request = asked()
            decision = await call("middleware.on-request", request._replace(path="/next"))
            assert decision == (Case("next", [("a", "b")]), ("everyone", 4_000_000_000, 5))
            verdicts = {
                "/respond": Case("respond", (403, [("a", "1"), ("a", "2")], "no")),
                "/delay": Case("delay", (5, [])),
                "/drip": Case("drip", (200, [], "x", 1, 9)),
                "/challenge": Case("challenge", (16, 3_600_000, "Why.")),
                "/else": Case("next", []),
            }
            for path, verdict in verdicts.items():
                assert await call("middleware.on-request", request._replace(path=path)) == (verdict, None)
            amendments = {
                200: Case("set-headers", [("a", "b")]),
                404: Case("replace", (200, [], "x")),
                500: Case("keep"),
            }
            for status, amendment in amendments.items():
                assert await call("middleware.on-response", request, Answer(status)) == amendment

            assert await call("admission.describe-scope") == (-5, ["peer"], True)
            assert await call("admission.judge", submission("reject")) == Case("reject", ("a-b", "Words."))
            assert await call("admission.judge", submission("rewrite")) == Case("rewrite", ("armor", ("a", "b")))
            assert await call("admission.judge", submission("else")) == Case("accept")

            described = await call("routes.describe-routes")
            assert [(route.path, route.methods, route.headers) for route in described] == [
                ("/x", ["GET", "POST"], ["accept"]),
                ("/x/*", ["GET"], []),
                ("/stream", ["GET"], []),
            ]
            text = Case("respond", (200, [("content-type", "text/plain; charset=utf-8")], Case("text", "text")))
            assert await call("routes.handle", visit()) == text
            assert await call("routes.handle", visit("HEAD")) == text
            assert await call("routes.handle", visit("DELETE")) == Case("not-found")
            assert (await call("routes.handle", visit("POST", body=Case("text", "b")))).value.status == 201
            raw = await call("routes.handle", visit("POST", body=Case("bytes", b"\xff")))
            assert raw.value.body == Case("bytes", b"\xff")
            assert await call("routes.handle", visit(path="/x/y")) == Case("not-found")
            assert await call("routes.handle", visit(path="/stream")) == Case("streamed")
            assert heard == [
                ("begin", 200, [("a", "b")]),
                ("outgoing.write", "1"),
                ("outgoing.write-bytes", b"\x02"),
                ("outgoing.drop",),
            ]

            (form,) = await call("formatter.describe-formats")
            assert form == ("f", "text/x", "", "F.")
            wanted = {"format": "f", "operation": "get", "search": "a"}
            certificate = Plain(fingerprint="ab", armored="", summary="{}")
            assert await call("formatter.render", Plain(**wanted, certificates=[certificate])) == Case("text", "ab")
            assert await call("formatter.render", Plain(**wanted, certificates=[])) == Case("unsuitable", "Nothing.")

            assert await call("services.describe-services") == [("k", ["t", "no"], "K.")]
            for topic, reply in {"t": Case("answer", "ab"), "no": Case("refused", "no")}.items():
                assert await call("services.call", Plain(caller="a", topic=topic, payload="b")) == reply
            unknown = await call("services.call", Plain(caller="a", topic="toString", payload="b"))
            assert unknown == Case("unknown-topic")

            assert await call("task-handler.run", "often") == Case("done")
            assert await call("task-handler.run", "fails") == Case("failed", "Error: oh")
            assert await call("event-handler.handle", Event("key.inserted", "", "{}", 1.0)) == Case("done")
            assert await call("event-handler.handle", Event("key.bad", "", "{}", 1.0)) == Case("failed", "Error: oh")

            assert await call("lifecycle.health") == Case("degraded", "slow")
            assert await call("lifecycle.self-test") == Err(Case("other", "Error: broken"))
            assert await call("handover.prepare-swap") == '{"a":1}'
            assert await call("handover.restore", '{"a":1}') == Ok()
            assert await call("handover.restore", "x") == Err(Case("other", "Error: not mine"))

    run(main())


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        ({"bad": True}, Case("configuration", [("bad", "It is bad.")])),
        ({"wrong": True}, Case("configuration", [("", "all of it")])),
        ({"throws": True}, Case("unavailable", "no disk")),
        ({"bug": True}, Case("other", "TypeError: cannot read property 'x' of null")),
    ],
)
def test_why_a_plugin_cannot_begin(settings: dict[str, Any], failure: Case) -> None:
    """What `init` throws is the contract's failure; only what nobody expected is in the log."""

    async def main() -> None:
        fakes = {"responder": fake("responder", {"begin": Ok()}, [])}
        async with open_script(EVERY, settings, start=False, fakes=fakes) as stage:
            assert stage.init == Err(failure)
            assert bool(stage.logs) == (failure.tag == "other")

    run(main())
