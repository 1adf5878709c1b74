// Where an error comes from, in the author's files.
//
// All of a script's code is evaluated from texts that have no names. So each file gets lines of its own: the first file starts at line
// `FIRST`, the next one where it ends, and so on; a line tells the file. Lines below `FIRST` belong to what the script evaluated itself.

export const FIRST = 1_000;

const frames = new WeakMap();

/** The script's files by their first lines. */
const places = [];

/** A text's lines as the engine counts them, without their ends. */
export const linesOf = (source) => source.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));

/** Gives a file its lines; returns the first. */
export function place(path, source) {
  const known = places.find((other) => other.path === path);
  if (known !== undefined) return known.first;
  const last = places.at(-1);
  const first = last === undefined ? FIRST : last.first + last.lines.length + 1;
  places.push({ path, first, lines: linesOf(source) });
  return first;
}

export function forget() {
  places.length = 0;
}

/** The author's file and line of a line of evaluated code, or null. */
export function locate(number) {
  const found = places.findLast(({ first }) => first <= number);
  if (found === undefined || number - found.first >= found.lines.length + 1) return null;
  return { path: found.path, line: number - found.first + 1, text: found.lines[number - found.first] ?? "" };
}

export const MODULE = "$wasmpuck";

function read(site) {
  const file = site.getFileName();
  if (file !== "<input>") return null; // the engine, the SDK, the loader
  const line = site.getLineNumber();
  const column = site.getColumnNumber();
  const name = site.getFunctionName();
  if (line < FIRST) return line <= 1 && name === "<eval>" ? null : { name, path: "<eval>", line, column, text: "" };
  const known = locate(line);
  return known === null ? null : { name: name === MODULE ? "" : name, ...known, column };
}

const shown = ({ name, path, line, column }) => {
  const where = `${path}:${line}:${column}`;
  return name && name !== "<anonymous>" ? `    at ${name} (${where})` : `    at ${where}`;
};

/** Lets `stack` name the author's files. */
export function install() {
  Error.stackTraceLimit = 50;
  Error.prepareStackTrace = (error, sites) => {
    const all = sites.map(read).filter((frame) => frame !== null);
    frames.set(error, all);
    return all.map(shown).join("\n");
  };
}

/** The frames of an error, innermost first: `{name, path, line, column, text}` each. */
export const framesOf = (error) => (typeof error === "object" && error !== null ? (frames.get(error) ?? []) : []);

/** An error as people read it: kind, message, and for each place in the author's files the source line. */
export function describe(error) {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const lines = [`${error.name}: ${error.message}`];
  for (const frame of framesOf(error)) {
    lines.push(shown(frame));
    if (frame.text.trim() !== "") lines.push(`        ${frame.text.trim()}`);
  }
  if (error.cause !== undefined) lines.push(`caused by ${describe(error.cause)}`);
  return lines.join("\n");
}
