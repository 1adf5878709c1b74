// One plugin's state: who it is, what it may import, what it registered. There is one plugin in an instance.

const fresh = () => ({
  /** Interface to the bindings' functions. */
  bindings: {},
  program: { name: "", version: "", description: "" },
  imports: new Set(),
  /** Whether the script's files are being executed: the time to register. */
  loading: false,
  config: null,
  metrics: [],
  middleware: { scope: {}, onRequest: null, onResponse: null },
  admission: { scope: {}, judge: null },
  routes: [],
  formats: new Map(),
  services: [],
  tasks: new Map(),
  events: new Map(),
  lifecycle: { validate: null, init: null, start: null, health: null, selfTest: null, shutdown: null },
  handover: { prepareSwap: null, restore: null },
  /** Answers under way, while `routes.handle` runs. */
  outgoing: [],
});

export const state = fresh();

/** Forgets everything and connects to these bindings: interface name to an object with its functions in camelCase. */
export function connect(bindings) {
  Object.assign(state, fresh(), { bindings });
}

/** Begins to load a plugin. */
export function begin({ name, version, description, imports }) {
  state.program = Object.freeze({ name, version, description });
  state.imports = new Set(imports);
  state.loading = true;
}

/** Hooks are the same on every instance, so they are registered while the files are executed. */
export function registering(what, ...hook) {
  if (!state.loading) throw new Error(`${what} registers a hook: call it at the top level of a file, not inside a hook`);
  for (const fn of hook) {
    if (typeof fn !== "function") throw new TypeError(`${what} takes a function, not ${typeof fn}`);
    if (/^Async/.test(fn.constructor.name)) {
      throw new TypeError(`${what} takes a function that is not async: nothing can be waited for in a plugin, and imports answer at once`);
    }
  }
}
