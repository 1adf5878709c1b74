// Keeps forbidden words and crowds of user ids out of the store.

import { admission, events, lifecycle, log, storage } from "wasmpuck";

let words = [];
let most = 10;

lifecycle.validate((config) => {
  const problems = [];
  const { words: forbidden = [], "max-user-ids": limit = 10 } = config;
  if (!Array.isArray(forbidden) || !forbidden.every((word) => typeof word === "string" && word !== "")) {
    problems.push({ path: "words", message: "The words have to be a list of strings that are not empty." });
  }
  if (!Number.isInteger(limit) || limit < 1) {
    problems.push({ path: "max-user-ids", message: "The number of user ids has to be a whole number, at least 1." });
  }
  return problems;
});

lifecycle.init((config) => {
  ({ words = [], "max-user-ids": most = 10 } = config);
});

admission.judge(({ primary, userIds }) => {
  const lower = userIds.map((text) => text.toLowerCase());
  const word = words.find((one) => lower.some((text) => text.includes(one.toLowerCase())));
  if (word !== undefined) {
    events.publish("upload-guard.rejected", { fingerprint: primary.fingerprint, word });
    log.info("rejected a certificate", { fingerprint: primary.fingerprint, word });
    return admission.reject("forbidden-word", `The user id contains the word ${word}.`);
  }
  if (userIds.length > most) {
    return admission.quarantine("too-many-user-ids", `The certificate has ${userIds.length} user ids; ${most} are allowed.`);
  }
});

events.on("key.inserted", () => {
  storage.increment("inserted");
});
