// One script in a component of its own: executed by the first call of an instance, so that it sees the same world as elsewhere.

import { exportsOfAll } from "../../sdk/js/lib/dispatch.js";
import { install } from "../../sdk/js/lib/globals.js";
import { connect } from "../../sdk/js/lib/state.js";
import { script } from "./script.js";
import { install as installTraces } from "./trace.js";

export function standalone(bindings, program) {
  connect(bindings);
  installTraces();
  install(globalThis);
  let loaded = false;
  const load = () => {
    loaded = true;
    const { tag, val } = script.load(program);
    if (tag === "failed") {
      bindings.log?.write("error", `${val.path}:${val.line}:${val.column}: ${val.message}`, [["trace", val.trace]]);
      throw new Error(val.message);
    }
  };
  const eager = (fn) => (...args) => {
    if (!loaded) load();
    return fn(...args);
  };
  return Object.fromEntries(
    Object.entries(exportsOfAll).map(([name, functions]) => [
      name,
      Object.fromEntries(Object.entries(functions).map(([fn, body]) => [fn, eager(body)])),
    ]),
  );
}
