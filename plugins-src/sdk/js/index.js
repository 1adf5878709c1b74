// The module `wasmpuck`: what a plugin in JavaScript imports.

export { clock, keyAdmin, keys, log, messaging, plugin, random, secrets, settings, shared, storage } from "./lib/imports.js";
export { files, httpClient, responder } from "./lib/streams.js";
export { admission, events, formatter, handover, lifecycle, metrics, middleware, routes, services, tasks } from "./lib/hooks.js";
export {
  ConfigurationError,
  EventsError,
  FilesError,
  HostError,
  HttpError,
  KeyAdminError,
  KeysError,
  MessagingError,
  MetricsError,
  NotGrantedError,
  ResponderError,
  SecretsError,
  SharedError,
  StorageError,
  TasksError,
  UnavailableError,
} from "./lib/errors.js";
