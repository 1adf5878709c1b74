"""The QuickJS runtime: modules, errors with their places, and the usual globals."""

from __future__ import annotations

import json
import re
from collections.abc import Coroutine
from typing import Any

import pytest

from runtime.guests import run
from sdk.conformance import Visit, asked
from sdk.javascript import bare, check, evaluate, load, open_script
from wasmpuck.errors import CallFailed
from wasmpuck.runtime.memory import linear_memories
from wasmpuck.runtime.values import Case


def now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine to its end."""

    async def main() -> Any:
        return await coroutine

    return run(main())


def visit() -> Visit:
    """A request for `/x`."""
    return Visit("192.0.2.7", "GET", "/x", "", [], [], Case("empty"))


# --- errors of syntax ---------------------------------------------------------------------------------------

WRONG = [
    ("let a = 1;\n\n   var y = ;\n", 3, 12, "unexpected token"),
    ("import { log } from 'wasmpuck';\n\nexport const a = 1;\nfunction f( { return 1 }\n", 4, None, ""),
    ("import {\n  log,\n  storage,\n} from 'wasmpuck';\nlog.info('a');\nlet x = 08n;\n", 6, None, ""),
    ("import { log } from 'wasmpuck'; log.info(); let 5x = 1;\n", 1, 49, "invalid number"),
    ("const a = 1;\n/* not ended", 2, None, "comment"),
    ("const a = `abc\n${a", 2, None, ""),
    ("if (x) {\n  y(\n", 3, 1, "unexpected end of the file"),
    ("const a = 1;\r\nconst b = ;\r\n", 2, 11, "unexpected token"),
    ("'ä€𝄞'; let let = 1;", 1, None, ""),
    ("#!/usr/bin/env node\nlet a = ;\n", 2, 9, "unexpected token"),
    ("export default {\n  a: 1,\n  b c\n};\n", 3, None, ""),
    ("await x;\nimport 'wasmpuck';", 1, None, ""),
    ("const load = () => import('./other.js');\n", 1, 20, "never settle"),
    ("export const { a, b } = c;\n", 1, 14, "two steps"),
    ("a\nimport.meta.url;\n", 2, None, "import.meta"),
]


@pytest.mark.parametrize(("source", "line", "column", "message"), WRONG)
def test_an_error_of_syntax_has_its_place(source: str, line: int, column: int | None, message: str) -> None:
    """Line and column are those of the file as its author wrote it, also behind statements that are rewritten."""
    ((path, found_line, found_column, text),) = now(check(source))
    assert (path, found_line) == ("plugin.js", line), (found_column, text)
    assert column in (None, found_column), text
    assert text.startswith("SyntaxError: ")
    assert message in text


def test_every_file_is_checked() -> None:
    """Each file with an error is told, JSON too, and the others are not."""
    files = {
        "plugin.js": "require('./a.js')\n",
        "a.js": "\n\nlet x = ;",
        "rules/b.mjs": "export const a = ;",
        "c.json": '{\n  "a": 1,\n}',
        "d.txt": "let x = ;",
    }
    found = now(check(files))
    assert [(path, line) for path, line, _, _ in found] == [("a.js", 3), ("rules/b.mjs", 1), ("c.json", 3)]


def test_a_script_that_cannot_be_read_is_not_loaded() -> None:
    """`load` gives the same place as `check`, without a trace."""
    outcome = now(load({"plugin.js": "require('./a.js');", "a.js": "\n  let x = ;"}))
    assert outcome.tag == "failed"
    assert (outcome.value.path, outcome.value.line, outcome.value.column) == ("a.js", 2, 11)
    assert outcome.value.trace == ""


# --- errors while a script is executed ----------------------------------------------------------------------


def test_an_error_while_loading_has_a_trace_with_source_lines() -> None:
    """The innermost place of the author's comes first, and each place shows its line."""
    outcome = now(
        load(
            {
                "plugin.js": "import { fail } from './lib/fail.js';\n\nfail(undefined);\n",
                "lib/fail.js": "export function fail(value) {\n  // why not\n  return value.name;\n}\n",
            }
        )
    )
    problem = outcome.value
    assert (problem.path, problem.line, problem.column) == ("lib/fail.js", 3, 10)
    assert problem.message == "TypeError: cannot read property 'name' of undefined"
    assert re.sub(r":(\d+):\d+", r":\1", problem.trace).splitlines() == [
        "TypeError: cannot read property 'name' of undefined",
        "    at fail (lib/fail.js:3)",
        "        return value.name;",
        "    at plugin.js:3",
        "        fail(undefined);",
    ]


def test_what_is_thrown_may_be_anything() -> None:
    """A value that is no error is shown, and an error's cause is told."""
    assert now(load("throw 'no'")).value.message == "thrown: no"
    trace = now(load("throw new Error('outer', { cause: new TypeError('inner') })")).value.trace
    assert "caused by TypeError: inner" in trace


def test_an_error_in_a_hook_is_logged_with_its_trace() -> None:
    """A call that ends by an error leaves a line with the trace; the call fails."""

    async def main() -> None:
        source = (
            "import { middleware } from 'wasmpuck';\n"
            "const inner = (request) => request.missing.length;\n"
            "middleware.onRequest((request) => inner(request));\n"
        )
        async with open_script(source) as stage:
            with pytest.raises(CallFailed):
                await stage.call("middleware.on-request", asked())
            ((level, text, fields),) = stage.logs
        assert level == "ERROR"
        assert text == "middleware.onRequest: TypeError: cannot read property 'length' of undefined"
        assert "    at inner (plugin.js:2:28)\n        const inner =" in fields["trace"]

    run(main())


def test_a_script_that_never_ends_and_one_without_a_bottom_end_the_call() -> None:
    """A loop ends at the fuel, a recursion at the stack, and neither takes anything else along."""

    async def main() -> None:
        for body in ("for (;;);", "const f = (n) => f(n + 1) + 1; f(0);"):
            async with open_script(f"require('wasmpuck').middleware.onRequest(() => {{ {body} }});") as stage:
                with pytest.raises(CallFailed):
                    await stage.call("middleware.on-request", asked())

    run(main())


# --- modules ------------------------------------------------------------------------------------------------

MODULES = {
    "plugin.js": """
import byDefault, { named as other, count } from "./one.mjs";
import * as all from './one.mjs';
import "./effect.js"; import plain from "./common.cjs"; import { value } from "./common.cjs"
import data from "./data.json" with { type: "json" };
import text from "./text.txt";
import { again, byName, renamed } from "./re.js";
import anonymous from "./anonymous.js";
import { routes } from "wasmpuck";
import wasmpuck from "wasmpuck";
const before = all.counter; count(); const after = all.counter;
const division = after / 2; const regex = /import x from "y"/.test('import x from "y"');
const template = `import ${`nested ${"export"} x`} from`;
export const unused = 1, more = { a: [1, 2], b: 3 },
  last = 2
export { division as divided };
routes.get("/x", () => routes.json({
  byDefault: byDefault(), other, all: Object.keys(all).sort(), effect: globalThis.effect, plain, value, data, text,
  again, byName, renamed, anonymous: anonymous(), before, after, division, regex, template,
  same: wasmpuck.routes === routes,
  strict: (function () { return this === undefined; })(),
}));
""",
    "one.mjs": """
export let counter = 0;
export function count() { counter++; }
export const named = "named";
export default function name() { return "default"; }
export class Thing {}
""",
    "effect.js": "globalThis.effect = this === undefined ? 'strict' : 'sloppy';",
    "common.cjs": "exports.value = 1; exports.self = module.exports === exports;",
    "data.json": '{"a": [1]}',
    "text.txt": "plain import text",
    "re.js": "export * from './one.mjs'; export { named as renamed } from './one.mjs';\n"
    "export * as byName from './common.cjs'; import { named } from './one.mjs'; export const again = named + '!';",
    "anonymous.js": "export default\n  () => 'arrow'",
}

TEXTS = """/* import nothing from "./a.js";
export default 1; */
const text = `
import { a } from "./missing.js";
export const b = 1;
`;
// import "./missing.js"; export
  import { routes } from "wasmpuck";
const o = { import: 1, export: 2 }; if (o.import + o.export !== 3) throw new Error();
const important = "import x from 'y'"; const quote = "`";
export const c = text.length, d = important;
routes.get("/x", () => "ok");
"""


def test_modules() -> None:
    """ES modules in every form, CommonJS, JSON and text; exports are live in their namespace; imports come first."""

    async def main() -> None:
        async with open_script(MODULES) as stage:
            outcome = await stage.call("routes.handle", visit())
            found = json.loads(outcome.value.body.value)
        assert found == {
            "byDefault": "default",
            "other": "named",
            "all": ["Thing", "count", "counter", "default", "named"],
            "effect": "sloppy",
            "plain": {"value": 1, "self": True},
            "value": 1,
            "data": {"a": [1]},
            "text": "plain import text",
            "again": "named!",
            "byName": {"value": 1, "self": True, "default": {"value": 1, "self": True}},
            "renamed": "named",
            "anonymous": "arrow",
            "before": 0,
            "after": 1,
            "division": 0.5,
            "regex": True,
            "template": "import nested export x from",
            "same": True,
            "strict": True,
        }

    run(main())


def test_what_looks_like_a_statement_is_not_one() -> None:
    """Comments, templates, texts and names of properties may say `import` and `export`."""
    assert now(load(TEXTS)) == Case("loaded", ["lifecycle", "routes"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import x from 'lodash';", 'there is no module "lodash"'),
        ("import x from './missing.js';", 'there is no module "./missing.js"'),
        ("import x from '../outside.js';", 'there is no module "../outside.js"'),
        ("import { nothing } from './other.js';", 'the module "./other.js" has no export nothing'),
        ("import { stroage } from 'wasmpuck';", 'the module "wasmpuck" has no export stroage'),
        ("require(5);", "require takes the path"),
    ],
)
def test_a_module_that_is_missing_is_named(source: str, message: str) -> None:
    """What cannot be imported is said, with the file that asks."""
    outcome = now(load({"plugin.js": source, "other.js": "export const a = 1;"}))
    assert outcome.tag == "failed"
    assert message in outcome.value.message


def test_a_circle_of_modules_ends() -> None:
    """Two files that import each other are both executed, once."""
    files = {
        "plugin.js": "import { a } from './a.js'; if (a() !== 'ab') throw new Error(a());",
        "a.js": "import * as b from './b.js'; export function a() { return 'a' + b.b; }",
        "b.js": "import './a.js'; export const b = 'b';",
    }
    assert now(load(files)) == Case("loaded", ["lifecycle"])


def test_the_language_says_its_name() -> None:
    """The language and its version."""

    async def main() -> str:
        async with bare() as stage:
            return str(await stage.call("script.language"))

    assert run(main()).startswith("JavaScript")


# --- globals ------------------------------------------------------------------------------------------------


def test_time_is_the_contracts() -> None:
    """`Date` and `performance` ask the clock; dates of the past do not."""
    code = """
      class Day extends Date {}
      return [Date.now(), new Date().toISOString(), new Date(0).toISOString(), new Day().getTime(), typeof Date(),
        new Date() instanceof Date, new Date(2020, 1, 1).getMonth(), Date.UTC(1970, 0, 1), performance.now() > 0,
        new Date().constructor === Date, Date.name];
    """
    assert now(evaluate(code)) == [
        1_700_000_000_000,
        "2023-11-14T22:13:20.000Z",
        "1970-01-01T00:00:00.000Z",
        1_700_000_000_000,
        "string",
        True,
        1,
        0,
        True,
        True,
        "Date",
    ]


def test_randomness_is_the_contracts() -> None:
    """Two instances have different numbers, from every source of them; numbers are where they belong."""
    code = """
      const some = Array.from({ length: 200 }, Math.random);
      return [some, crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(8))], random.number(),
        [...random.bytes(5000)].length];
    """

    async def main() -> list[Any]:
        return [await evaluate(code) for _ in range(2)]

    one, other = run(main())
    for index in range(4):
        assert one[index] != other[index]
    assert len(set(one[0])) == 200
    assert all(0 <= number < 1 for number in one[0])
    assert 0.3 < sum(one[0]) / 200 < 0.7
    assert one[1][14] == "4"
    assert one[4] == 5000


def test_the_console_writes_to_the_log() -> None:
    """Levels are the log's, values are shown, and without the import nothing happens."""

    async def main() -> None:
        source = (
            "const { middleware } = require('wasmpuck');\n"
            "middleware.onRequest(() => { console.log('a', 1, { b: [1, 'x'] }, null); console.warn(new Map([[1, 2]]));"
            " console.error(new Set('a')); });"
        )
        async with open_script(source) as stage:
            await stage.call("middleware.on-request", asked())
            assert [(level, text) for level, text, _ in stage.logs] == [
                ("INFO", 'a 1 {b: [1, "x"]} null'),
                ("WARNING", "Map(1) {1 => 2}"),
                ("ERROR", 'Set(1) {"a"}'),
            ]
        async with open_script(source, imports=["metrics"]) as stage:
            assert (await stage.call("middleware.on-request", asked())).verdict == Case("next", [])

    run(main())


def test_text_is_encoded_and_decoded() -> None:
    """UTF-8 both ways, in pieces, with what is no UTF-8."""
    code = r"""
      const decoder = new TextDecoder();
      const bytes = new TextEncoder().encode("aä€𝄞\ud800");
      const pieces = [...bytes].map((byte) => decoder.decode(Uint8Array.of(byte), { stream: true })).join("");
      let fatal = "";
      try { new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.of(0xff)); }
      catch (error) { fatal = error.name; }
      return [[...bytes], new TextDecoder().decode(bytes), pieces,
        new TextDecoder().decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xf0, 0x90, 0x41, 0xed, 0xa0, 0x80, 0xc0)),
        fatal,        new TextEncoder().encodeInto("a€b", new Uint8Array(3)), atob(btoa("hi"))];
    """
    text = "aä€𝄞\ufffd"
    assert now(evaluate(code)) == [
        list(text.encode()),
        text,
        text,
        b"a\xf0\x90A\xed\xa0\x80\xc0".decode(errors="replace"),
        "TypeError",
        {"read": 1, "written": 1},
        "hi",
    ]


def test_addresses_are_parsed() -> None:
    """`URL` and `URLSearchParams` as the standard has them; a name that needs tables is refused."""
    code = r"""
      const url = (text, base) => { try { return new URL(text, base).href; } catch (error) { return error.name; } };
      const params = new URLSearchParams("a=1&b=%C3%A4+x&a=2");
      params.append("c", "&="); params.delete("b");
      const one = new URL("https://u:p@Example.org:8443/a/../b/./c?x=1#f");
      one.searchParams.set("y", "ä b");
      return [
        one.href, [one.protocol, one.host, one.hostname, one.port, one.pathname, one.search, one.hash, one.origin,
          one.username],
        url("../d?q", "https://example.org/a/b/c"), url("//other.example/x", "https://example.org/"), url("?z", "http://h/p?q#f"),
        url("http://[2001:DB8:0:0::1]:80/"), url("http://0x7f.1/"), url("HTTP://EXAMPLE.org:080"), url("mailto:a@b.c"),
        url("http://a b/"), url("http://münchen.example/"), url("nothing"), url("https://example.org/ä?ö#ü"),
        params.toString(), params.getAll("a"), [...params.keys()], new URLSearchParams({ q: "1 2" }).toString(),
        URL.canParse("x:y"), url("#g", "http://h/p?q"), url("/abs", "http://h:81/p"),
      ];
    """
    assert now(evaluate(code)) == [
        "https://u:p@example.org:8443/b/c?x=1&y=%C3%A4+b#f",
        [
            "https:",
            "example.org:8443",
            "example.org",
            "8443",
            "/b/c",
            "?x=1&y=%C3%A4+b",
            "#f",
            "https://example.org:8443",
            "u",
        ],
        "https://example.org/a/d?q",
        "https://other.example/x",
        "http://h/p?z",
        "http://[2001:db8::1]/",
        "http://127.0.0.1/",
        "http://example.org/",
        "mailto:a@b.c",
        "TypeError",
        "TypeError",
        "TypeError",
        "https://example.org/%C3%A4?%C3%B6#%C3%BC",
        "a=1&a=2&c=%26%3D",
        ["1", "2"],
        ["a", "a", "c"],
        "q=1+2",
        True,
        "http://h/p?q#g",
        "http://h:81/abs",
    ]


def test_values_are_cloned() -> None:
    """Deep, with cycles and classes of the language; functions are refused."""
    code = """
      const value = { a: [1, new Date(5)], m: new Map([["k", new Set([1])]]), b: Uint8Array.of(1, 2),
        e: new TypeError("t"), r: /x/g };
      value.self = value;
      const copy = structuredClone(value);
      let refused = "";
      try { structuredClone({ f() {} }); } catch (error) { refused = error.name; }
      return [copy !== value, copy.self === copy, copy.a[1].getTime(), copy.m.get("k").has(1), [...copy.b],
        copy.e.name, String(copy.r), refused];
    """
    assert now(evaluate(code)) == [True, True, 5, True, [1, 2], "TypeError", "/x/g", "DataCloneError"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("setTimeout(() => {}, 5)", "use tasks.every or tasks.after"),
        ("fetch('https://example.org/')", "use httpClient.send"),
        ("Promise.resolve(1).then(() => {})", "promises never settle"),
    ],
)
def test_what_cannot_work_says_what_to_do(code: str, message: str) -> None:
    """Globals that need a later moment throw an error with the way out."""
    assert message in now(evaluate(f"try {{ {code} }} catch (error) {{ return error.message; }}"))


def test_microtasks_run_before_the_answer_leaves() -> None:
    """What is queued runs when the hook has returned, in order, also what that queues."""

    async def main() -> None:
        source = (
            "const { middleware, storage } = require('wasmpuck');\n"
            "middleware.onRequest(() => { queueMicrotask(() => { storage.set('a', '1');"
            " queueMicrotask(() => storage.set('b', '2')); }); });"
        )
        async with open_script(source) as stage:
            await stage.call("middleware.on-request", asked())
            assert (stage.stored("a"), stage.stored("b")) == ("1", "2")

    run(main())


def test_instances_do_not_leak() -> None:
    """A thousand calls with bodies of 20 kB leave the memory where it was."""

    async def main() -> None:
        source = (
            "const { routes } = require('wasmpuck');\n"
            "routes.get('/x', () => routes.text('x'.repeat(20000), 200, { a: 'b' }));"
        )
        async with open_script(source) as stage:
            for _ in range(300):
                await stage.call("routes.handle", visit())
            before = sum(linear_memories().values())
            assert before > 0
            for _ in range(1000):
                await stage.call("routes.handle", visit())
            assert sum(linear_memories().values()) <= before + (1 << 20)

    run(main())
