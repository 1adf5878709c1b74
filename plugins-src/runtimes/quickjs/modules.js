// A script's files as modules: compiled, found by their paths, executed once.

import * as sdk from "../../sdk/js/index.js";

import { rewrite, Unsupported } from "./rewrite.js";
import { framesOf, linesOf, MODULE, place } from "./trace.js";

const evaluate = globalThis.eval;

const CODE = /\.(?:js|mjs|cjs)$/;

/** An offset as line and column, both from 1. */
function position(source, at) {
  const before = source.slice(0, at).split("\n");
  return { line: before.length, column: before.at(-1).length + 1 };
}

/** What is wrong with a file, as the contract's `problem`. */
export class Problem extends Error {
  constructor(path, line, column, message) {
    super(message);
    this.problem = { path, line, column, message, trace: "" };
  }
}

/** The function that executes a file of code. Throws `Problem` for an error of syntax. */
function compile(path, source) {
  const first = place(path, source);
  // A line `#!…` is allowed at the beginning of a file only, and this one gets another beginning.
  const code = source.startsWith("#!") ? `//${source.slice(2)}` : source.replace(/^\ufeff/, " ");
  let module;
  try {
    module = rewrite(code);
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    const { line, column } = position(source, error.at);
    throw new Problem(path, line, column, `SyntaxError: ${error.message}`);
  }
  const { prefix, text } = module ?? { prefix: "", text: code };
  const strict = module === null && !path.endsWith(".mjs") ? "" : '"use strict"; ';
  const padding = "\n".repeat(first - 2);
  try {
    return evaluate(`${padding}(function ${MODULE}(exports, require, module, $e) { ${strict}${prefix}\n${text}\n})`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [frame] = framesOf(error);
    const { line = 0, column = 0 } = frame?.path === path ? frame : {};
    const lines = linesOf(source);
    // Behind the last line comes what closes the function, which is not the author's.
    if (line > lines.length) throw new Problem(path, lines.length, lines.at(-1).length + 1, "SyntaxError: unexpected end of the file");
    throw new Problem(path, line, column, `SyntaxError: ${error.message}`);
  }
}

function parseJson(path, source) {
  try {
    return JSON.parse(source);
  } catch (error) {
    const [, line = 0, column = 0] = /line (\d+) column (\d+)/.exec(error.message) ?? [];
    throw new Problem(path, Number(line), Number(column), `SyntaxError: ${error.message}`);
  }
}

/** Every file with an error of syntax. */
export function check(files) {
  const problems = [];
  for (const { path, text } of files) {
    try {
      if (CODE.test(path)) compile(path, text);
      else if (path.endsWith(".json")) parseJson(path, text);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push(error.problem);
    }
  }
  return problems;
}

/** `./b.js`, seen from `rules/a.js`, is `rules/b.js`. Null above the script's folder. */
function join(from, specifier) {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") {
      if (parts.length === 0) return null;
      parts.pop();
    } else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

const ENDINGS = ["", ".js", ".mjs", ".cjs", ".json", "/index.js"];

/** The script's modules. */
export class Modules {
  #files;
  #loaded = new Map();

  constructor(files) {
    this.#files = new Map(files.map(({ path, text }) => [path, text]));
  }

  #find(from, specifier) {
    if (typeof specifier !== "string") throw new TypeError("require takes the path of a module as a string");
    const wanted = /^\.\.?(\/|$)/.test(specifier) ? join(from, specifier) : null;
    const path = wanted === null ? undefined : ENDINGS.map((ending) => wanted + ending).find((one) => this.#files.has(one));
    if (path === undefined) {
      throw new Error(
        `there is no module ${JSON.stringify(specifier)} (asked for by ${from}): a script has the module "wasmpuck" and its own files, such as "./other.js"`,
      );
    }
    return path;
  }

  /** Executes a file unless it was already; its `module`. */
  run(path) {
    const known = this.#loaded.get(path);
    if (known !== undefined) return known;
    const source = this.#files.get(path);
    if (source === undefined) throw new Problem(path, 0, 0, `the entry ${path} is not among the files`);
    const module = { exports: {}, path };
    this.#loaded.set(path, module);
    if (path.endsWith(".json")) module.exports = parseJson(path, source);
    else if (CODE.test(path)) compile(path, source).call(undefined, module.exports, this.#requirer(path), module, module.exports);
    else module.exports = source; // any other file is its text
    return module;
  }

  #requirer(from) {
    const require = (specifier) => (specifier === "wasmpuck" ? sdk : this.run(this.#find(from, specifier)).exports);
    // What rewritten modules use.
    require.define = (exports, getters) => {
      Object.defineProperty(exports, "__esModule", { value: true });
      for (const [name, get] of Object.entries(getters)) Object.defineProperty(exports, name, { get, enumerable: true, configurable: true });
    };
    require.module = (specifier) => {
      if (specifier === "wasmpuck") return { ...sdk, default: sdk };
      const exports = require(specifier);
      if (exports?.__esModule) return exports;
      const names = typeof exports === "object" && exports !== null ? exports : {};
      return { ...names, default: exports };
    };
    require.named = (module, name, specifier) => {
      if (!(name in module)) throw new SyntaxError(`the module ${JSON.stringify(specifier)} has no export ${name}`);
      return module[name];
    };
    require.all = (exports, module) => {
      for (const name of Object.keys(module)) {
        if (name !== "default" && !Object.hasOwn(exports, name)) {
          Object.defineProperty(exports, name, { get: () => module[name], enumerable: true, configurable: true });
        }
      }
    };
    return require;
  }
}
