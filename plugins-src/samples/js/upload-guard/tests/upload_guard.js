// The plugin on this machine.

import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "wasmpuck/testing";

const ENTRY = new URL("../plugin.js", import.meta.url);
const IMPORTS = ["events", "log", "storage"];

const submission = (...userIds) => ({ origin: "upload", primary: { fingerprint: "ab" }, subkeys: [], userIds });

test("a forbidden word is a rejection, in any case", async () => {
  const { admission, host } = await load(ENTRY, { imports: IMPORTS, config: { words: ["Spam"] } });
  assert.deepEqual(admission.judge(submission("Bob")), { tag: "accept" });
  assert.deepEqual(admission.judge(submission("Bob", "sPAMmer")), {
    tag: "reject",
    val: { code: "forbidden-word", text: "The user id contains the word Spam." },
  });
  assert.deepEqual(host.published, [{ topic: "upload-guard.rejected", payload: '{"fingerprint":"ab","word":"Spam"}' }]);
});

test("crowds of user ids are put aside", async () => {
  const { admission } = await load(ENTRY, { imports: IMPORTS, config: { "max-user-ids": 1 } });
  assert.equal(admission.judge(submission("a")).tag, "accept");
  assert.equal(admission.judge(submission("a", "b")).val.code, "too-many-user-ids");
});

test("insertions are counted", async () => {
  const { eventHandler, host } = await load(ENTRY, { imports: IMPORTS });
  assert.deepEqual([...host.subscriptions], ["key.inserted"]);
  eventHandler.handle({ topic: "key.inserted", source: "", payload: "{}", at: 0 });
  assert.equal(host.storage.inserted, "1");
});
