// Finds the `import` and `export` statements of a file: enough of JavaScript's lexical grammar to know what is code, no more.
//
// The engine evaluates no ES modules after its build, so `rewrite.js` makes functions of them. What is no JavaScript at all is left for the
// engine to complain about.

const SPACE = /[\s\ufeff]/;
const WORD = /[\p{ID_Start}$_#\\][\p{ID_Continue}$\u200c\u200d\\]*/uy;
const NUMBER = /(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)n?/y;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;

// Behind these words a `/` begins a regular expression, and a `{` an object.
const BEFORE_VALUE = new Set(["return", "typeof", "instanceof", "in", "of", "new", "delete", "void", "throw", "case", "do", "else", "yield", "await", "default", "extends"]);
const HEADS = new Set(["if", "while", "for", "with"]);

/** The tokens of `source` that matter: `{kind, text, at, depth, newline}`; kinds: word, number, string, template, regex, mark. */
export function* tokens(source) {
  const open = []; // for each bracket: what was before it, and whether it opens a block
  let at = 0;
  let newline = true;
  let previous = null;
  let valueMayFollow = true;

  const token = (kind, end, value) => {
    const found = { kind, text: source.slice(at, end), at, end, depth: open.length, newline, previous };
    at = end;
    newline = false;
    previous = found;
    valueMayFollow = value;
    return found;
  };
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0].length ?? 0;
  };

  while (at < source.length) {
    const character = source[at];
    if (SPACE.test(character)) {
      newline ||= character === "\n" || character === "\r" || character === "\u2028" || character === "\u2029";
      at += 1;
      continue;
    }
    if (character === "/" && source[at + 1] === "/") {
      while (at < source.length && !/[\n\r\u2028\u2029]/.test(source[at])) at += 1;
      continue;
    }
    if (character === "/" && source[at + 1] === "*") {
      const end = source.indexOf("*/", at + 2);
      if (end < 0) return;
      newline ||= /[\n\r\u2028\u2029]/.test(source.slice(at, end));
      at = end + 2;
      continue;
    }
    const word = match(WORD);
    if (word > 0) {
      const member = previous?.text === "." || previous?.text === "?.";
      yield token("word", at + word, !member && BEFORE_VALUE.has(source.slice(at, at + word)));
      continue;
    }
    const number = /\d/.test(character) || (character === "." && /\d/.test(source[at + 1] ?? "")) ? match(NUMBER) : 0;
    if (number > 0) {
      yield token("number", at + number, false);
      continue;
    }
    if (character === '"' || character === "'") {
      let end = at + 1;
      while (end < source.length && source[end] !== character && source[end] !== "\n") end += source[end] === "\\" ? 2 : 1;
      yield token("string", end + 1, false);
      continue;
    }
    if (character === "`" || (character === "}" && open.at(-1)?.template)) {
      if (character === "}") open.pop();
      let end = at + 1;
      while (end < source.length && source[end] !== "`" && !(source[end] === "$" && source[end + 1] === "{")) end += source[end] === "\\" ? 2 : 1;
      const inside = source[end] === "$";
      yield token("template", end + (inside ? 2 : 1), inside);
      if (inside) open.push({ template: true });
      continue;
    }
    const regex = character === "/" && valueMayFollow ? match(REGEX) : 0;
    if (regex > 0) {
      yield token("regex", at + regex, false);
      continue;
    }
    if ("([{".includes(character)) {
      const block = character === "{" && (!valueMayFollow || previous === null || ";{}".includes(previous.text) || previous.text === "=>" || ["do", "else"].includes(previous.text));
      const head = character === "(" && previous?.kind === "word" && HEADS.has(previous.text);
      yield token("mark", at + 1, true);
      open.push({ block, head });
      continue;
    }
    if (")]}".includes(character)) {
      const { block = false, head = false } = open.pop() ?? {};
      yield token("mark", at + 1, character === "}" ? block : head);
      continue;
    }
    const size = ["=>", "++", "--", "?."].find((mark) => source.startsWith(mark, at))?.length ?? 1;
    const text = source.slice(at, at + size);
    // `a++ / b` divides; `++ /a/` makes no sense anyway.
    yield token("mark", at + size, text !== "++" && text !== "--" && text !== "?.");
  }
}
