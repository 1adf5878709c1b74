// Imports that concern nobody else: log, settings, clock, random, metrics.

import { clock, log, metrics, random, settings } from "wasmpuck";

const calls = metrics.counter("calls", "Calls, by what they were for.", ["purpose"]);
const level = metrics.gauge("level", "What was set last.");
const sizes = metrics.histogram("sizes", "What was observed.", [], [1, 10]);

export const functions = {
  log: { write: (urgency, message, fields) => log[urgency](message, fields) },
  settings: { get: (key) => settings.get(key), "get-all": () => settings.all() },
  clock: { now: clock.now, monotonic: clock.monotonic },
  random: { bytes: random.bytes, number: random.number },
  metrics: {
    add: (purpose, value) => calls.add(value, { purpose }),
    set: (value) => level.set(value),
    observe: (value) => sizes.observe(value),
  },
};
