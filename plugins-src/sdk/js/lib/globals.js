// The usual globals, through the contract.

import { call, granted } from "./call.js";
import { structuredClone } from "./clone.js";
import { queueMicrotask } from "./jobs.js";
import { inspect } from "./inspect.js";
import { TextDecoder, TextEncoder } from "./text.js";
import { URL, URLSearchParams } from "./url.js";

const LEVELS = { trace: "trace", debug: "debug", log: "info", info: "info", warn: "warn", error: "error" };

/** `console`: without the import `log` its lines go nowhere, because a forgotten line must not break a plugin. */
function makeConsole() {
  const write = (level, values) => {
    if (granted("log")) call("log", "write", level, values.map((value) => (typeof value === "string" ? value : inspect(value))).join(" "), []);
  };
  const made = {};
  for (const [name, level] of Object.entries(LEVELS)) made[name] = (...values) => write(level, values);
  made.assert = (condition, ...values) => {
    if (!condition) write("error", ["assertion failed", ...values]);
  };
  return made;
}

/** `Date` whose present is the contract's; the engine's own would end the call. */
function makeDate() {
  const Engine = Date;
  const now = () => call("clock", "now");
  function ContractDate(...parts) {
    if (new.target === undefined) return new Engine(now()).toString();
    const target = new.target === ContractDate ? Engine : new.target;
    return Reflect.construct(Engine, parts.length === 0 ? [now()] : parts, target);
  }
  Object.defineProperties(ContractDate, {
    name: { value: "Date" },
    length: { value: 7 },
    prototype: { value: Engine.prototype },
    now: { value: () => Math.floor(now()), writable: true, configurable: true },
    parse: { value: Engine.parse, writable: true, configurable: true },
    UTC: { value: Engine.UTC, writable: true, configurable: true },
  });
  Object.defineProperty(Engine.prototype, "constructor", { value: ContractDate, writable: true, configurable: true });
  return ContractDate;
}

/** `Math.random`: xoshiro128** (Blackman, Vigna), seeded from the contract at its first use in an instance. */
function makeRandom() {
  let state = null;
  const rotate = (word, by) => (word << by) | (word >>> (32 - by));
  const next = () => {
    const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 11);
    return result;
  };
  return () => {
    if (state === null) {
      const seed = new DataView(call("random", "bytes", 16).slice().buffer);
      state = Int32Array.from([0, 4, 8, 12], (at) => seed.getInt32(at) || 1);
    }
    return ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 2 ** 53;
  };
}

const INTEGERS = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array];

const crypto = Object.freeze({
  getRandomValues(array) {
    if (!INTEGERS.some((kind) => array instanceof kind)) throw new TypeError("crypto.getRandomValues takes a typed array of integers");
    const view = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let at = 0; at < view.length; at += 4096) view.set(call("random", "bytes", Math.min(4096, view.length - at)), at);
    return array;
  },
  randomUUID() {
    const bytes = call("random", "bytes", 16).slice();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  },
});

const absent = (name, instead) =>
  Object.defineProperty(
    () => {
      throw new Error(`${name} does not exist in a plugin: ${instead}`);
    },
    "name",
    { value: name },
  );

const LATER = "a call ends when its hook returns; for later work use tasks.every or tasks.after";

/** Puts the globals into a world that has only the language. */
export function install(world) {
  const promiseThen = absent("Promise.prototype.then", "nothing runs after a hook has returned, so promises never settle; imports answer at once");
  const all = {
    console: makeConsole(),
    Date: makeDate(),
    crypto,
    performance: Object.freeze({ now: () => call("clock", "monotonic"), timeOrigin: 0 }),
    TextEncoder,
    TextDecoder,
    URL,
    URLSearchParams,
    structuredClone,
    queueMicrotask,
    fetch: absent("fetch", "use httpClient.send of the module wasmpuck, which answers at once"),
  };
  for (const name of ["setTimeout", "setInterval", "setImmediate", "requestAnimationFrame"]) all[name] = absent(name, LATER);
  for (const [name, value] of Object.entries(all)) {
    Object.defineProperty(world, name, { value, writable: true, configurable: true, enumerable: false });
  }
  world.Math.random = makeRandom();
  world.Promise.prototype.then = promiseThen;
  // A loaded script shall not find the engine's own ways out of the checks.
  delete world.__cqjs;
  delete world.wit;
  return world;
}

