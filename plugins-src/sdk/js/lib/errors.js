// What goes wrong on the server's side, as errors with a code; and what a plugin throws to say what is wrong.

/** An import said no. `code` is the case of the contract's `error` variant, `detail` what it carries, or null. */
export class HostError extends Error {
  constructor(place, code, detail) {
    super(`${place}: ${code}${detail === null ? "" : ` (${Array.isArray(detail) ? detail.join(": ") : detail})`}`);
    this.code = code;
    this.detail = detail;
  }

  get name() {
    return this.constructor.name;
  }
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

export const CLASSES = {
  storage: StorageError,
  metrics: MetricsError,
  tasks: TasksError,
  events: EventsError,
  messaging: MessagingError,
  shared: SharedError,
  keys: KeysError,
  "key-admin": KeyAdminError,
  "http-client": HttpError,
  files: FilesError,
  secrets: SecretsError,
  responder: ResponderError,
};

/** An import was used that the plugin does not have. */
export class NotGrantedError extends Error {
  constructor(name, use) {
    super(`${use} needs the import \`${name}\`: name it under \`imports\` in plugin.toml, and the operator has to grant it`);
    this.import = name;
  }

  get name() {
    return "NotGrantedError";
  }
}

/** Thrown by `lifecycle.init` and `handover.restore`: the settings do not fit. `problems`: `{path, message}` each. */
export class ConfigurationError extends Error {
  constructor(problems) {
    const all = Array.isArray(problems) ? problems : [typeof problems === "string" ? { path: "", message: problems } : problems];
    super(all.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; "));
    this.problems = all;
  }

  get name() {
    return "ConfigurationError";
  }
}

/** Thrown by hooks of the lifecycle: something that the plugin needs is not there. */
export class UnavailableError extends Error {
  get name() {
    return "UnavailableError";
  }
}
