// The language runtime: every import and every export of the world `runtime`.

import clock from "wasmpuck:plugin/clock@0.1.0";
import events from "wasmpuck:plugin/events@0.1.0";
import files from "wasmpuck:plugin/files@0.1.0";
import httpClient from "wasmpuck:plugin/http-client@0.1.0";
import keyAdmin from "wasmpuck:plugin/key-admin@0.1.0";
import keys from "wasmpuck:plugin/keys@0.1.0";
import log from "wasmpuck:plugin/log@0.1.0";
import messaging from "wasmpuck:plugin/messaging@0.1.0";
import metrics from "wasmpuck:plugin/metrics@0.1.0";
import random from "wasmpuck:plugin/random@0.1.0";
import responder from "wasmpuck:plugin/responder@0.1.0";
import secrets from "wasmpuck:plugin/secrets@0.1.0";
import settings from "wasmpuck:plugin/settings@0.1.0";
import shared from "wasmpuck:plugin/shared@0.1.0";
import storage from "wasmpuck:plugin/storage@0.1.0";
import tasks from "wasmpuck:plugin/tasks@0.1.0";

import { exportsOfAll } from "../../sdk/js/lib/dispatch.js";
import { install } from "../../sdk/js/lib/globals.js";
import { connect } from "../../sdk/js/lib/state.js";
import { install as installTraces } from "./trace.js";

connect({
  clock,
  events,
  files,
  "http-client": httpClient,
  "key-admin": keyAdmin,
  keys,
  log,
  messaging,
  metrics,
  random,
  responder,
  secrets,
  settings,
  shared,
  storage,
  tasks,
});
installTraces();
install(globalThis);

export { script } from "./script.js";
export const { lifecycle, handover, middleware, admission, routes, formatter, services, taskHandler, eventHandler } = exportsOfAll;
