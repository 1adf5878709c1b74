// Makes the body of a function of an ES module, with every character that stays in its place: lines and columns remain the author's.
//
// `import` statements become blanks, and a prefix asks for what they name; `export` becomes blanks, and the prefix defines getters, so that
// exports are live. The prefix comes first, as imports do. A file without such statements is CommonJS and stays as it is.

import { tokens } from "./scan.js";

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

/** The names that `export const a = 1, b = 2` declares; `all` are the file's tokens, `index` that of `export`. */
function declared(all, index) {
  const names = [];
  const depth = all[index].depth;
  let expected = true; // a name comes next
  for (const token of all.slice(index + 2)) {
    if (token.depth > depth && !expected) continue;
    if (expected) {
      if (token.kind !== "word") throw new Unsupported("export a pattern in two steps: const {…} = …; export { … };", token.at);
      names.push(token.text);
      expected = false;
      continue;
    }
    if (token.depth < depth || token.text === ";") break;
    // A line break ends the statement where two values would follow each other.
    const before = token.previous;
    const ended = before.kind === "mark" ? ")]}".includes(before.text) || before.text === "++" || before.text === "--" : true;
    if (token.newline && ended && token.kind !== "mark" && !["in", "instanceof", "of"].includes(token.text)) break;
    if (token.text === "," && token.depth === depth) expected = true;
  }
  return names;
}

/** `{prefix, text}` for an ES module, `null` for any other file. Throws `Unsupported`. */
export function rewrite(source) {
  if (!/\b(?:import|export)\b/.test(source)) return null;
  const all = [...tokens(source)];
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

  all.forEach((token, index) => {
    if (token.kind !== "word" || token.at < done || token.previous?.text === "." || token.previous?.text === "?.") return;
    const next = all[index + 1]?.text;
    if (token.text === "import" && next === "(") {
      throw new Unsupported("import() returns a promise, which would never settle: use import or require", token.at);
    }
    if (token.depth > 0) return;
    if (token.text === "import" && next !== ".") {
      const found = match(IMPORT, token.at);
      if (found === null) return;
      replace(token.at, found[0].length, blank(found[0]));
      const module = ask(found[2]);
      if (found[1] === undefined) return;
      const clause = plain(found[1]).replace(/ ?([,{}*]) ?/g, "$1");
      const [whole, byDefault, namespace, named] = CLAUSE.exec(clause) ?? [];
      if (whole === undefined) throw new Unsupported(`import ${clause} is not understood: use plain names`, token.at);
      if (byDefault !== undefined) asked.push(`const ${byDefault} = ${module}.default;`);
      if (namespace !== undefined) asked.push(`const ${namespace} = ${module};`);
      for (const [name, local] of parts(named ?? "", token.at)) {
        asked.push(`const ${local} = require.named(${module}, ${JSON.stringify(name)}, ${found[2]});`);
      }
    } else if (token.text === "export") {
      let found;
      if ((found = match(EXPORT_FROM, token.at)) !== null) {
        const module = ask(found[3]);
        if (found[2] !== undefined) for (const [name, other] of parts(found[2], token.at)) getter(other, `${module}.${name}`);
        else if (found[1] !== undefined) getter(found[1], module);
        else asked.push(`require.all(exports, ${module});`);
        replace(token.at, found[0].length, blank(found[0]));
      } else if ((found = match(EXPORT_LIST, token.at)) !== null) {
        for (const [name, other] of parts(found[1], token.at)) getter(other, name);
        replace(token.at, found[0].length, blank(found[0]));
      } else if ((found = match(EXPORT_NAMED, token.at)) !== null) {
        getter(found[1], found[1]);
        replace(token.at, found[0].length, blank(found[0]));
      } else if ((found = match(EXPORT_DEFAULT_NAMED, token.at)) !== null) {
        getter("default", found[1]);
        replace(token.at, found[0].length, blank(found[0]));
      } else if ((found = match(EXPORT_DEFAULT, token.at)) !== null) {
        // `export default` has room for `$e.default =`; a line break between the two words stays.
        const breaks = found[0].replace(/[^\n\r]/g, "");
        replace(token.at, found[0].length, breaks === "" ? "$e.default =".padEnd(found[0].length) : `${breaks}$e.default =`);
      } else if ((found = match(EXPORT_VARIABLE, token.at)) !== null) {
        for (const name of declared(all, index)) getter(name, name);
        replace(token.at, found[0].length, blank(found[0]));
      } else throw new Unsupported("an export of this form is not understood", token.at);
    }
  });
  if (done === 0) return null;
  pieces.push(source.slice(done));
  const prefix = `require.define(exports, { ${getters.join(", ")} }); ${asked.join(" ")}`;
  return { prefix, text: pieces.join("") };
}
