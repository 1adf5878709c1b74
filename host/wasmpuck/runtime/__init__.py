"""The only package that imports wasmtime: verified artifacts in, awaitable guest calls out."""
