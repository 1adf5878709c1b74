// Every export of the contract, for tests/sdk/test_js_sdk.py.

import {
  admission, ConfigurationError, events, formatter, handover, lifecycle, metrics, middleware, responder, routes, services, tasks, UnavailableError,
} from "wasmpuck";

metrics.gauge("g", "A gauge.", ["l"]); metrics.histogram("h", "A histogram.", [], [1, 2]);
middleware.scope(({ first = 0 }) => ({ priority: first, headers: ["accept"] }));
middleware.onRequest(({ path }) => ({
  "/next": () => middleware.next({ a: "b" }).reusable({ scope: "everyone", requests: 4000000000, milliseconds: 5 }),
  "/respond": () => middleware.respond(403, "no", [["a", "1"], ["a", "2"]]),
  "/delay": () => middleware.delay(5),
  "/drip": () => middleware.drip({ body: "x", milliseconds: 9 }),
  "/challenge": () => middleware.challenge({ text: "Why." }),
})[path]?.());
middleware.onResponse((request, { status }) =>
  status === 200 ? middleware.setHeaders({ a: "b" }) : status === 404 ? middleware.replace(200, "x") : undefined);
admission.scope({ priority: -5, origins: ["peer"], wantsArmor: true });
admission.judge(({ userIds: [name] }) => ({
  reject: () => admission.reject("a-b", "Words."),
  rewrite: () => admission.rewrite("armor", "a", "b"),
})[name]?.());
routes.get("/x", () => "text");
routes.get("/x/*", ({ rest }) => rest || undefined);
routes.post("/x", ({ body }) => (typeof body === "string" ? routes.respond(201, body) : body), { headers: ["Accept"] });
routes.get("/stream", () => { const out = responder.begin(200, { a: "b" }); out.write("1"); out.write(Uint8Array.of(2)); });
formatter.format({ name: "f", mediaType: "text/x", description: "F." }, ({ certificates }) =>
  certificates.length === 0 ? formatter.unsuitable("Nothing.") : certificates.map(({ fingerprint }) => fingerprint).join());
services.service({ kind: "k", description: "K." }, { t: ({ caller, payload }) => caller + payload, no: () => services.refuse("no") });
tasks.every("often", 60000, () => {}); tasks.handler("fails", () => { throw new Error("oh"); });
events.on("key.*", ({ topic }) => { if (topic === "key.bad") throw new Error("oh"); });
lifecycle.validate((config) => (config.bad ? [{ path: "bad", message: "It is bad." }] : undefined));
lifecycle.init((config) => {
  if (config.throws) throw new UnavailableError("no disk");
  if (config.wrong) throw new ConfigurationError("all of it");
  if (config.bug) null.x;
});
lifecycle.health(() => lifecycle.degraded("slow"));
lifecycle.selfTest(() => { throw new Error("broken"); });
handover.prepareSwap(() => JSON.stringify({ a: 1 })); handover.restore((state) => { if (state !== '{"a":1}') throw new Error("not mine"); });
