// A server for the unit tests of plugins: what imports do, in memory. A test reads and sets its fields.

const fail = (tag, val) => {
  throw Object.assign(new Error(tag), { payload: val === undefined ? { tag } : { tag, val } });
};

export class Host {
  /** Milliseconds since 1970: what `clock.now` says. */
  now = 1_700_000_000_000;
  /** Lines of the log: `{level, message, fields}`. */
  logs = [];
  /** Entries of the storage; `null` as `expires` is for ever. */
  entries = new Map();
  /** Sums, values or observations by `name` or `name{label,label}`. */
  metrics = new Map();
  /** Published events: `{topic, payload}`. */
  published = [];
  subscriptions = new Set();
  /** Scheduled tasks: name to timing. */
  tasks = new Map();
  /** What `keys` finds: fingerprint to summary. */
  certificates = new Map();

  constructor(config) {
    this.config = config;
  }

  /** The texts in the storage. */
  get storage() {
    return Object.fromEntries([...this.entries.keys()].map((key) => [key, this.#value(key)]));
  }

  #value(key) {
    const entry = this.entries.get(key);
    return entry === undefined || (entry.expires !== null && entry.expires <= this.now) ? undefined : entry.value;
  }

  #put(key, value, ttl) {
    if (key === "" || key.length > 256) fail("too-large");
    this.entries.set(key, { value, expires: ttl === null ? null : this.now + ttl });
  }

  bindings() {
    const host = this;
    const found = (value) => (value === undefined ? { tag: "missing" } : { tag: "found", val: value });
    const page = () => ({ fingerprints: [...host.certificates.keys()].sort(), cursor: "" });
    const note = (name, labels, value, combine) => {
      const series = labels.length === 0 ? name : `${name}{${labels.join(",")}}`;
      host.metrics.set(series, combine(host.metrics.get(series), value));
    };
    return {
      log: { write: (level, message, fields) => host.logs.push({ level, message, fields: Object.fromEntries(fields) }) },
      clock: { now: () => host.now, monotonic: () => host.now },
      random: {
        bytes: (count) => crypto.getRandomValues(new Uint8Array(Math.min(count, 4096))),
        number: () => crypto.getRandomValues(new Uint32Array(1))[0],
      },
      settings: {
        get(key) {
          const value = key.split(".").reduce((table, part) => table?.[part], host.config);
          return value === undefined ? null : JSON.stringify(value);
        },
        getAll: () => JSON.stringify(host.config),
      },
      storage: {
        get: (key) => found(host.#value(key)),
        getBytes: (key) => found(host.#value(key)),
        set: (key, value, ttl) => host.#put(key, value, ttl),
        setBytes: (key, value, ttl) => host.#put(key, value, ttl),
        delete: (key) => void host.entries.delete(key),
        listKeys: (prefix) => ({ keys: Object.keys(host.storage).filter((key) => key.startsWith(prefix)).sort(), cursor: "" }),
        increment(key, delta, ttl) {
          const count = Number(host.#value(key) ?? 0) + delta;
          if (Number.isNaN(count)) fail("wrong-type");
          host.#put(key, String(count), ttl);
          return count;
        },
        compareAndSwap(key, expected, value, ttl) {
          if ((host.#value(key) ?? null) !== expected) return { tag: "changed" };
          host.#put(key, value, ttl);
          return { tag: "swapped" };
        },
      },
      metrics: {
        add: (name, labels, value) => note(name, labels, value, (sum = 0, more) => sum + more),
        set: (name, labels, value) => note(name, labels, value, (_, other) => other),
        observe: (name, labels, value) => note(name, labels, value, (all = [], one) => [...all, one]),
      },
      tasks: {
        schedule: (name, timing) => void host.tasks.set(name, { [timing.tag]: timing.val }),
        cancel: (name) => host.tasks.delete(name),
      },
      events: {
        publish: (topic, payload) => void host.published.push({ topic, payload }),
        subscribe: (pattern) => void host.subscriptions.add(pattern),
        unsubscribe: (pattern) => host.subscriptions.delete(pattern),
      },
      keys: {
        search: page,
        changes: page,
        summarize: (fingerprint) => found(host.certificates.get(fingerprint.toLowerCase())),
        armored: (fingerprint) => found(host.certificates.get(fingerprint.toLowerCase())?.armored),
        count: () => ({ total: host.certificates.size, hour: 0, day: 0 }),
      },
    };
  }
}
