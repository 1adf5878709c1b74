// The contract's interface `script`: which language, what is wrong with its files, and the execution of one script.

import { implemented, reporter } from "../../sdk/js/lib/dispatch.js";
import { begin, state } from "../../sdk/js/lib/state.js";
import { check, Modules, Problem } from "./modules.js";
import { describe, forget, framesOf } from "./trace.js";

reporter.describe = describe;

function failed(error) {
  if (error instanceof Problem) return error.problem;
  const { path = "", line = 0, column = 0 } = framesOf(error)[0] ?? {};
  const message = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${String(error)}`;
  return { path, line, column, message, trace: describe(error) };
}

export const script = {
  language: () => "JavaScript (ES2023, QuickJS)",

  check(files) {
    forget();
    return check(files);
  },

  load(program) {
    try {
      begin(program);
      forget();
      new Modules(program.files).run(program.entry);
      state.loading = false;
      return { tag: "loaded", val: implemented() };
    } catch (error) {
      return { tag: "failed", val: failed(error) };
    }
  },
};
