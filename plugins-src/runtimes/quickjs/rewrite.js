// Makes the body of a function of an ES module, with every character that stays in its place: lines and columns remain the author's.
//
// `import` statements become blanks, and a prefix asks for what they name; `export` becomes blanks, and the prefix defines getters, so that
// exports are live. The prefix comes first, as imports do. A file without such statements is CommonJS and stays as it is.

import { statements, tokens } from "./scan.js";

const NAME = String.raw`[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*`;
const SKIP = String.raw`(?:\s|//[^\n]*|/\*[\s\S]*?\*/)*`;
const TEXT = String.raw`("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')`;
const WITH = String.raw`(?:${SKIP}with${SKIP}\{[^}]*\})?`;
const IMPORT = new RegExp(String.raw`import${SKIP}(?:([^"';()]+?)from${SKIP})?${TEXT}${WITH}[ \t]*;?`, "uy");
const EXPORT_FROM = new RegExp(String.raw`export${SKIP}(?:\*(?:${SKIP}as\s+(${NAME}))?|\{([^}]*)\})${SKIP}from${SKIP}${TEXT}${WITH}[ \t]*;?`, "uy");
const EXPORT_LIST = new RegExp(String.raw`export${SKIP}\{([^}]*)\}[ \t]*;?`, "uy");
const EXPORT_NAMED = new RegExp(String.raw`export(?=${SKIP}(?:async\s+function|function|class)${SKIP}\*?${SKIP}(${NAME}))`, "uy");
const EXPORT_DEFAULT_NAMED = new RegExp(
  String.raw`export${SKIP}default(?=${SKIP}(?:async\s+function|function|class)${SKIP}\*?${SKIP}(?!extends\b)(${NAME}))`,
  "uy",
);
const EXPORT_DEFAULT = new RegExp(String.raw`export${SKIP}default\b`, "uy");
const EXPORT_VARIABLE = new RegExp(String.raw`export(?=${SKIP}(?:const|let|var)\b)`, "uy");

const CLAUSE = new RegExp(String.raw`^(?:(${NAME}),?)?(?:\*as (${NAME}))?(?:\{(.*)\})?$`, "u");
const PART = new RegExp(String.raw`^(${NAME})(?: as (${NAME}))?$`, "u");

const blank = (text) => text.replace(/[^\n\r\u2028\u2029]/g, " ");
const plain = (text) => text.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, " ").replace(/\s+/g, " ").trim();

/** A statement that this rewriting does not know; `at` is its offset. */
export class Unsupported extends SyntaxError {
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}

/** `a, b as c` as pairs. */
function parts(list, at) {
  return plain(list)
    .split(/ ?, ?/)
    .filter((part) => part !== "")
    .map((part) => {
      const [, name, other] = PART.exec(part.trim()) ?? [];
      if (name === undefined) throw new Unsupported(`${part.trim()} cannot be imported or exported: use plain names`, at);
      return [name, other ?? name];
    });
}

/** The names that `export const a = 1, b = 2` declares, at its offset. */
function declared(source, at) {
  const names = [];
  let keyword = 2; // `export` and `const`
  let expected = true; // a name comes next
  for (const token of tokens(source, at)) {
    if (keyword-- > 0 || (token.depth > 0 && !expected)) continue;
    if (expected) {
      if (token.kind !== "word") throw new Unsupported("export a pattern in two steps: const {…} = …; export { … };", token.at);
      names.push(token.text);
      expected = false;
      continue;
    }
    if (token.text === ";") break;
    // A line break ends the statement where two values would follow each other.
    const before = token.previous;
    const ended = before.kind === "mark" ? [")", "]", "}", "++", "--"].includes(before.text) : true;
    if (token.newline && ended && token.kind !== "mark" && !["in", "instanceof", "of"].includes(token.text)) break;
    if (token.text === ",") expected = true;
  }
  return names;
}

/** `{prefix, text}` for an ES module, `null` for any other file. Throws `Unsupported`. */
export function rewrite(source) {
  const { found: places, dynamic } = statements(source);
  if (dynamic >= 0) throw new Unsupported("import() returns a promise, which would never settle: use import or require", dynamic);
  const getters = [];
  const asked = [];
  const pieces = [];
  let done = 0;
  let modules = 0;
  const replace = (at, length, text) => {
    pieces.push(source.slice(done, at), text);
    done = at + length;
  };
  const match = (pattern, at) => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  const getter = (name, value) => getters.push(`${JSON.stringify(name)}: () => ${value}`);
  const ask = (text) => {
    const name = `$module${modules++}`;
    asked.push(`const ${name} = require.module(${text});`);
    return name;
  };

  for (const at of places) {
    if (at < done) continue;
    if (source.startsWith("import", at)) {
      const found = match(IMPORT, at);
      if (found === null) continue; // `import.meta`, or an error that the engine finds
      replace(at, found[0].length, blank(found[0]));
      const module = ask(found[2]);
      if (found[1] === undefined) continue;
      const clause = plain(found[1]).replace(/ ?([,{}*]) ?/g, "$1");
      const [whole, byDefault, namespace, named] = CLAUSE.exec(clause) ?? [];
      if (whole === undefined) throw new Unsupported(`import ${clause} is not understood: use plain names`, at);
      if (byDefault !== undefined) asked.push(`const ${byDefault} = ${module}.default;`);
      if (namespace !== undefined) asked.push(`const ${namespace} = ${module};`);
      for (const [name, local] of parts(named ?? "", at)) {
        asked.push(`const ${local} = require.named(${module}, ${JSON.stringify(name)}, ${found[2]});`);
      }
    } else {
      let found;
      if ((found = match(EXPORT_FROM, at)) !== null) {
        const module = ask(found[3]);
        if (found[2] !== undefined) for (const [name, other] of parts(found[2], at)) getter(other, `${module}.${name}`);
        else if (found[1] !== undefined) getter(found[1], module);
        else asked.push(`require.all(exports, ${module});`);
        replace(at, found[0].length, blank(found[0]));
      } else if ((found = match(EXPORT_LIST, at)) !== null) {
        for (const [name, other] of parts(found[1], at)) getter(other, name);
        replace(at, found[0].length, blank(found[0]));
      } else if ((found = match(EXPORT_NAMED, at)) !== null) {
        getter(found[1], found[1]);
        replace(at, found[0].length, blank(found[0]));
      } else if ((found = match(EXPORT_DEFAULT_NAMED, at)) !== null) {
        getter("default", found[1]);
        replace(at, found[0].length, blank(found[0]));
      } else if ((found = match(EXPORT_DEFAULT, at)) !== null) {
        // `export default` has room for `$e.default =`; a line break between the two words stays.
        const breaks = found[0].replace(/[^\n\r]/g, "");
        replace(at, found[0].length, breaks === "" ? "$e.default =".padEnd(found[0].length) : `${breaks}$e.default =`);
      } else if ((found = match(EXPORT_VARIABLE, at)) !== null) {
        for (const name of declared(source, at)) getter(name, name);
        replace(at, found[0].length, blank(found[0]));
      } else throw new Unsupported("an export of this form is not understood", at);
    }
  }
  if (done === 0) return null;
  pieces.push(source.slice(done));
  const prefix = `require.define(exports, { ${getters.join(", ")} }); ${asked.join(" ")}`;
  return { prefix, text: pieces.join("") };
}
