// What a plugin may ask of the server, in JavaScript's terms: `null` for nothing, exceptions for errors, options as objects.

import { call } from "./call.js";
import { state } from "./state.js";

/** Fields of a line: numbers and truth values become text, anything else has to be text already. */
const pairs = (fields) => {
  const all = Array.isArray(fields) ? fields : Object.entries(fields ?? {});
  return all.map((pair) => (Array.isArray(pair) ? pair.map((part) => (["number", "boolean"].includes(typeof part) ? String(part) : part)) : pair));
};
const found = (answer) => (answer.tag === "found" ? answer.val : null);

const level = (name) => (message, fields) => {
  call("log", "write", name, typeof message === "string" ? message : String(message), pairs(fields));
};

export const log = Object.freeze({
  trace: level("trace"),
  debug: level("debug"),
  info: level("info"),
  warn: level("warn"),
  error: level("error"),
  critical: level("critical"),
});

export const settings = Object.freeze({
  get(key) {
    const text = call("settings", "get", key);
    return text === null || text === undefined ? undefined : JSON.parse(text);
  },
  all: () => JSON.parse(call("settings", "get-all")),
});

export const clock = Object.freeze({
  now: () => call("clock", "now"),
  monotonic: () => call("clock", "monotonic"),
});

export const random = Object.freeze({
  bytes(count) {
    const all = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const some = call("random", "bytes", Math.min(count - at, 4096));
      all.set(some, at);
      at += some.length;
    }
    return all;
  },
  number: () => call("random", "number") >>> 0,
});

export const storage = Object.freeze({
  get: (key) => found(call("storage", "get", key)),
  getBytes: (key) => found(call("storage", "get-bytes", key)),
  getJson(key) {
    const text = found(call("storage", "get", key));
    return text === null ? null : JSON.parse(text);
  },
  set(key, value, { ttl = null } = {}) {
    call("storage", "set", key, value, ttl);
  },
  setBytes(key, value, { ttl = null } = {}) {
    call("storage", "set-bytes", key, value, ttl);
  },
  setJson(key, value, { ttl = null } = {}) {
    call("storage", "set", key, JSON.stringify(value), ttl);
  },
  delete(key) {
    call("storage", "delete", key);
  },
  listKeys: (prefix = "", cursor = "", limit = 1000) => call("storage", "list-keys", prefix, cursor, limit),
  *keys(prefix = "") {
    for (let cursor = ""; ; ) {
      const page = call("storage", "list-keys", prefix, cursor, 1000);
      yield* page.keys;
      cursor = page.cursor;
      if (cursor === "") return;
    }
  },
  increment: (key, delta = 1, { ttl = null } = {}) => call("storage", "increment", key, delta, ttl),
  compareAndSwap: (key, expected, value, { ttl = null } = {}) =>
    call("storage", "compare-and-swap", key, expected, value, ttl).tag === "swapped",
});

export const messaging = Object.freeze({
  call: (peer, topic, payload = "") => call("messaging", "call", peer, topic, payload),
  find: (kind) => call("messaging", "find", kind),
});

export const shared = Object.freeze({
  counterAdd: (name, delta = 1) => call("shared", "counter-add", name, delta),
  windowAdd: (name, key, weight, span) => call("shared", "window-add", name, key, weight, span),
  setAdd: (name, member, { ttl = null } = {}) => call("shared", "set-add", name, member, ttl),
  setHas: (name, member) => call("shared", "set-has", name, member),
  setRemove: (name, member) => call("shared", "set-remove", name, member),
  setSize: (name) => call("shared", "set-size", name) >>> 0,
  topAdd(name, member, weight = 1, keep = 100) {
    call("shared", "top-add", name, member, weight, keep);
  },
  topList: (name, count) => call("shared", "top-list", name, count),
  distinctAdd(name, member) {
    call("shared", "distinct-add", name, member);
  },
  distinctCount: (name) => call("shared", "distinct-count", name),
  remove: (name) => call("shared", "remove", name),
});

const QUERIES = { fingerprint: "fingerprint", keyId: "key-id", email: "email", text: "text", domain: "domain" };

function query(value) {
  const names = Object.keys(value ?? {});
  if (names.length !== 1 || !Object.hasOwn(QUERIES, names[0])) {
    throw new TypeError(`argument 1 of keys.search must be an object with one of the fields ${Object.keys(QUERIES).join(", ")}`);
  }
  return { tag: QUERIES[names[0]], val: value[names[0]] };
}

export const keys = Object.freeze({
  search: (what, { cursor = "", limit = 100 } = {}) => call("keys", "search", query(what), cursor, limit),
  summarize: (fingerprint) => found(call("keys", "summarize", fingerprint)),
  armored: (fingerprint) => found(call("keys", "armored", fingerprint)),
  changes: (cursor = "", limit = 100) => call("keys", "changes", cursor, limit),
  count: () => call("keys", "count"),
});

export const keyAdmin = Object.freeze({
  submit: (armored, note) => call("key-admin", "submit", armored, note),
  replace: (armored, note) => call("key-admin", "replace", armored, note),
  delete(fingerprint, note) {
    call("key-admin", "delete", fingerprint, note);
  },
  quarantine(fingerprint, note) {
    call("key-admin", "quarantine", fingerprint, note);
  },
  release: (fingerprint, note) => call("key-admin", "release", fingerprint, note),
  listQuarantine: (cursor = "", limit = 100) => call("key-admin", "list-quarantine", cursor, limit),
});

export const secrets = Object.freeze({
  names: () => call("secrets", "names"),
  reveal: (name) => call("secrets", "reveal", name),
  equals: (name, candidate) => call("secrets", "equals", name, candidate),
});

/** Who the plugin is, and which imports it has. */
export const plugin = Object.freeze({
  get name() {
    return state.program.name;
  },
  get version() {
    return state.program.version;
  },
  get description() {
    return state.program.description;
  },
  get imports() {
    return [...state.imports];
  },
  has: (name) => state.imports.has(name),
  /** The plugin's settings, as the lifecycle's `init` gave them; frozen. */
  get config() {
    if (state.config === null) throw new Error("plugin.config is known from lifecycle.init on: read it inside a hook");
    return state.config;
  },
});
