// Imports that hand out resources: answers of other servers, files, answers piece by piece.

import { call, dispose, hostError, method } from "./call.js";
import { state } from "./state.js";

const pairs = (value) => (Array.isArray(value) ? value : Object.entries(value ?? {}));

export function payload(value, place) {
  if (value === null || value === undefined) return { tag: "empty" };
  if (typeof value === "string") return { tag: "text", val: value };
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return { tag: "bytes", val: value };
  throw new TypeError(`${place} must be a string, a Uint8Array or nothing, not ${typeof value}`);
}

const TEXT = 1_048_576;
const BYTES = 65_536;

/** An answer of another server. Its body is read once: `text()`, `json()`, `bytes()`, or piece by piece. */
class HttpResponse {
  #resource;

  constructor(resource) {
    this.#resource = resource;
    this.status = method(resource, "http-client", "response.status");
    this.headers = method(resource, "http-client", "response.headers");
    this.url = method(resource, "http-client", "response.url");
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  header(name) {
    const wanted = name.toLowerCase();
    return this.headers.find(([other]) => other === wanted)?.[1] ?? null;
  }

  #read(fn, most) {
    if (this.#resource === null) return null;
    const chunk = method(this.#resource, "http-client", fn, most);
    if (chunk.tag === "data") return chunk.val;
    this.close();
    return null;
  }

  readText(most = TEXT) {
    return this.#read("response.read-text", most);
  }

  readBytes(most = BYTES) {
    return this.#read("response.read-bytes", most);
  }

  text() {
    let all = "";
    for (let some = this.readText(); some !== null; some = this.readText()) all += some;
    return all;
  }

  json() {
    return JSON.parse(this.text());
  }

  bytes() {
    const pieces = [];
    let size = 0;
    for (let some = this.readBytes(); some !== null; some = this.readBytes()) {
      pieces.push(some);
      size += some.length;
    }
    const all = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  close() {
    if (this.#resource !== null) dispose(this.#resource);
    this.#resource = null;
  }

  [Symbol.dispose]() {
    this.close();
  }
}

const REQUEST = ["method", "url", "headers", "secrets", "body", "follow", "timeout"];

function send(request) {
  if (typeof request !== "object" || request === null) throw new TypeError("httpClient.send takes an object with a url");
  const unknown = Object.keys(request).find((name) => !REQUEST.includes(name));
  if (unknown !== undefined) throw new TypeError(`httpClient.send knows no ${unknown}; it knows ${REQUEST.join(", ")}`);
  const { method: verb = "GET", url, headers, secrets = [], body, follow = true, timeout = null } = request;
  const lowered = {
    method: verb,
    url: typeof url === "object" && url !== null ? String(url) : url,
    headers: pairs(headers),
    secrets: Array.isArray(secrets) ? secrets.map(({ prefix = "", ...rest }) => ({ prefix, ...rest })) : secrets,
    body: payload(body, "the body of httpClient.send"),
    follow,
    timeout,
  };
  return new HttpResponse(call("http-client", "send", lowered));
}

export const httpClient = Object.freeze({
  send,
  get: (url, options = {}) => send({ ...options, method: "GET", url }),
  post: (url, body, options = {}) => send({ ...options, method: "POST", url, body }),
});

/** An open file of the operator's. */
class DataFile {
  #resource;

  constructor(resource) {
    this.#resource = resource;
  }

  #call(fn, ...args) {
    if (this.#resource === null) throw new Error("the file is closed");
    return method(this.#resource, "files", `data-file.${fn}`, ...args);
  }

  size() {
    return this.#call("size");
  }

  modified() {
    return this.#call("modified");
  }

  replaced() {
    return this.#call("replaced");
  }

  read(offset = 0, length = BYTES) {
    return this.#call("read", offset, length).val;
  }

  readText(offset = 0, length = TEXT) {
    return this.#call("read-text", offset, length).val;
  }

  close() {
    if (this.#resource !== null) dispose(this.#resource);
    this.#resource = null;
  }

  [Symbol.dispose]() {
    this.close();
  }
}

export const files = Object.freeze({
  names: () => call("files", "names"),
  open: (name) => new DataFile(call("files", "open", name)),
});

/** An answer under way. It ends when `routes.handle` does, or with `end()`. */
class Outgoing {
  #resource;

  constructor(resource) {
    this.#resource = resource;
  }

  write(data) {
    if (this.#resource === null) throw hostError("responder", "outgoing.write", { tag: "not-now" });
    if (typeof data === "string") method(this.#resource, "responder", "outgoing.write", data);
    else method(this.#resource, "responder", "outgoing.write-bytes", data);
  }

  end() {
    if (this.#resource !== null) dispose(this.#resource);
    this.#resource = null;
  }

  [Symbol.dispose]() {
    this.end();
  }
}

export const responder = Object.freeze({
  begin(status = 200, headers = {}) {
    const outgoing = new Outgoing(call("responder", "begin", status, pairs(headers)));
    state.outgoing.push(outgoing);
    return outgoing;
  },
});
