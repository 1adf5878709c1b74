// URL and URLSearchParams (https://url.spec.whatwg.org) without internationalized host names, which would need their tables.

import { TextDecoder, TextEncoder } from "./text.js";

const PORTS = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": "" };
const special = (scheme) => Object.hasOwn(PORTS, scheme);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// What each part encodes besides controls and everything behind `~` (§1.3 of the standard).
const FRAGMENT = ' "<>`';
const QUERY = ' "#<>';
const PATH = `${QUERY}?^\`{}`;
const USER = `${PATH}/:;=@[\\]|`;

function encode(text, set) {
  let encoded = "";
  for (const character of text) {
    if (character > "\x1f" && character < "\x7f" && !set.includes(character)) encoded += character;
    else for (const byte of encoder.encode(character)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

function decode(text) {
  if (!text.includes("%")) return text;
  const bytes = encoder.encode(text);
  const plain = [];
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes[at] === 0x25 ? String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0) : "";
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      plain.push(Number.parseInt(hex, 16));
      at += 2;
    } else plain.push(bytes[at]);
  }
  return decoder.decode(Uint8Array.from(plain));
}

function ipv4Number(part) {
  if (/^0x[0-9a-f]*$/i.test(part)) return part.length === 2 ? 0 : Number.parseInt(part, 16);
  if (/^0[0-7]+$/.test(part)) return Number.parseInt(part, 8);
  return /^(0|[1-9][0-9]*)$/.test(part) ? Number(part) : Number.NaN;
}

function ipv4(host) {
  const parts = host.replace(/\.$/, "").split(".").map(ipv4Number);
  const last = parts.pop();
  if (parts.length > 3 || Number.isNaN(last) || parts.some((part) => Number.isNaN(part) || part > 255)) return null;
  if (last >= 256 ** (4 - parts.length)) return null;
  const number = parts.reduce((sum, part, index) => sum + part * 256 ** (3 - index), last);
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

function ipv6(text) {
  const tail = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(text);
  if (tail !== null) {
    const four = tail[2].split(".").map(Number);
    if (four.some((part) => part > 255)) return null;
    text = `${tail[1]}${((four[0] << 8) | four[1]).toString(16)}:${((four[2] << 8) | four[3]).toString(16)}`;
  }
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (groups.flat().some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return null;
  const missing = 8 - groups.flat().length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const all = [...groups[0], ...(halves.length === 2 ? Array(missing).fill("0") : []), ...(groups[1] ?? [])];
  const short = all.map((group) => Number.parseInt(group, 16).toString(16)).join(":");
  // The longest run of at least two zeros is left out, the first of equally long ones.
  const run = [...short.matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length || a.index - b.index)[0];
  if (run === undefined) return short;
  return `${short.slice(0, run.index).replace(/:$/, "")}::${short.slice(run.index + run[0].length).replace(/^:/, "")}`;
}

const FORBIDDEN = /[\0\t\n\r #/:<>?@[\\\]^|]/;

function parseHost(text, scheme) {
  if (text.startsWith("[")) {
    const address = text.endsWith("]") ? ipv6(text.slice(1, -1)) : null;
    return address === null ? null : `[${address}]`;
  }
  if (!special(scheme)) return FORBIDDEN.test(text) ? null : encode(text, "");
  const host = decode(text).toLowerCase();
  if (/[^\x21-\x7e]/.test(host) || FORBIDDEN.test(host) || host.includes("%")) return null;
  const labels = host.replace(/\.$/, "").split(".");
  return /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1)) ? ipv4(host) : host;
}

const isDot = (part) => /^(\.|%2e)$/i.test(part);
const isDots = (part) => /^(\.|%2e){2}$/i.test(part);

function joinPath(base, path, scheme) {
  const segments = [...base];
  const parts = (special(scheme) ? path.replaceAll("\\", "/") : path).split("/");
  parts.forEach((part, index) => {
    const last = index === parts.length - 1;
    if (isDots(part)) {
      segments.pop();
      if (last) segments.push("");
    } else if (isDot(part)) {
      if (last) segments.push("");
    } else segments.push(encode(part, PATH));
  });
  return segments;
}

/** The parts of an address, or null. `base`: the parts of another. */
function parse(text, base) {
  const input = text.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
  const [, beforeHash, hash] = /^([^#]*)(?:#(.*))?$/s.exec(input);
  const parts = { scheme: "", username: "", password: "", host: "", port: "", path: [], opaque: null, query: null, fragment: null };
  if (hash !== undefined) parts.fragment = encode(hash, FRAGMENT);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(beforeHash);
  let rest = beforeHash;
  if (scheme !== null) {
    parts.scheme = scheme[0].toLowerCase();
    rest = beforeHash.slice(scheme[0].length);
  } else if (base === null) return null;
  else parts.scheme = base.scheme;
  const question = rest.indexOf("?");
  const ask = question < 0 ? null : encode(rest.slice(question + 1), special(parts.scheme) ? `${QUERY}'` : QUERY);
  let path = question < 0 ? rest : rest.slice(0, question);
  if (special(parts.scheme)) path = path.replaceAll("\\", "/");
  const relative = base !== null && (scheme === null || (special(parts.scheme) && parts.scheme === base.scheme && !path.startsWith("/")));
  if (scheme !== null && !special(parts.scheme) && !path.startsWith("/")) return { ...parts, opaque: encode(path, ""), query: ask };
  if (relative && base.opaque !== null) {
    return path === "" && question < 0 ? { ...base, fragment: parts.fragment } : null;
  }
  // Special addresses have an authority however many slashes there are (`http:/example.org`).
  const slashes = special(parts.scheme) && scheme !== null && !relative && parts.scheme !== "file:" ? /^\/*/ : /^\/\//;
  const begin = slashes.exec(path);
  if (begin === null) {
    if (relative) Object.assign(parts, { username: base.username, password: base.password, host: base.host, port: base.port });
    if (relative && !path.startsWith("/")) {
      const same = path === "";
      parts.path = same ? base.path : joinPath(base.path.slice(0, -1), path, parts.scheme);
      parts.query = same && question < 0 ? base.query : ask;
      return parts;
    }
    return { ...parts, path: joinPath([], path.slice(1), parts.scheme), query: ask };
  }
  const after = path.slice(begin[0].length);
  const slash = after.indexOf("/");
  const authority = slash < 0 ? after : after.slice(0, slash);
  const at = authority.lastIndexOf("@");
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority.slice(at + 1)) ?? [];
  if (host === undefined || (host === "" && special(parts.scheme) && parts.scheme !== "file:") || Number(port ?? 0) > 65535) return null;
  if (at >= 0) {
    const [user, ...password] = authority.slice(0, at).split(":");
    Object.assign(parts, { username: encode(user, USER), password: encode(password.join(":"), USER) });
  }
  parts.host = host === "" ? "" : parseHost(host, parts.scheme);
  if (parts.host === null) return null;
  if (port) parts.port = String(Number(port)) === PORTS[parts.scheme] ? "" : String(Number(port));
  if (slash >= 0 || special(parts.scheme)) parts.path = joinPath([], slash < 0 ? "" : after.slice(slash + 1), parts.scheme);
  return { ...parts, query: ask };
}

const formEncode = (text) => encode(text, "!\"#$%&'()+,/:;<=>?@[\\]^`{|}~").replaceAll(" ", "+");
const formDecode = (text) => decode(text.replaceAll("+", " "));

export class URLSearchParams {
  #pairs = [];
  #changed = () => {};

  constructor(init = "") {
    if (typeof init === "object" && init !== null) {
      const entries = typeof init[Symbol.iterator] === "function" ? [...init] : Object.entries(init);
      for (const entry of entries) {
        const pair = [...entry];
        if (pair.length !== 2) throw new TypeError("URLSearchParams takes pairs of a name and a value");
        this.#pairs.push(pair.map(String));
      }
    } else this.#read(String(init).replace(/^\?/, ""));
  }

  #read(text) {
    this.#pairs = text
      .split("&")
      .filter((part) => part !== "")
      .map((part) => {
        const equals = part.indexOf("=");
        return (equals < 0 ? [part, ""] : [part.slice(0, equals), part.slice(equals + 1)]).map(formDecode);
      });
  }

  static {
    URLSearchParams.linked = (text, changed) => {
      const params = new URLSearchParams(text);
      params.#changed = changed;
      return params;
    };
    URLSearchParams.reread = (params, text) => params.#read(text);
  }

  get size() {
    return this.#pairs.length;
  }

  get(name) {
    return this.#pairs.find(([key]) => key === name)?.[1] ?? null;
  }

  getAll(name) {
    return this.#pairs.filter(([key]) => key === name).map(([, value]) => value);
  }

  has(name, value) {
    return this.#pairs.some(([key, other]) => key === name && (value === undefined || other === String(value)));
  }

  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
    this.#changed(this.toString());
  }

  set(name, value) {
    const first = this.#pairs.findIndex(([key]) => key === name);
    if (first < 0) this.#pairs.push([String(name), String(value)]);
    else {
      this.#pairs[first][1] = String(value);
      this.#pairs = this.#pairs.filter(([key], index) => key !== name || index === first);
    }
    this.#changed(this.toString());
  }

  delete(name, value) {
    this.#pairs = this.#pairs.filter(([key, other]) => key !== name || (value !== undefined && other !== String(value)));
    this.#changed(this.toString());
  }

  sort() {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed(this.toString());
  }

  forEach(fn, self) {
    for (const [name, value] of this) fn.call(self, value, name, this);
  }

  *entries() {
    for (const [name, value] of this.#pairs) yield [name, value];
  }

  *keys() {
    for (const [name] of this.#pairs) yield name;
  }

  *values() {
    for (const [, value] of this.#pairs) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  toString() {
    return this.#pairs.map((pair) => pair.map(formEncode).join("=")).join("&");
  }
}

const { linked, reread } = URLSearchParams;
delete URLSearchParams.linked;
delete URLSearchParams.reread;

export class URL {
  #parts;
  #params = null;

  constructor(address, base) {
    const start = base === undefined ? null : parse(String(base), null);
    this.#parts = base !== undefined && start === null ? null : parse(String(address), start);
    if (this.#parts === null) {
      throw new TypeError(`${JSON.stringify(String(address))} is not an address${base === undefined ? "" : ` under ${JSON.stringify(String(base))}`}`);
    }
  }

  static canParse(address, base) {
    return URL.parse(address, base) !== null;
  }

  static parse(address, base) {
    try {
      return new URL(address, base);
    } catch {
      return null;
    }
  }

  get protocol() {
    return this.#parts.scheme;
  }

  get username() {
    return this.#parts.username;
  }

  get password() {
    return this.#parts.password;
  }

  get hostname() {
    return this.#parts.host;
  }

  get port() {
    return this.#parts.port;
  }

  get host() {
    return this.#parts.host + (this.#parts.port === "" ? "" : `:${this.#parts.port}`);
  }

  get origin() {
    return special(this.protocol) && this.protocol !== "file:" ? `${this.protocol}//${this.host}` : "null";
  }

  get pathname() {
    const { opaque, path } = this.#parts;
    return opaque ?? (path.length === 0 ? "" : `/${path.join("/")}`);
  }

  set pathname(path) {
    if (this.#parts.opaque === null) this.#parts.path = joinPath([], String(path).replace(/^\//, ""), this.protocol);
  }

  get search() {
    return this.#parts.query ? `?${this.#parts.query}` : "";
  }

  set search(text) {
    const query = String(text).replace(/^\?/, "");
    this.#parts.query = query === "" ? null : encode(query, special(this.protocol) ? `${QUERY}'` : QUERY);
    if (this.#params !== null) reread(this.#params, query);
  }

  get searchParams() {
    this.#params ??= linked(this.#parts.query ?? "", (query) => {
      this.#parts.query = query === "" ? null : query;
    });
    return this.#params;
  }

  get hash() {
    return this.#parts.fragment ? `#${this.#parts.fragment}` : "";
  }

  set hash(text) {
    const fragment = String(text).replace(/^#/, "");
    this.#parts.fragment = fragment === "" ? null : encode(fragment, FRAGMENT);
  }

  get href() {
    const { scheme, username, password, query, fragment } = this.#parts;
    const user = username === "" && password === "" ? "" : `${username}${password === "" ? "" : `:${password}`}@`;
    const authority = special(scheme) || this.host !== "" || user !== "" ? `//${user}${this.host}` : "";
    return `${scheme}${authority}${this.pathname}${query === null ? "" : `?${query}`}${fragment === null ? "" : `#${fragment}`}`;
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }
}
