// Types of the module `wasmpuck`. What each thing means and may do is said in wit/ and in docs/reference/contract.md.

/** An HTTP header: lower case name, value. */
export type Header = [name: string, value: string];

/** Headers as an object, or as pairs where a name occurs more than once. */
export type Headers = Record<string, string> | Header[];

/** What a plugin's own settings look like; see `plugin.config`. */
export type Config = Record<string, any>;

// --- imports ---------------------------------------------------------------------------------------------------------

export type Import =
  | "clock" | "events" | "files" | "http-client" | "key-admin" | "keys" | "log" | "messaging" | "metrics" | "random"
  | "responder" | "secrets" | "settings" | "shared" | "storage" | "tasks";

/** Who the plugin is, and what it has. */
export const plugin: {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly imports: Import[];
  has(name: Import): boolean;
  /** The settings, frozen; known from `lifecycle.init` on. */
  readonly config: Config;
};

/** One line of the log; `fields` are kept apart in structured logs, at most 16. */
type LogLine = (message: string, fields?: Record<string, string | number | boolean> | [string, string][]) => void;

export const log: { trace: LogLine; debug: LogLine; info: LogLine; warn: LogLine; error: LogLine; critical: LogLine };

export const settings: {
  /** One setting, `undefined` when it is not set; `key` may be dotted. */
  get(key: string): any;
  all(): Config;
};

/** Milliseconds: since 1970, and since some fixed point. `Date.now` and `performance.now` are the same. */
export const clock: { now(): number; monotonic(): number };

export const random: {
  bytes(count: number): Uint8Array;
  /** 32 bits. */
  number(): number;
};

export interface Ttl {
  /** Life in milliseconds; for ever without. */
  ttl?: number | null;
}

/** Throws `StorageError`: `quota-exceeded`, `too-large`, `rate-limited`, `wrong-type`, `other`. */
export const storage: {
  get(key: string): string | null;
  getBytes(key: string): Uint8Array | null;
  getJson(key: string): any;
  set(key: string, value: string, options?: Ttl): void;
  setBytes(key: string, value: Uint8Array, options?: Ttl): void;
  setJson(key: string, value: unknown, options?: Ttl): void;
  delete(key: string): void;
  listKeys(prefix?: string, cursor?: string, limit?: number): { keys: string[]; cursor: string };
  /** All keys with a prefix, page by page. */
  keys(prefix?: string): Generator<string, void, void>;
  increment(key: string, delta?: number, options?: Ttl): number;
  /** Whether the entry held `expected` (`null`: nothing) and now holds `value`. */
  compareAndSwap(key: string, expected: string | null, value: string, options?: Ttl): boolean;
};

/** Values of a metric's labels: by name, or in the order in which they were declared. */
export type Labels = Record<string, string | number> | (string | number)[];

/** Declared at the top level of a file. Reporting throws `MetricsError`: `undeclared`, `wrong-labels`, `bad-value`, `other`. */
export const metrics: {
  counter(name: string, help: string, labels?: string[]): { add(value?: number, labels?: Labels): void };
  gauge(name: string, help: string, labels?: string[]): { add(value?: number, labels?: Labels): void; set(value: number, labels?: Labels): void };
  histogram(name: string, help: string, labels?: string[], buckets?: number[]): { observe(value: number, labels?: Labels): void };
};

/** Throws `MessagingError`: `no-such-peer`, `not-allowed`, `cycle`, `too-large`, `rate-limited`, `timed-out`, `unknown-topic`, `refused`, `failed`, `other`. */
export const messaging: {
  call(peer: string, topic: string, payload?: string): string;
  find(kind: string): string[];
};

/** Throws `SharedError`: `wrong-kind`, `quota-exceeded`, `too-large`, `not-allowed`, `bad-value`, `other`. */
export const shared: {
  counterAdd(name: string, delta?: number): number;
  windowAdd(name: string, key: string, weight: number, span: number): number;
  setAdd(name: string, member: string, options?: Ttl): boolean;
  setHas(name: string, member: string): boolean;
  setRemove(name: string, member: string): boolean;
  setSize(name: string): number;
  topAdd(name: string, member: string, weight?: number, keep?: number): void;
  topList(name: string, count: number): [member: string, weight: number][];
  distinctAdd(name: string, member: string): void;
  distinctCount(name: string): number;
  remove(name: string): boolean;
};

export interface Key {
  fingerprint: string;
  version: number;
  algorithm: number;
  bits: number;
  /** Milliseconds since 1970. */
  created: number;
}

export interface KnownKey extends Key {
  expires: number | null;
  revoked: boolean;
}

export interface Summary {
  primary: KnownKey;
  subkeys: KnownKey[];
  userIds: { text: string; email: string; revoked: boolean }[];
  size: number;
  updated: number;
}

export interface FingerprintPage {
  fingerprints: string[];
  cursor: string;
}

export type Query = { fingerprint: string } | { keyId: string } | { email: string } | { text: string } | { domain: string };

/** Throws `KeysError`: `rate-limited`, `bad-query`, `unavailable`, `other`. */
export const keys: {
  search(query: Query, options?: { cursor?: string; limit?: number }): FingerprintPage;
  summarize(fingerprint: string): Summary | null;
  armored(fingerprint: string): string | null;
  changes(cursor?: string, limit?: number): FingerprintPage;
  count(): { total: number; hour: number; day: number };
};

export type KeyOutcome = "inserted" | "updated" | "unchanged" | "quarantined";

/** Throws `KeyAdminError`: `not-allowed`, `rate-limited`, `missing`, `unusable`, `refused`, `unavailable`, `other`. */
export const keyAdmin: {
  submit(armored: string, note: string): KeyOutcome;
  replace(armored: string, note: string): KeyOutcome;
  delete(fingerprint: string, note: string): void;
  quarantine(fingerprint: string, note: string): void;
  release(fingerprint: string, note: string): KeyOutcome;
  listQuarantine(cursor?: string, limit?: number): {
    entries: { fingerprint: string; source: string; reason: string; at: number }[];
    cursor: string;
  };
};

export interface HttpOptions {
  headers?: Headers;
  /** Headers that the server completes with a secret: `prefix`, then the secret's value. */
  secrets?: { name: string; prefix?: string; secret: string }[];
  /** Whether redirects are followed; they are. */
  follow?: boolean;
  /** Milliseconds for the whole. */
  timeout?: number | null;
}

export interface HttpRequest extends HttpOptions {
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
  url: string | { readonly href: string };
  body?: string | Uint8Array | ArrayBuffer | null;
}

/** The body is read once, at once or piece by piece; `null` at its end. */
export interface HttpResponse extends Disposable {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Header[];
  readonly url: string;
  header(name: string): string | null;
  text(): string;
  json(): any;
  bytes(): Uint8Array;
  readText(most?: number): string | null;
  readBytes(most?: number): Uint8Array | null;
  close(): void;
}

/**
 * Answers at once: there is nothing to await. Throws `HttpError`: `not-allowed`, `bad-request`, `unresolvable`, `private-address`,
 * `unreachable`, `untrusted`, `timed-out`, `too-large`, `bad-redirect`, `broken`, `rate-limited`, `no-such-secret`, `other`.
 */
export const httpClient: {
  send(request: HttpRequest): HttpResponse;
  get(url: string | { readonly href: string }, options?: HttpOptions): HttpResponse;
  post(url: string | { readonly href: string }, body: string | Uint8Array, options?: HttpOptions): HttpResponse;
};

export interface DataFile extends Disposable {
  size(): number;
  modified(): number;
  replaced(): boolean;
  read(offset?: number, length?: number): Uint8Array;
  readText(offset?: number, length?: number): string;
  close(): void;
}

/** Throws `FilesError`: `no-such-file`, `unreadable`, `changed`, `rate-limited`, `other`. */
export const files: { names(): string[]; open(name: string): DataFile };

/** Throws `SecretsError`: `no-such-secret`, `not-allowed`, `unreadable`, `other`. */
export const secrets: { names(): string[]; reveal(name: string): string; equals(name: string, candidate: string): boolean };

export interface Outgoing extends Disposable {
  write(data: string | Uint8Array): void;
  end(): void;
}

/** For routes that answer piece by piece. Throws `ResponderError`: `not-now`, `gone`, `too-large`, `bad-status`, `other`. */
export const responder: { begin(status?: number, headers?: Headers): Outgoing };

// --- exports -----------------------------------------------------------------------------------------------------------

/** What a hook returns; made by the functions beside the hook. */
export interface Verdict {
  readonly tag: string;
  readonly val?: unknown;
}

export interface Reuse {
  scope: "client" | "client-operation" | "everyone";
  requests: number;
  milliseconds: number;
}

export interface RequestVerdict extends Verdict {
  /** The same verdict with the permission to use it again without asking. */
  reusable(reuse: Reuse): RequestVerdict;
}

export interface MiddlewareScope {
  priority?: number;
  paths?: string[];
  headers?: string[];
  wantsQuery?: boolean;
  wantsBody?: boolean;
  /** True by itself when `onResponse` is used. */
  wantsResponse?: boolean;
}

export interface MiddlewareRequest {
  client: string;
  operation: "get" | "hget" | "index" | "vindex" | "stats" | "add" | "other";
  method: string;
  path: string;
  query: [name: string, value: string][];
  headers: Header[];
  body: string | null;
}

export interface Answer {
  status: number;
  headers: Header[];
  size: number;
  duration: number;
}

export const middleware: {
  scope(scope: MiddlewareScope | ((config: Config) => MiddlewareScope)): void;
  /** Judges a request; nothing means `next()`. */
  onRequest(hook: (request: MiddlewareRequest) => RequestVerdict | null | void): void;
  /** Sees an answer; nothing means `keep()`. */
  onResponse(hook: (request: MiddlewareRequest, answer: Answer) => Verdict | null | void): void;
  next(headers?: Headers): RequestVerdict;
  respond(status: number, body?: string, headers?: Headers): RequestVerdict;
  delay(milliseconds: number, headers?: Headers): RequestVerdict;
  drip(drip: { status?: number; headers?: Headers; body: string; rate?: number; milliseconds: number }): RequestVerdict;
  challenge(challenge: { bits?: number; valid?: number; text: string }): RequestVerdict;
  keep(): Verdict;
  /** The contract's `set-headers`. */
  setHeaders(headers: Headers): Verdict;
  replace(status: number, body?: string, headers?: Headers): Verdict;
};

export interface Submission {
  origin: "upload" | "bulk" | "peer" | "plugin";
  client: string;
  source: string;
  primary: Key;
  subkeys: Key[];
  userIds: string[];
  size: number;
  signatures: number;
  known: boolean;
  armored: string | null;
}

export interface AdmissionScope {
  priority?: number;
  origins?: ("upload" | "bulk" | "peer" | "plugin")[];
  wantsArmor?: boolean;
}

export const admission: {
  scope(scope: AdmissionScope | ((config: Config) => AdmissionScope)): void;
  /** Judges a certificate; nothing means `accept()`. */
  judge(hook: (submission: Submission) => Verdict | null | void): void;
  accept(): Verdict;
  reject(code: string, text: string): Verdict;
  quarantine(code: string, text: string): Verdict;
  rewrite(armored: string, code: string, text: string): Verdict;
};

export interface RouteRequest {
  client: string;
  method: string;
  path: string;
  rest: string;
  query: [name: string, value: string][];
  headers: Header[];
  /** Text, bytes that are no text, or nothing. */
  body: string | Uint8Array | null;
}

/** A string or bytes are an answer of status 200; nothing is 404, unless the answer was sent through `responder` (`streamed`). */
export type Route = (request: RouteRequest) => string | Uint8Array | Verdict | null | void;

type AddRoute = (path: string, route: Route, options?: { headers?: string[] }) => void;

export const routes: {
  get: AddRoute;
  post: AddRoute;
  put: AddRoute;
  patch: AddRoute;
  delete: AddRoute;
  options: AddRoute;
  on(methods: string[], path: string, route: Route, options?: { headers?: string[] }): void;
  respond(status: number, body?: string | Uint8Array | null, headers?: Headers): Verdict;
  text(text: string, status?: number, headers?: Headers): Verdict;
  json(value: unknown, status?: number, headers?: Headers): Verdict;
  notFound(): Verdict;
};

export interface FormatRequest {
  format: string;
  operation: "get" | "index" | "vindex";
  search: string;
  /** `summary` is the server's own JSON. */
  certificates: { fingerprint: string; armored: string; summary: string }[];
}

export const formatter: {
  format(
    format: { name: string; mediaType: string; extension?: string; description: string },
    render: (request: FormatRequest) => string | Uint8Array | Verdict,
  ): void;
  unsuitable(text: string): Verdict;
};

export interface ServiceRequest {
  caller: string;
  topic: string;
  payload: string;
}

export const services: {
  service(
    service: { kind: string; description: string },
    topics: Record<string, (request: ServiceRequest) => string | Verdict>,
  ): void;
  refuse(text: string): Verdict;
};

type Timed = (name: string, when: number | ((config: Config) => number), task: (name: string) => void) => void;

/** Scheduling throws `TasksError`: `too-many`, `too-often`, `bad-name`, `other`. */
export const tasks: {
  /** Registers a task that runs again and again, every so many milliseconds, from `lifecycle.start` on. */
  every: Timed;
  /** Once, so many milliseconds after `lifecycle.start`. */
  after: Timed;
  /** Once, at a time in milliseconds since 1970. */
  at: Timed;
  /** Registers a task that a hook schedules. */
  handler(name: string, task: (name: string) => void): void;
  schedule(name: string, when: { every: number } | { after: number } | { at: number }): void;
  cancel(name: string): boolean;
};

export interface Event {
  topic: string;
  /** The plugin that published it; empty for the server. */
  source: string;
  payload: string;
  at: number;
}

/** Throws `EventsError`: `bad-topic`, `reserved`, `too-large`, `rate-limited`, `too-many`, `other`. */
export const events: {
  /** Registers a handler; `*` stands for any text. */
  on(pattern: string, handler: (event: Event) => void): void;
  /** A payload that is no string is sent as JSON. */
  publish(topic: string, payload?: unknown): void;
  subscribe(pattern: string): void;
  unsubscribe(pattern: string): boolean;
};

export interface Problem {
  path: string;
  message: string;
}

export type Reason = "replaced" | "disabled" | "server-stopping";

/** Hooks that throw `ConfigurationError` or `UnavailableError` say so to the operator; any other error is logged with its trace. */
export const lifecycle: {
  /** Checks settings; asked before `init`, too. */
  validate(hook: (config: Config) => Problem[] | null | void): void;
  init(hook: (config: Config) => void): void;
  start(hook: () => void): void;
  health(hook: () => Verdict | null | void): void;
  selfTest(hook: () => void): void;
  shutdown(hook: (reason: Reason) => void): void;
  healthy(): Verdict;
  degraded(text: string): Verdict;
  failing(text: string): Verdict;
};

export const handover: {
  prepareSwap(hook: () => string | null | void): void;
  restore(hook: (state: string) => void): void;
};

// --- errors ------------------------------------------------------------------------------------------------------------

/** An import said no. */
export class HostError extends Error {
  /** The case of the contract's `error`, such as `quota-exceeded`. */
  readonly code: string;
  /** What the case carries: words, code and words, or nothing. */
  readonly detail: string | [string, string] | null;
}
export class StorageError extends HostError {}
export class MetricsError extends HostError {}
export class TasksError extends HostError {}
export class EventsError extends HostError {}
export class MessagingError extends HostError {}
export class SharedError extends HostError {}
export class KeysError extends HostError {}
export class KeyAdminError extends HostError {}
export class HttpError extends HostError {}
export class FilesError extends HostError {}
export class SecretsError extends HostError {}
export class ResponderError extends HostError {}

/** An import was used that the plugin does not have. */
export class NotGrantedError extends Error {
  readonly import: Import;
}

/** The settings do not fit: one problem, several, or a sentence about the whole. */
export class ConfigurationError extends Error {
  constructor(problems: string | Problem | Problem[]);
  readonly problems: Problem[];
}

/** Something that the plugin needs is not there. */
export class UnavailableError extends Error {
  constructor(message: string);
}

declare global {
  /** CommonJS: the module `wasmpuck`, or one of the script's own files (`./name.js`, `./data.json`). */
  function require(path: string): any;
}
