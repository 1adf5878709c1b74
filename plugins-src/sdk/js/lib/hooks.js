// What a plugin can be: hooks are registered while its files are executed.

import { call } from "./call.js";
import { registering, state } from "./state.js";
import { payload } from "./streams.js";

export const pairs = (value) =>
  Array.isArray(value) || typeof value !== "object" || value === null ? (value ?? []) : Object.entries(value);

/** A verdict of a middleware plugin; nothing else is one, so that a forgotten constructor is seen. */
export class Verdict {
  constructor(tag, val, reuse = null) {
    this.tag = tag;
    if (val !== undefined) this.val = val;
    Object.defineProperty(this, "reuse", { value: reuse });
  }

  /** The same verdict with the permission to use it again without asking. */
  reusable({ scope, requests, milliseconds }) {
    return new Verdict(this.tag, this.val, { scope, requests, milliseconds });
  }
}

const response = (status, body, headers) => ({ status, headers: pairs(headers), body });

export const middleware = Object.freeze({
  scope(scope) {
    registering("middleware.scope");
    state.middleware.scope = scope;
  },
  onRequest(fn) {
    registering("middleware.onRequest", fn);
    state.middleware.onRequest = fn;
  },
  onResponse(fn) {
    registering("middleware.onResponse", fn);
    state.middleware.onResponse = fn;
  },
  next: (headers) => new Verdict("next", pairs(headers)),
  respond: (status, body = "", headers = {}) => new Verdict("respond", response(status, body, headers)),
  delay: (milliseconds, headers = {}) => new Verdict("delay", { milliseconds, headers: pairs(headers) }),
  drip: ({ status = 200, headers = {}, body, rate = 1, milliseconds }) =>
    new Verdict("drip", { status, headers: pairs(headers), body, rate, milliseconds }),
  challenge: ({ bits = 16, valid = 3_600_000, text }) => new Verdict("challenge", { bits, valid, text }),
  keep: () => new Verdict("keep"),
  setHeaders: (headers) => new Verdict("set-headers", pairs(headers)),
  replace: (status, body = "", headers = {}) => new Verdict("replace", response(status, body, headers)),
});

export const admission = Object.freeze({
  scope(scope) {
    registering("admission.scope");
    state.admission.scope = scope;
  },
  judge(fn) {
    registering("admission.judge", fn);
    state.admission.judge = fn;
  },
  accept: () => new Verdict("accept"),
  reject: (code, text) => new Verdict("reject", { code, text }),
  quarantine: (code, text) => new Verdict("quarantine", { code, text }),
  rewrite: (armored, code, text) => new Verdict("rewrite", { armored, reason: { code, text } }),
});

const on = (methods, path, fn, { headers = [] } = {}) => {
  registering(`routes.${methods[0].toLowerCase()}`, fn);
  state.routes.push({ methods, path, fn, headers: headers.map((name) => name.toLowerCase()) });
};
const route = (method) => (path, fn, options) => on([method], path, fn, options);

const typed = (headers, type) => {
  const all = pairs(headers);
  return all.some(([name]) => name.toLowerCase() === "content-type") ? all : [["content-type", type], ...all];
};

export const routes = Object.freeze({
  on,
  get: route("GET"),
  post: route("POST"),
  put: route("PUT"),
  patch: route("PATCH"),
  delete: route("DELETE"),
  options: route("OPTIONS"),
  respond: (status, body, headers = {}) =>
    new Verdict("respond", { status, headers: pairs(headers), body: payload(body, "the body of routes.respond") }),
  text: (text, status = 200, headers = {}) =>
    new Verdict("respond", { status, headers: typed(headers, "text/plain; charset=utf-8"), body: { tag: "text", val: text } }),
  json: (value, status = 200, headers = {}) =>
    new Verdict("respond", { status, headers: typed(headers, "application/json"), body: { tag: "text", val: JSON.stringify(value) } }),
  notFound: () => new Verdict("not-found"),
});

export const formatter = Object.freeze({
  format({ name, mediaType, extension = "", description }, fn) {
    registering("formatter.format", fn);
    state.formats.set(name, { format: { name, mediaType, extension, description }, fn });
  },
  unsuitable: (text) => new Verdict("unsuitable", text),
});

export const services = Object.freeze({
  service({ kind, description }, topics) {
    registering("services.service");
    for (const [topic, fn] of Object.entries(topics)) registering(`topic ${topic} of services.service`, fn);
    state.services.push({ kind, description, topics });
  },
  refuse: (text) => new Verdict("refused", text),
});

const timed = (kind) => (name, when, fn) => {
  registering(`tasks.${kind}`, fn);
  state.tasks.set(name, { fn, timing: { kind, when } });
};

const TIMINGS = ["every", "after", "at"];

export const tasks = Object.freeze({
  every: timed("every"),
  after: timed("after"),
  at: timed("at"),
  /** A task that a hook schedules. */
  handler(name, fn) {
    registering("tasks.handler", fn);
    state.tasks.set(name, { fn, timing: null });
  },
  schedule(name, timing) {
    const [kind] = Object.keys(timing ?? {});
    if (!TIMINGS.includes(kind)) throw new TypeError("tasks.schedule takes {every: ms}, {after: ms} or {at: ms}");
    if (!state.tasks.has(name)) throw new Error(`no task ${JSON.stringify(name)} is registered: call tasks.handler at the top level of a file`);
    call("tasks", "schedule", name, { tag: kind, val: timing[kind] });
  },
  cancel: (name) => call("tasks", "cancel", name),
});

export const events = Object.freeze({
  on(pattern, fn) {
    registering("events.on", fn);
    const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("\\*", ".*");
    state.events.set(pattern, { fn, matches: new RegExp(`^${escaped}$`, "s") });
  },
  publish(topic, payload = "") {
    call("events", "publish", topic, typeof payload === "string" ? payload : JSON.stringify(payload));
  },
  subscribe(pattern) {
    call("events", "subscribe", pattern);
  },
  unsubscribe: (pattern) => call("events", "unsubscribe", pattern),
});

const hook = (group, name) => (fn) => {
  registering(`${group}.${name}`, fn);
  state[group][name] = fn;
};

export const lifecycle = Object.freeze({
  validate: hook("lifecycle", "validate"),
  init: hook("lifecycle", "init"),
  start: hook("lifecycle", "start"),
  health: hook("lifecycle", "health"),
  selfTest: hook("lifecycle", "selfTest"),
  shutdown: hook("lifecycle", "shutdown"),
  healthy: () => new Verdict("healthy"),
  degraded: (text) => new Verdict("degraded", text),
  failing: (text) => new Verdict("failing", text),
});

export const handover = Object.freeze({
  prepareSwap: hook("handover", "prepareSwap"),
  restore: hook("handover", "restore"),
});

function labelValues(name, labels, given) {
  if (Array.isArray(given)) return given.map(String);
  const values = given ?? {};
  const unknown = Object.keys(values).find((label) => !labels.includes(label));
  const missing = labels.find((label) => values[label] === undefined);
  if (unknown !== undefined) throw new TypeError(`the metric ${name} has no label ${unknown}`);
  if (missing !== undefined) throw new TypeError(`the metric ${name} needs a value for its label ${missing}`);
  return labels.map((label) => String(values[label]));
}

const metric = (kind, ...functions) => (name, help, labels = [], buckets = []) => {
  registering(`metrics.${kind}`);
  state.metrics.push({ name, kind, help, labels, buckets });
  const report = (fn) => (value, given) => {
    call("metrics", fn, name, labelValues(name, labels, given), value ?? 1);
  };
  return Object.freeze(Object.fromEntries(functions.map((fn) => [fn, report(fn)])));
};

export const metrics = Object.freeze({
  counter: metric("counter", "add"),
  gauge: metric("gauge", "add", "set"),
  histogram: metric("histogram", "observe"),
});
