// Calling an import: granted, values checked, errors turned into classes.

import { imports } from "./contract.js";
import { CLASSES, NotGrantedError } from "./errors.js";
import { state } from "./state.js";
import { camel, lower } from "./types.js";

export const granted = (name) => state.imports.has(name);

const prepared = new Map();
for (const [name, functions] of Object.entries(imports)) {
  for (const [fn, types] of Object.entries(functions)) {
    prepared.set(`${name}.${fn}`, { types, method: camel(fn.slice(fn.indexOf(".") + 1)) });
  }
}

export function hostError(name, place, { tag, val = null }) {
  return new CLASSES[name](place, tag, val);
}

function invoke(target, name, fn, args) {
  const place = `${camel(name)}.${camel(fn)}`;
  const { types, method } = prepared.get(`${name}.${fn}`);
  const lowered = types.map((type, index) => lower(type, args[index], `argument ${index + 1} of ${place}`));
  let result;
  try {
    result = target[method](...lowered);
  } catch (error) {
    // The bindings throw an `err` as an Error whose `payload` is the variant.
    const payload = error?.payload;
    if (typeof payload?.tag !== "string") throw error;
    throw hostError(name, place, payload);
  }
  // Answers of a shape of their own have the error as a case.
  if (result?.tag === "failed" && typeof result.val?.tag === "string") throw hostError(name, place, result.val);
  return result;
}

/** Calls a function of an imported interface. Throws `NotGrantedError`, a `HostError`, or `TypeError` for a wrong argument. */
export function call(name, fn, ...args) {
  if (!state.imports.has(name)) throw new NotGrantedError(name, `${camel(name)}.${camel(fn)}`);
  return invoke(state.bindings[name], name, fn, args);
}

/** Calls a method of a resource that an import returned. */
export const method = (resource, name, fn, ...args) => invoke(resource, name, fn, args);

/** Gives a resource back. */
export const dispose = (resource) => resource[Symbol.dispose]?.();
