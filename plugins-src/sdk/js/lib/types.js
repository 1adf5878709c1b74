// The contract's types: each is a function that turns an author's value into what the bindings take, or throws a `Mismatch`.
//
// The bindings coerce what they can and trap on the rest without a word, so every value is checked before it gets there.

/** A value of the wrong shape; `where` grows from the inside out (`headers[0]`). */
export class Mismatch extends Error {
  constructor(expected, value) {
    super(expected);
    this.expected = expected;
    this.found = show(value);
    this.where = "";
  }

  within(step) {
    this.where = step + (this.where === "" || this.where.startsWith("[") ? this.where : `.${this.where}`);
    return this;
  }
}

/** A value as a message shows it: its kind, and the value itself where it is short. */
export function show(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return value.length > 40 ? `a string of ${value.length} characters` : `the string ${JSON.stringify(value)}`;
  if (typeof value === "number" || typeof value === "boolean") return `the ${typeof value} ${value}`;
  if (typeof value === "bigint") return `the bigint ${value}n`;
  if (typeof value === "object") {
    if (typeof value.then === "function") return "a promise";
    if (Array.isArray(value)) return `an array of ${value.length}`;
    const name = value.constructor?.name;
    return name && name !== "Object" ? `a value of class ${name}` : `an object with ${Object.keys(value).join(", ") || "no fields"}`;
  }
  return `a ${typeof value}`;
}

/** `some-name` as JavaScript writes it: `someName`. */
export const camel = (name) => name.replace(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase());

/** A type's function with what it is in WIT, for those who compare. */
const type = (wit, lower) => Object.defineProperty(lower, "wit", { value: wit });

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export const string = type("string", (value) => {
  if (typeof value !== "string") throw new Mismatch("a string", value);
  return value.isWellFormed() ? value : value.toWellFormed(); // the bindings trap on half a surrogate pair
});

export const bool = type("bool", (value) => {
  if (typeof value !== "boolean") throw new Mismatch("true or false", value);
  return value;
});

export const f64 = type("f64", (value) => {
  if (typeof value !== "number") throw new Mismatch("a number", value);
  return value;
});

const whole = (wit, least, most) =>
  type(wit, (value) => {
    if (!Number.isInteger(value) || value < least || value > most) throw new Mismatch(`a whole number from ${least} to ${most}`, value);
    return value > 0x7fffffff ? value | 0 : value; // the bindings take 32 bits through a signed number
  });

export const u8 = whole("u8", 0, 0xff);
export const u16 = whole("u16", 0, 0xffff);
export const u32 = whole("u32", 0, 0xffffffff);
export const s32 = whole("s32", -0x80000000, 0x7fffffff);

export const bytes = type("list<u8>", (value) => {
  if (value instanceof Uint8Array) return value.length === value.buffer.byteLength ? value : value.slice();
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (!Array.isArray(value)) throw new Mismatch("a Uint8Array", value);
  return Uint8Array.from(value, (byte, index) => {
    try {
      return u8(byte);
    } catch (error) {
      throw error.within(`[${index}]`);
    }
  });
});

const within = (step, item, value) => {
  try {
    return item(value);
  } catch (error) {
    throw error instanceof Mismatch ? error.within(step) : error;
  }
};

export const list = (item) =>
  type(`list<${item.wit}>`, (value) => {
    if (!Array.isArray(value)) throw new Mismatch("an array", value);
    return value.map((one, index) => within(`[${index}]`, item, one));
  });

export const option = (item) => type(`option<${item.wit}>`, (value) => (value === null || value === undefined ? null : item(value)));

export const tuple = (...items) =>
  type(`tuple<${items.map(({ wit }) => wit).join(", ")}>`, (value) => {
    if (!Array.isArray(value) || value.length !== items.length) throw new Mismatch(`an array of ${items.length}`, value);
    return items.map((item, index) => within(`[${index}]`, item, value[index]));
  });

/** Fields by the contract's names; the author's object has them in camelCase, and no others. */
export const record = (fields) => {
  const entries = Object.entries(fields).map(([name, item]) => [camel(name), item]);
  const known = new Set(entries.map(([name]) => name));
  const wit = Object.entries(fields).map(([name, item]) => `${name}: ${item.wit}`);
  return type(`record { ${wit.join(", ")} }`, (value) => {
    if (!isObject(value)) throw new Mismatch("an object", value);
    for (const name of Object.keys(value)) {
      if (!known.has(name)) throw new Mismatch(`one of the fields ${[...known].join(", ")}`, value[name]).within(name);
    }
    const lowered = {};
    for (const [name, item] of entries) lowered[name] = within(name, item, value[name]);
    return lowered;
  });
};

export const enumeration = (...names) =>
  type(`enum { ${names.join(", ")} }`, (value) => {
    if (!names.includes(value)) throw new Mismatch(`one of ${names.map((name) => JSON.stringify(name)).join(", ")}`, value);
    return value;
  });

/** Cases by their names, with the payload's type or null: `{tag: "respond", val: {…}}`. */
export const variant = (cases) => {
  const wit = Object.entries(cases).map(([name, item]) => (item === null ? name : `${name}(${item.wit})`));
  return type(`variant { ${wit.join(", ")} }`, (value) => {
    if (!isObject(value) || !Object.hasOwn(cases, value.tag)) {
      throw new Mismatch(`an object whose tag is one of ${Object.keys(cases).join(", ")}`, isObject(value) && "tag" in value ? value.tag : value);
    }
    const item = cases[value.tag];
    return item === null ? { tag: value.tag } : { tag: value.tag, val: within(value.tag, item, value.val) };
  });
};

/** Checks and lowers; a mismatch becomes a `TypeError` that names the place. */
export function lower(type, value, place) {
  try {
    return type(value);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    const dot = error.where === "" || error.where.startsWith("[") ? "" : ".";
    throw new TypeError(`${place}${dot}${error.where} must be ${error.expected}, not ${error.found}`);
  }
}
