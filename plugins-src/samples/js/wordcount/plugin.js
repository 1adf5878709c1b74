// Counts the words of a certificate's user ids, and the certificates now and then.

import { clock, keys, lifecycle, routes, storage, tasks } from "wasmpuck";

import { words } from "./words.js";

lifecycle.validate(({ interval = 60 }) =>
  Number.isInteger(interval) && interval >= 1
    ? []
    : [{ path: "interval", message: "The interval has to be a whole number of seconds, at least 1." }],
);

routes.get("/plugins/wordcount/words", (request) => {
  const fingerprint = new URLSearchParams(request.query).get("fingerprint") ?? "";
  const found = keys.summarize(fingerprint);
  if (found === null) return routes.json({ error: "There is no such certificate." }, 404);
  const userIds = found.userIds.map((userId) => userId.text);
  return routes.json({
    fingerprint: found.primary.fingerprint,
    words: userIds.reduce((sum, text) => sum + words(text), 0),
    user_ids: userIds.length,
  });
});

routes.get("/plugins/wordcount/total", () => {
  const total = storage.get("total");
  if (total === null) return routes.json({ error: "Nothing was counted yet." }, 404);
  return routes.json({ total: Number(total), at: Number(storage.get("at")) });
});

tasks.every(
  "refresh",
  ({ interval = 60 }) => interval * 1000,
  () => {
    storage.set("total", String(keys.count().total));
    storage.set("at", String(clock.now()));
  },
);
