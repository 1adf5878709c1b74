#!/bin/sh
# Installs what `plugins-src/build.py` needs to build the Rust plugins, at the pinned versions, on a Debian machine. Run it as root;
# running it again changes nothing. (componentize-py, for the Python plugins, comes with the project's development extra.)
#
# Debian's compiler is used because it comes with the sources of its standard library and its bytes are the same on every
# machine; a Rust toolchain of your own, under rustup say, is left alone: nothing here is called by a bare name.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/toolchain.pins"
tools=${WASMPUCK_TOOLS:-"$here/../.tools"}

version_of() { # the first version number that a program prints; nothing when it is not there
    "$1" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/\1/p' | head -n 1
}

if [ "$(version_of /usr/bin/rustc)" != "$RUSTC" ] || [ "$(version_of /usr/bin/wasm-ld-22)" != "$WASM_LD" ] ||
    [ ! -e /usr/bin/cargo ] || [ ! -e /usr/lib/rustlib/src/rust/library/std/Cargo.toml ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends --no-remove rustc-web cargo-web rust-web-src lld-22 ca-certificates
fi

if [ "$(version_of "$tools/bin/wasm-component-ld")" != "$WASM_COMPONENT_LD" ]; then
    RUSTC=/usr/bin/rustc /usr/bin/cargo install --quiet --locked --force --root "$tools" "wasm-component-ld@$WASM_COMPONENT_LD"
fi

wrong=0
check() { # NAME, PROGRAM, PINNED VERSION
    found=$(version_of "$2")
    if [ "$found" != "$3" ]; then
        echo "$1: version $3 is pinned in plugins-src/toolchain.pins, $2 is ${found:-missing}" >&2
        wrong=1
    fi
}
check rustc /usr/bin/rustc "$RUSTC"
check wasm-ld /usr/bin/wasm-ld-22 "$WASM_LD"
check wasm-component-ld "$tools/bin/wasm-component-ld" "$WASM_COMPONENT_LD"
exit "$wrong"
