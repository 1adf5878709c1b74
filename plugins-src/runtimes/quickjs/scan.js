// Finds the `import` and `export` statements of a file: enough of JavaScript's lexical grammar to know what is code, no more.
//
// The engine evaluates no ES modules after its build, so `rewrite.js` makes functions of them. What is no JavaScript at all is left for the
// engine to complain about. JavaScript that looks at each character costs this engine about 5,000 instructions for each, while `indexOf` costs one
// or two; so `statements` looks at the words alone, and reads the file only when a word is where it could be text.

// Behind these words a `/` begins a regular expression, and a `{` an object.
const BEFORE_VALUE = new Set(["return", "typeof", "instanceof", "in", "of", "new", "delete", "void", "throw", "case", "do", "else", "yield", "await", "default", "extends"]);
const HEADS = new Set(["if", "while", "for", "with"]);

const [TAB, LF, CR, SPACE, QUOTE, DOLLAR, APOSTROPHE, STAR, DOT, SLASH] = Array.from("\t\n\r \"$'*./", (one) => one.charCodeAt(0));
const PARENTHESIS = 40;
const [BRACKET, BACKSLASH, BRACKET_END, LOW, TICK, BRACE, BRACE_END, HASH] = Array.from("[\\]_`{}#", (one) => one.charCodeAt(0));

const isBreak = (code) => code === LF || code === CR || code === 0x2028 || code === 0x2029;
const isSpace = (code) => code === SPACE || (code >= TAB && code <= CR) || code === 0xa0 || code === 0xfeff || code === 0x2028 || code === 0x2029;
const isDigit = (code) => code >= 48 && code <= 57;

/** Letters, digits, `_`, `$`, and anything beyond ASCII that is no space. */
const isWord = (code) =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || isDigit(code) || code === LOW || code === DOLLAR || (code > 0x7f && !isSpace(code));

/** Where a text in quotes ends: behind the quote, or at a line break that must not be there. */
function endOfText(source, at, quote) {
  let end = at + 1;
  for (let code = source.charCodeAt(end); code !== quote && code !== LF && end < source.length; code = source.charCodeAt(end)) {
    end += code === BACKSLASH ? 2 : 1;
  }
  return end + 1;
}

/** Where a regular expression ends, its flags included; `at` where there is none. */
function endOfRegex(source, at) {
  let inside = false;
  for (let end = at + 1; end < source.length; end++) {
    const code = source.charCodeAt(end);
    if (isBreak(code)) return at;
    if (code === BACKSLASH) end += 1;
    else if (code === BRACKET) inside = true;
    else if (code === BRACKET_END) inside = false;
    else if (code === SLASH && !inside) {
      do end += 1;
      while (isWord(source.charCodeAt(end)));
      return end;
    }
  }
  return at;
}

/** Where a piece of a template ends: behind the tick, or behind `${`. */
function endOfTemplate(source, at) {
  for (let end = at + 1; end < source.length; end++) {
    const code = source.charCodeAt(end);
    if (code === BACKSLASH) end += 1;
    else if (code === TICK) return { end: end + 1, inside: false };
    else if (code === DOLLAR && source.charCodeAt(end + 1) === BRACE) return { end: end + 2, inside: true };
  }
  return { end: source.length, inside: false };
}

/** The tokens of `source` from an offset: `{kind, text, at, depth, newline, previous}` each; kinds: word, number, string, template, regex, mark. */
export function* tokens(source, from = 0) {
  const open = []; // for each bracket: whether it is a block's, a condition's, or a template's
  let at = from;
  let newline = true;
  let previous = null;
  let valueMayFollow = true;

  const token = (kind, end, value) => {
    previous = { kind, text: source.slice(at, end), at, depth: open.length, newline, previous };
    at = end;
    newline = false;
    valueMayFollow = value;
    return previous;
  };

  while (at < source.length) {
    const code = source.charCodeAt(at);
    if (isSpace(code)) {
      if (isBreak(code)) newline = true;
      at += 1;
    } else if (isWord(code) || code === HASH || code === BACKSLASH) {
      let end = at + 1;
      if (isDigit(code)) while (isWord(source.charCodeAt(end)) || source.charCodeAt(end) === DOT) end += 1;
      else while (isWord(source.charCodeAt(end)) || source.charCodeAt(end) === BACKSLASH) end += 1;
      const member = previous?.text === "." || previous?.text === "?.";
      yield token(isDigit(code) ? "number" : "word", end, !member && BEFORE_VALUE.has(source.slice(at, end)));
    } else if (code === QUOTE || code === APOSTROPHE) yield token("string", endOfText(source, at, code), false);
    else if (code === TICK || (code === BRACE_END && open.at(-1)?.template)) {
      if (code === BRACE_END) open.pop();
      const { end, inside } = endOfTemplate(source, at);
      yield token("template", end, inside);
      if (inside) open.push({ template: true });
    } else if (code === SLASH && source.charCodeAt(at + 1) === SLASH) {
      do at += 1;
      while (at < source.length && !isBreak(source.charCodeAt(at)));
    } else if (code === SLASH && source.charCodeAt(at + 1) === STAR) {
      const end = source.indexOf("*/", at + 2);
      if (end < 0) return;
      newline ||= source.slice(at, end).includes("\n");
      at = end + 2;
    } else {
      const regex = code === SLASH && valueMayFollow ? endOfRegex(source, at) : at;
      const mark = source[at];
      if (regex > at) yield token("regex", regex, false);
      else if (mark === "(" || mark === "[" || mark === "{") {
        const before = previous?.text;
        const block = mark === "{" && (!valueMayFollow || before === undefined || [";", "{", "}", "=>", "do", "else"].includes(before));
        const head = mark === "(" && previous?.kind === "word" && HEADS.has(before);
        yield token("mark", at + 1, true);
        open.push({ block, head });
      } else if (mark === ")" || mark === "]" || mark === "}") {
        const { block = false, head = false } = open.pop() ?? {};
        yield token("mark", at + 1, mark === "}" ? block : head);
      } else {
        const size = ["=>", "++", "--", "?."].some((long) => source.startsWith(long, at)) ? 2 : 1;
        // `a++ / b` divides; `++ /a/` makes no sense anyway.
        yield token("mark", at + size, !["++", "--", "?."].includes(source.slice(at, at + size)));
      }
    }
  }
}

/** What a whole file says: the offsets of its statements, and of a use of `import()`. */
function careful(source) {
  const found = [];
  for (const { kind, text, at, depth, previous } of tokens(source)) {
    if (kind !== "word" || (text !== "import" && text !== "export") || previous?.text === "." || previous?.text === "?.") continue;
    const dynamic = text === "import" && source.slice(at + 6).trimStart().startsWith("(");
    if (dynamic) return { found, dynamic: at };
    if (depth === 0) found.push(at);
  }
  return { found, dynamic: -1 };
}

/** Whether a word at the beginning of a line may be inside a template or a comment. */
function doubtful(source, at) {
  const comment = source.lastIndexOf("/*", at);
  if (comment >= 0 && !source.slice(comment, at).includes("*/")) return true;
  return source.slice(0, at).split("`").length % 2 === 0;
}

/** `{found, dynamic}`: the offsets of the `import` and `export` statements, in ascending order, and of the first `import()`, or -1. */
export function statements(source) {
  const found = [];
  for (const word of ["import", "export"]) {
    for (let at = source.indexOf(word); at >= 0; at = source.indexOf(word, at + 6)) {
      const before = at === 0 ? LF : source.charCodeAt(at - 1);
      const after = source.charCodeAt(at + 6);
      if (isWord(before) || isWord(after) || before === DOT) continue;
      const line = source.slice(source.lastIndexOf("\n", at) + 1, at);
      if (line.includes("//") || line.trimStart().startsWith("* ")) continue; // a comment; or a text, which is as good
      if (line !== "" || after === PARENTHESIS || doubtful(source, at)) return careful(source);
      found.push(at);
    }
  }
  return { found: found.sort((a, b) => a - b), dynamic: -1 };
}
