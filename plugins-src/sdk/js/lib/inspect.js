// Values as `console` shows them: strings bare, the rest much as other runtimes do, cut at a depth and a length.

const DEPTH = 4;
const MOST = 100;

function members(value, depth, seen) {
  const names = Object.keys(value);
  const shown = names.slice(0, MOST).map((name) => {
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
    return `${key}: ${one(value[name], depth + 1, seen)}`;
  });
  if (names.length > MOST) shown.push(`… ${names.length - MOST} more`);
  return shown;
}

const listed = (values, depth, seen) => {
  const shown = Array.from(values.slice(0, MOST), (value) => one(value, depth + 1, seen));
  if (values.length > MOST) shown.push(`… ${values.length - MOST} more`);
  return shown.join(", ");
};

function one(value, depth, seen) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name || "(anonymous)"}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return value.stack ? `${value}\n${value.stack}` : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (seen.includes(value)) return "[circular]";
  if (depth > DEPTH) return Array.isArray(value) ? "[…]" : "{…}";
  const inner = [...seen, value];
  if (Array.isArray(value)) return `[${listed(value, depth, inner)}]`;
  const name = value.constructor?.name;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return `${name}(${value.length}) [${listed([...value.slice(0, MOST + 1)], depth, inner)}]`;
  if (value instanceof Map) return `Map(${value.size}) {${[...value].map(([key, item]) => `${one(key, depth + 1, inner)} => ${one(item, depth + 1, inner)}`).join(", ")}}`;
  if (value instanceof Set) return `Set(${value.size}) {${listed([...value], depth, inner)}}`;
  const text = members(value, depth, inner).join(", ");
  return `${name && name !== "Object" ? `${name} ` : ""}{${text}}`;
}

export const inspect = (value) => one(value, 0, []);
