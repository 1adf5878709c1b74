// Where the modules of the SDK are, for Node.js.

const PLACES = { wasmpuck: "../index.js", "wasmpuck/testing": "./index.js" };

export function resolve(specifier, context, next) {
  return Object.hasOwn(PLACES, specifier)
    ? { url: new URL(PLACES[specifier], import.meta.url).href, format: "module", shortCircuit: true }
    : next(specifier, context);
}
