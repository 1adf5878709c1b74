// Types of `wasmpuck/testing`: a plugin on this machine, for its unit tests.

import type { Config, Import, Summary } from "wasmpuck";

export class Host {
  now: number;
  readonly config: Config;
  readonly logs: { level: string; message: string; fields: Record<string, string> }[];
  readonly storage: Record<string, string | Uint8Array>;
  readonly metrics: Map<string, number | number[]>;
  readonly published: { topic: string; payload: string }[];
  readonly subscriptions: Set<string>;
  readonly tasks: Map<string, { every: number } | { after: number } | { at: number }>;
  readonly certificates: Map<string, Summary & { armored?: string }>;
}

export interface Options {
  config?: Config;
  imports?: Import[];
  bindings?: Record<string, Record<string, (...args: any[]) => any>>;
  name?: string;
  version?: string;
  start?: boolean;
}

type Functions = Record<string, (...args: any[]) => any>;

export interface LoadedPlugin {
  host: Host;
  worlds: string[];
  lifecycle: Functions;
  handover: Functions;
  middleware: Functions;
  admission: Functions;
  routes: Functions;
  formatter: Functions;
  services: Functions;
  taskHandler: Functions;
  eventHandler: Functions;
}

export function load(entry: string | URL, options?: Options): Promise<LoadedPlugin>;
