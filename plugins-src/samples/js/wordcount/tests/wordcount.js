// The plugin on this machine.

import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "wasmpuck/testing";

import { words } from "../words.js";

const ENTRY = new URL("../plugin.js", import.meta.url);
const IMPORTS = ["clock", "keys", "log", "storage", "tasks"];
const FINGERPRINT = "ab".repeat(20);

const visit = (path, query = []) => ({
  client: "192.0.2.7", method: "GET", path: `/plugins/wordcount/${path}`, rest: "", query, headers: [], body: { tag: "empty" },
});

const answer = ({ val: { status, body } }) => [status, JSON.parse(body.val)];

test("words are what blanks divide", () => {
  assert.deepEqual(["", " ", "a", " a  b\tc "].map(words), [0, 0, 1, 3]);
});

test("the words of all user ids are counted", async () => {
  const { host, routes } = await load(ENTRY, { imports: IMPORTS });
  host.certificates.set(FINGERPRINT, { primary: { fingerprint: FINGERPRINT }, userIds: [{ text: "Alice B." }, { text: "a@b.c" }] });
  const found = answer(routes.handle(visit("words", [["fingerprint", FINGERPRINT]])));
  assert.deepEqual(found, [200, { fingerprint: FINGERPRINT, words: 3, user_ids: 2 }]);
  assert.equal(answer(routes.handle(visit("words", [["fingerprint", "00"]])))[0], 404);
});

test("the task stores how many certificates there are", async () => {
  const { host, routes, taskHandler } = await load(ENTRY, { imports: IMPORTS, config: { interval: 90 } });
  assert.deepEqual(host.tasks.get("refresh"), { every: 90_000 });
  assert.equal(answer(routes.handle(visit("total")))[0], 404);
  host.certificates.set(FINGERPRINT, {});
  assert.deepEqual(taskHandler.run("refresh"), { tag: "done" });
  assert.deepEqual(answer(routes.handle(visit("total"))), [200, { total: 1, at: host.now }]);
});
