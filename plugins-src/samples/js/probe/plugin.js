// Calls any import of the contract for whoever asks: a topic is `INTERFACE.FUNCTION`, its payload the arguments as a JSON array.
//
// The answer is the result as JSON, or `{"error": CASE, "detail": …, "type": TYPE}`. A function of a resource takes what opens the resource
// before its own arguments.

import { events, HostError, NotGrantedError, routes, services, storage, tasks } from "wasmpuck";

import { functions as certificates } from "./certificates.js";
import { functions as outside } from "./outside.js";
import { functions as stores } from "./stores.js";
import { functions as within } from "./within.js";

const FUNCTIONS = { ...within, ...stores, ...certificates, ...outside };

/** The result of a function, or the case of its error. */
function ask(topic, payload) {
  const dot = topic.indexOf(".");
  try {
    const found = FUNCTIONS[topic.slice(0, dot)][topic.slice(dot + 1)](...JSON.parse(payload));
    return found instanceof Uint8Array ? [...found] : (found ?? null);
  } catch (error) {
    if (error instanceof HostError) return { error: error.code, detail: error.detail, type: error.name };
    if (error instanceof NotGrantedError) return { error: "not-granted", detail: error.import, type: error.name };
    throw error;
  }
}

for (const [name, functions] of Object.entries(FUNCTIONS)) {
  const answer = ({ topic, payload }) => JSON.stringify(ask(topic, payload));
  const topics = Object.fromEntries(Object.keys(functions).map((each) => [`${name}.${each}`, answer]));
  services.service({ kind: `probe-${name}`, description: `Calls ${name}.` }, topics);
}

/** Streams what `function` and `payload` of the query say. */
routes.get("/plugins/probe/stream", (request) => {
  const query = new URLSearchParams(request.query);
  const failed = ask(`responder.${query.get("function")}`, query.get("payload"));
  return failed === null ? undefined : routes.json(failed);
});

tasks.handler("tick", (name) => storage.set("task", name));

events.on("probe.*", ({ topic, source, payload }) => storage.setJson("event", [topic, source, payload]));
