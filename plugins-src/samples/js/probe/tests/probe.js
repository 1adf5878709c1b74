// The plugin on this machine.

import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "wasmpuck/testing";

const ENTRY = new URL("../plugin.js", import.meta.url);

test("results, errors and missing grants come as JSON, and every import has a service", async () => {
  const { services } = await load(ENTRY, { imports: ["events", "storage"] });
  const ask = (topic, ...given) => {
    const reply = services.call({ caller: "somebody", topic, payload: JSON.stringify(given) });
    return JSON.parse(reply.val);
  };
  assert.equal(ask("storage.set-bytes", "a", [0, 255], null), null);
  assert.deepEqual(ask("storage.get-bytes", "a"), [0, 255]);
  assert.deepEqual(ask("storage.set", "", "x", null), { error: "too-large", detail: null, type: "StorageError" });
  assert.deepEqual(ask("clock.now"), { error: "not-granted", detail: "clock", type: "NotGrantedError" });
  assert.equal(services.describeServices().length, 16);
});
