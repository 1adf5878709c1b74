// The plugin on this machine.

import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "wasmpuck/testing";

const ENTRY = new URL("../plugin.js", import.meta.url);
const IMPORTS = ["log", "metrics", "storage"];
const REQUEST = { client: "192.0.2.7", operation: "get", method: "GET", path: "/pks/lookup", query: [], headers: [], body: null };

test("each request gets the header and is counted", async () => {
  const { host, middleware } = await load(ENTRY, { imports: IMPORTS, config: { text: "hi" } });
  assert.deepEqual(middleware.onRequest(REQUEST).verdict, { tag: "next", val: [["x-greeting", "hi"]] });
  middleware.onRequest(REQUEST);
  assert.deepEqual(host.storage, { "count:get": "2" });
  assert.equal(host.metrics.get("requests{get}"), 2);
});

test("a blocked address gets 403", async () => {
  const { middleware } = await load(ENTRY, { imports: IMPORTS, config: { block: ["192.0.2.7"] } });
  assert.equal(middleware.onRequest(REQUEST).verdict.val.status, 403);
});

test("a text that is no header is named", async () => {
  for (const text of ["x".repeat(81), "a\nb", 7]) {
    await assert.rejects(load(ENTRY, { imports: IMPORTS, config: { text } }), (error) => {
      assert.deepEqual(error.payload.val.map(({ path }) => path), ["text"]);
      return true;
    });
  }
});

test("an error of the author's is logged", async () => {
  const { host, middleware } = await load(ENTRY, { imports: IMPORTS });
  assert.throws(() => middleware.onRequest({ ...REQUEST, query: [["boom", "1"]] }), /boom/);
  assert.equal(host.logs[0].level, "error");
});
