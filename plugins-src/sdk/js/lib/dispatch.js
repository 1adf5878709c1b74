// The exports of the contract, by dispatch to the hooks: what comes is handed over, what they return is checked.

import { call, granted } from "./call.js";
import { exports as results } from "./contract.js";
import { ConfigurationError, UnavailableError } from "./errors.js";
import { pairs, Verdict } from "./hooks.js";
import { drain } from "./jobs.js";
import { state } from "./state.js";
import { payload } from "./streams.js";
import { camel, lower, show } from "./types.js";

/** How errors are told; the language runtime replaces it by one that knows the script's source lines. */
export const reporter = {
  describe(error) {
    return error instanceof Error ? error.stack || String(error) : `thrown: ${show(error)}`;
  },
};

const brief = (error) => (error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${show(error)}`);

function report(place, error) {
  if (granted("log")) call("log", "write", "error", `${place}: ${brief(error)}`, [["trace", reporter.describe(error)]]);
}

const settled = (place, value) => {
  if (typeof value?.then === "function") {
    throw new TypeError(`${place} returned a promise: nothing can be waited for in a plugin, and imports answer at once`);
  }
  return value;
};

/** A verdict's constructor, or nothing for the case that changes nothing. */
function verdict(place, value, otherwise, makers) {
  if (value === undefined || value === null) return otherwise;
  if (!(value instanceof Verdict)) throw new TypeError(`${place} must return nothing or what ${makers} returns, not ${show(value)}`);
  return value;
}

/** An error in a hook of the lifecycle as the contract's `failure`. */
function failure(error) {
  if (error instanceof ConfigurationError) return { tag: "configuration", val: error.problems };
  if (error instanceof UnavailableError) return { tag: "unavailable", val: error.message };
  return { tag: "other", val: brief(error) };
}

const expected = (error) => error instanceof ConfigurationError || error instanceof UnavailableError;

/** An exported function: `body` runs, and its result is lowered to the contract's type.
 *
 * `recover` makes a result of an error where the interface has one. Otherwise the error goes on and ends the call.
 */
function exported(name, fn, body, recover = null) {
  const place = `${camel(name)}.${camel(fn)}`;
  const type = results[name][fn];
  const fallible = Array.isArray(type);
  return (...args) => {
    try {
      const value = body(...args);
      drain();
      return type === null || fallible ? undefined : lower(type, value, `the result of ${place}`);
    } catch (error) {
      if (!expected(error)) report(place, error);
      if (fallible) throw Object.assign(new Error(place), { payload: lower(type[1], failure(error), place) });
      if (recover === null) throw error;
      return lower(type, recover(error), place);
    }
  };
}

function deepFreeze(value) {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}

const scopeOf = (scope) => (typeof scope === "function" ? scope(state.config) : scope);

function problems(value) {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new TypeError(`lifecycle.validate must return an array of {path, message}, not ${show(value)}`);
  return value;
}

const lifecycle = {
  describe: exported("lifecycle", "describe", () => ({ ...state.program, metrics: state.metrics })),
  validateConfig: exported("lifecycle", "validate-config", (text) => {
    const { validate } = state.lifecycle;
    return validate === null ? [] : problems(settled("lifecycle.validate", validate(deepFreeze(JSON.parse(text)))));
  }),
  init: exported("lifecycle", "init", (text) => {
    const config = deepFreeze(JSON.parse(text));
    const { validate, init } = state.lifecycle;
    const wrong = validate === null ? [] : problems(validate(config));
    if (wrong.length > 0) throw new ConfigurationError(wrong);
    state.config = config;
    if (init !== null) settled("lifecycle.init", init(config));
  }),
  start: exported("lifecycle", "start", () => {
    for (const pattern of state.events.keys()) call("events", "subscribe", pattern);
    for (const [name, { timing }] of state.tasks) {
      if (timing === null) continue;
      const when = typeof timing.when === "function" ? timing.when(state.config) : timing.when;
      call("tasks", "schedule", name, { tag: timing.kind, val: when });
    }
    if (state.lifecycle.start !== null) settled("lifecycle.start", state.lifecycle.start());
  }),
  health: exported(
    "lifecycle",
    "health",
    () => verdict("lifecycle.health", state.lifecycle.health?.(), { tag: "healthy" }, "lifecycle.healthy, degraded or failing"),
    (error) => ({ tag: "failing", val: brief(error) }),
  ),
  selfTest: exported("lifecycle", "self-test", () => {
    settled("lifecycle.selfTest", state.lifecycle.selfTest?.());
  }),
  shutdown: exported("lifecycle", "shutdown", (reason) => {
    state.lifecycle.shutdown?.(reason);
  }),
};

const handover = {
  prepareSwap: exported("handover", "prepare-swap", () => settled("handover.prepareSwap", state.handover.prepareSwap?.())),
  restore: exported("handover", "restore", (text) => {
    settled("handover.restore", state.handover.restore?.(text));
  }),
};

const middleware = {
  describeScope: exported("middleware", "describe-scope", () => ({
    priority: 0,
    paths: [],
    headers: [],
    wantsQuery: false,
    wantsBody: false,
    wantsResponse: state.middleware.onResponse !== null,
    ...scopeOf(state.middleware.scope),
  })),
  onRequest: exported("middleware", "on-request", (request) => {
    const value = state.middleware.onRequest?.(request);
    const chosen = verdict("middleware.onRequest", value, { tag: "next", val: [], reuse: null }, "middleware.next, respond, delay, drip or challenge");
    return { verdict: chosen, reuse: chosen.reuse };
  }),
  onResponse: exported("middleware", "on-response", (request, answer) => {
    const value = state.middleware.onResponse?.(request, answer);
    return verdict("middleware.onResponse", value, { tag: "keep" }, "middleware.keep, setHeaders or replace");
  }),
};

const admission = {
  describeScope: exported("admission", "describe-scope", () => ({
    priority: 0,
    origins: [],
    wantsArmor: false,
    ...scopeOf(state.admission.scope),
  })),
  judge: exported("admission", "judge", (submission) => {
    const value = state.admission.judge?.(submission);
    return verdict("admission.judge", value, { tag: "accept" }, "admission.accept, reject, quarantine or rewrite");
  }),
};

function describeRoutes() {
  const byPath = new Map();
  for (const { methods, path, headers } of state.routes) {
    const known = byPath.get(path) ?? { path, methods: new Set(), headers: new Set() };
    methods.forEach((method) => known.methods.add(method));
    headers.forEach((header) => known.headers.add(header));
    byPath.set(path, known);
  }
  return [...byPath.values()].map(({ path, methods, headers }) => ({ path, methods: [...methods], headers: [...headers] }));
}

/** The route of a request: the very path before the longest one with `/*`. `HEAD` is `GET`. */
function routeOf({ method, path }) {
  const verb = method === "HEAD" ? "GET" : method;
  const fits = state.routes.filter(
    (route) =>
      route.methods.includes(verb) &&
      (route.path === path || (route.path.endsWith("/*") && path.startsWith(route.path.slice(0, -1)))),
  );
  return fits.sort((a, b) => (b.path === path) - (a.path === path) || b.path.length - a.path.length)[0];
}

function routed(value, streamed) {
  if (streamed) return { tag: "streamed" };
  if (value === undefined || value === null) return { tag: "not-found" };
  if (value instanceof Verdict) return value;
  if (typeof value === "string" || value instanceof Uint8Array) {
    const type = typeof value === "string" ? "text/plain; charset=utf-8" : "application/octet-stream";
    return { tag: "respond", val: { status: 200, headers: pairs({ "content-type": type }), body: payload(value) } };
  }
  throw new TypeError(`a route must return a string, a Uint8Array, nothing, or what routes.respond, text, json or notFound returns, not ${show(value)}`);
}

const routes = {
  describeRoutes: exported("routes", "describe-routes", describeRoutes),
  handle: exported("routes", "handle", (request) => {
    state.outgoing = [];
    const route = routeOf(request);
    const { tag, val } = request.body;
    // An author sees the body itself: a string, a Uint8Array, or null.
    const value = route?.fn({ ...request, body: tag === "empty" ? null : val });
    const streamed = state.outgoing.length > 0;
    state.outgoing.splice(0).forEach((outgoing) => outgoing.end());
    return routed(settled("the route", value), streamed);
  }),
};

const formatter = {
  describeFormats: exported("formatter", "describe-formats", () => [...state.formats.values()].map(({ format }) => format)),
  render: exported("formatter", "render", (request) => {
    const known = state.formats.get(request.format);
    if (known === undefined) return { tag: "unsuitable", val: `There is no form ${request.format}.` };
    const value = known.fn(request);
    if (typeof value === "string") return { tag: "text", val: value };
    if (value instanceof Uint8Array) return { tag: "bytes", val: value };
    if (value instanceof Verdict) return value;
    throw new TypeError(`a form must return a string, a Uint8Array or what formatter.unsuitable returns, not ${show(value)}`);
  }),
};

const services = {
  describeServices: exported("services", "describe-services", () =>
    state.services.map(({ kind, description, topics }) => ({ kind, description, topics: Object.keys(topics) })),
  ),
  call: exported("services", "call", (request) => {
    const service = state.services.find(({ topics }) => Object.hasOwn(topics, request.topic));
    if (service === undefined) return { tag: "unknown-topic" };
    const value = service.topics[request.topic](request);
    if (typeof value === "string") return { tag: "answer", val: value };
    if (value instanceof Verdict) return value;
    throw new TypeError(`the topic ${request.topic} must return a string or what services.refuse returns, not ${show(value)}`);
  }),
};

const failed = (error) => ({ tag: "failed", val: brief(error) });

const taskHandler = {
  run: exported(
    "task-handler",
    "run",
    (name) => {
      const task = state.tasks.get(name);
      if (task === undefined) return { tag: "failed", val: `no task ${JSON.stringify(name)} is registered` };
      settled(`the task ${name}`, task.fn(name));
      return { tag: "done" };
    },
    failed,
  ),
};

const eventHandler = {
  handle: exported(
    "event-handler",
    "handle",
    (event) => {
      for (const { fn, matches } of state.events.values()) if (matches.test(event.topic)) settled(`the handler of ${event.topic}`, fn(event));
      return { tag: "done" };
    },
    failed,
  ),
};

/** Every export of the world `runtime` but `script`, by their names in the bindings. */
export const exportsOfAll = { lifecycle, handover, middleware, admission, routes, formatter, services, taskHandler, eventHandler };

/** The interfaces that the plugin implements, by the contract's names, in ascending order. */
export function implemented() {
  const is = {
    admission: state.admission.judge !== null,
    "event-handler": state.events.size > 0,
    formatter: state.formats.size > 0,
    handover: state.handover.prepareSwap !== null || state.handover.restore !== null,
    lifecycle: true,
    middleware: state.middleware.onRequest !== null || state.middleware.onResponse !== null,
    routes: state.routes.length > 0,
    services: state.services.length > 0,
    "task-handler": state.tasks.size > 0,
  };
  return Object.keys(is).filter((name) => is[name]);
}
