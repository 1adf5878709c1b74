// Greets in a header, counts requests, and blocks addresses.

import { metrics, middleware, plugin, lifecycle, storage } from "wasmpuck";

const LONGEST = 80;

const requests = metrics.counter("requests", "Requests that were greeted.", ["operation"]);

lifecycle.validate(({ text = "hello", block = [] }) => {
  const problems = [];
  if (typeof text !== "string") problems.push({ path: "text", message: "The text has to be a string." });
  else if (text.length > LONGEST || /[\x00-\x1f\x7f]/.test(text)) {
    problems.push({ path: "text", message: `The text may have ${LONGEST} characters, and no control characters.` });
  }
  if (!Array.isArray(block) || !block.every((address) => typeof address === "string")) {
    problems.push({ path: "block", message: "The addresses have to be a list of strings." });
  }
  return problems;
});

middleware.scope({ paths: ["/pks/*"], wantsQuery: true });

middleware.onRequest((request) => {
  const { text = "hello", block = [] } = plugin.config;
  if (request.query.some(([name, value]) => name === "boom" && value === "1")) throw new Error("boom, as was asked for");
  if (block.includes(request.client)) return middleware.respond(403, "blocked\n", { "content-type": "text/plain; charset=utf-8" });
  storage.increment(`count:${request.operation}`);
  requests.add(1, { operation: request.operation });
  return middleware.next({ "x-greeting": text });
});
