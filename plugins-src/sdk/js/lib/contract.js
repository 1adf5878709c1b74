// The contract (wit/) as far as values go from a plugin to the server: parameters of imports, results of exports.
//
// tests/sdk compares this file with the .wit files.

import { bool, bytes, enumeration, f64, list, option, record, s32, string, tuple, u16, u32, variant } from "./types.js";

const header = tuple(string, string);
const headers = list(header);

/** Interface to function to the types of its parameters. A resource's methods are `resource.method`, without the resource. */
export const imports = {
  log: {
    write: [enumeration("trace", "debug", "info", "warn", "error", "critical"), string, list(tuple(string, string))],
  },
  settings: { get: [string], "get-all": [] },
  clock: { now: [], monotonic: [] },
  random: { bytes: [u32], number: [] },
  storage: {
    get: [string],
    "get-bytes": [string],
    set: [string, string, option(u32)],
    "set-bytes": [string, bytes, option(u32)],
    delete: [string],
    "list-keys": [string, string, u32],
    increment: [string, f64, option(u32)],
    "compare-and-swap": [string, option(string), string, option(u32)],
  },
  metrics: {
    add: [string, list(string), f64],
    set: [string, list(string), f64],
    observe: [string, list(string), f64],
  },
  tasks: { schedule: [string, variant({ every: u32, after: u32, at: f64 })], cancel: [string] },
  events: { publish: [string, string], subscribe: [string], unsubscribe: [string] },
  messaging: { call: [string, string, string], find: [string] },
  shared: {
    "counter-add": [string, f64],
    "window-add": [string, string, f64, u32],
    "set-add": [string, string, option(u32)],
    "set-has": [string, string],
    "set-remove": [string, string],
    "set-size": [string],
    "top-add": [string, string, f64, u32],
    "top-list": [string, u32],
    "distinct-add": [string, string],
    "distinct-count": [string],
    remove: [string],
  },
  keys: {
    search: [variant({ fingerprint: string, "key-id": string, email: string, text: string, domain: string }), string, u32],
    summarize: [string],
    armored: [string],
    changes: [string, u32],
    count: [],
  },
  "key-admin": {
    submit: [string, string],
    replace: [string, string],
    delete: [string, string],
    quarantine: [string, string],
    release: [string, string],
    "list-quarantine": [string, u32],
  },
  "http-client": {
    send: [
      record({
        method: string,
        url: string,
        headers,
        secrets: list(record({ name: string, prefix: string, secret: string })),
        body: variant({ empty: null, text: string, bytes }),
        follow: bool,
        timeout: option(u32),
      }),
    ],
    "response.status": [],
    "response.headers": [],
    "response.url": [],
    "response.read-text": [u32],
    "response.read-bytes": [u32],
  },
  files: {
    names: [],
    open: [string],
    "data-file.size": [],
    "data-file.modified": [],
    "data-file.replaced": [],
    "data-file.read": [f64, u32],
    "data-file.read-text": [f64, u32],
  },
  secrets: { names: [], reveal: [string], equals: [string, string] },
  responder: { begin: [u16, headers], "outgoing.write": [string], "outgoing.write-bytes": [bytes] },
};

const problem = record({ path: string, message: string });
const failure = variant({ configuration: list(problem), unavailable: string, other: string });
const response = record({ status: u16, headers, body: string });
const reason = record({ code: string, text: string });
const body = variant({ empty: null, text: string, bytes });

/** Interface to function to the type of its result; `null` where there is none. A `result` is `[ok, err]`. */
export const exports = {
  lifecycle: {
    describe: record({
      name: string,
      version: string,
      description: string,
      metrics: list(
        record({ name: string, kind: enumeration("counter", "gauge", "histogram"), help: string, labels: list(string), buckets: list(f64) }),
      ),
    }),
    "validate-config": list(problem),
    init: [null, failure],
    start: [null, failure],
    health: variant({ healthy: null, degraded: string, failing: string }),
    "self-test": [null, failure],
    shutdown: null,
  },
  handover: { "prepare-swap": option(string), restore: [null, failure] },
  middleware: {
    "describe-scope": record({
      priority: s32,
      paths: list(string),
      headers: list(string),
      "wants-query": bool,
      "wants-body": bool,
      "wants-response": bool,
    }),
    "on-request": record({
      verdict: variant({
        next: headers,
        respond: response,
        delay: record({ milliseconds: u32, headers }),
        drip: record({ status: u16, headers, body: string, rate: u32, milliseconds: u32 }),
        challenge: record({ bits: u32, valid: u32, text: string }),
      }),
      reuse: option(
        record({ scope: enumeration("client", "client-operation", "everyone"), requests: u32, milliseconds: u32 }),
      ),
    }),
    "on-response": variant({ keep: null, "set-headers": headers, replace: response }),
  },
  admission: {
    "describe-scope": record({
      priority: s32,
      origins: list(enumeration("upload", "bulk", "peer", "plugin")),
      "wants-armor": bool,
    }),
    judge: variant({ accept: null, reject: reason, quarantine: reason, rewrite: record({ armored: string, reason }) }),
  },
  routes: {
    "describe-routes": list(record({ path: string, methods: list(string), headers: list(string) })),
    handle: variant({ respond: record({ status: u16, headers, body }), streamed: null, "not-found": null }),
  },
  formatter: {
    "describe-formats": list(record({ name: string, "media-type": string, extension: string, description: string })),
    render: variant({ text: string, bytes, unsuitable: string }),
  },
  services: {
    "describe-services": list(record({ kind: string, topics: list(string), description: string })),
    call: variant({ answer: string, "unknown-topic": null, refused: string }),
  },
  "task-handler": { run: variant({ done: null, failed: string }) },
  "event-handler": { handle: variant({ done: null, failed: string }) },
};
