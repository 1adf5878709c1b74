// Loads a plugin on this machine, without a server and without WebAssembly: for its unit tests.
//
// Values are checked as in the real runtime. `Date` and the other globals are Node's own.

import { exportsOfAll, implemented } from "../lib/dispatch.js";
import { begin, connect, state } from "../lib/state.js";
import { Host } from "./host.js";

let loads = 0;

/**
 * Executes a plugin's entry (a URL), configures and starts it.
 *
 * `imports`: those that it has. `bindings`: further imports, or others than the simulated ones: interface name to an object of functions.
 * The result has `host`, the implemented `worlds`, and each export of the contract under its name (`plugin.middleware.onRequest(request)`).
 * Throws what `init` refuses, with the contract's failure as `payload`. One plugin is loaded at a time.
 */
export async function load(entry, { config = {}, imports = [], bindings = {}, name = "plugin", version = "0.1.0", start = true } = {}) {
  const host = new Host(config);
  connect({ ...host.bindings(), ...bindings });
  begin({ name, version, description: "A plugin under test", imports });
  await import(`${new URL(entry).href}?load=${loads++}`);
  state.loading = false;
  const plugin = { host, worlds: implemented(), ...exportsOfAll };
  plugin.lifecycle.init(JSON.stringify(config));
  if (start) plugin.lifecycle.start();
  return plugin;
}
