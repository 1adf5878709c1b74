#!/usr/bin/env bash
# Sets up what a recipe of the justfile needs, then runs it: ./do RECIPE [ARGUMENTS].
#
# Everything goes into .venv beside this file; only `test`, `bench`, `kill`, `plugins` and `plugins-check` may need system packages,
# which are installed when this runs as root on Debian or Ubuntu and named otherwise. A second run changes nothing and adds
# a fraction of a second. Progress goes to standard error, so that a recipe's standard output stays its own.
set -euo pipefail

unset PYTHONPATH PYTHONHOME VIRTUAL_ENV CDPATH
root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)"
cd -- "$root"
venv="$root/.venv"
export CARGO_HOME="${CARGO_HOME:-$root/.tools/cargo}"
stamps="$venv/.set-up"

say() { printf '[do] %s\n' "$*" >&2; }
fail() {
  printf '[do] error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '[do]   %s\n' "$line" >&2; done
  exit 1
}

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

refreshed=no
install_packages() {
  if [ "$refreshed" = no ]; then
    say "apt-get update"
    apt-get update -qq </dev/null >&2 || say "the package lists could not be refreshed; trying with the present ones"
    refreshed=yes
  fi
  say "apt-get install $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
}

# --- Python --------------------------------------------------------------------------------------

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 && suits "$candidate" && has_venv "$candidate"; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

need_python() {
  python="$(find_python)" && return 0
  if can_install; then
    install_packages python3 python3-venv || true
    python="$(find_python)" && return 0
    local version
    for version in 3.13 3.12 3.11; do # a release whose default Python is older or newer may carry one of these beside it
      if apt-cache show "python$version-venv" >/dev/null 2>&1; then
        install_packages "python$version" "python$version-venv" || continue
        python="$(find_python)" && return 0
      fi
    done
  fi
  fail "Python 3.11, 3.12 or 3.13 with its venv module is needed and was not found." \
    "On Debian 12 or newer, as root:  apt-get update && apt-get install -y python3 python3-venv" \
    "Elsewhere install one of these versions and name it:  PYTHON=/path/to/python3.11 ./do ${recipe}"
}

# --- the virtual environment ---------------------------------------------------------------------

digest() { sha256sum "$@" | sha256sum | cut -c1-64; }
stamp() { [ -f "$stamps/$1" ] && cat "$stamps/$1" || true; }

pip_install() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet install "$@" </dev/null >&2; }

install_lock() { # $1: run or dev
  local lock=requirements.lock
  [ "$1" = run ] || lock=requirements-dev.lock
  say "installing the versions of $lock"
  pip_install --require-hashes --no-deps --only-binary :all: -r "$lock" \
    || fail "the packages of $lock could not be installed (the lines above say why)." \
      "They come from PyPI: check the network, a proxy's settings, and the free space; then run the same command again."
  mkdir -p "$stamps"
  : >"$stamps/$1"
  : >"$stamps/run" # the development lock holds everything of the other at the same versions
}

# $1: run (what `serve` needs) or dev (everything). The locks' digest covers both files: either change makes the environment anew.
need_environment() {
  local locks project
  locks="$root $(digest requirements.lock requirements-dev.lock)"
  project="$(digest pyproject.toml)"
  if [ "$(stamp locks)" = "$locks" ] && [ "$(stamp project)" = "$project" ] && [ -f "$stamps/$1" ]; then
    return 0
  fi
  if [ "$(stamp locks)" != "$locks" ] || ! "$venv/bin/python" -c '' >/dev/null 2>&1; then
    need_python
    say "making .venv with $("$python" --version) ($python)"
    rm -rf -- "$venv"
    "$python" -m venv "$venv" >&2 || fail "$python could not make a virtual environment (the lines above say why)."
    mkdir -p "$stamps"
    printf '%s' "$locks" >"$stamps/locks"
  fi
  [ -f "$stamps/$1" ] || install_lock "$1"
  if [ "$(stamp project)" != "$project" ]; then
    say "installing Wasmpuck itself (editable)"
    pip_install --no-deps --no-build-isolation --no-index --editable . || fail "Wasmpuck itself could not be installed."
    printf '%s' "$project" >"$stamps/project"
  fi
}

# --- system packages for the tests ---------------------------------------------------------------

need_test_tools() {
  local missing=()
  command -v gpg >/dev/null 2>&1 || missing+=(gnupg)
  command -v dirmngr >/dev/null 2>&1 || missing+=(dirmngr)
  [ -r /usr/share/keyrings/debian-keyring.gpg ] || missing+=(debian-keyring)
  command -v sq >/dev/null 2>&1 || missing+=(sq)
  command -v initdb >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
  command -v chromium >/dev/null 2>&1 || missing+=(chromium)
  command -v chromedriver >/dev/null 2>&1 || missing+=(chromium-driver)
  command -v node >/dev/null 2>&1 || missing+=(nodejs)
  command -v npm >/dev/null 2>&1 || missing+=(npm)
  [ ${#missing[@]} -gt 0 ] || return 0
  if can_install; then
    install_packages "${missing[@]}" || fail "apt-get could not install ${missing[*]} (the lines above say why)."
  else
    fail "the tests need these Debian packages: ${missing[*]}" \
      "As root:  apt-get update && apt-get install -y ${missing[*]}"
  fi
}

need_compilers() {
  mkdir -p "$CARGO_HOME"
  plugins-src/toolchain.sh </dev/null >&2 \
    || fail "the compilers for the plugins could not be set up (the lines above say why)." \
      "They come from Debian's packages and crates.io. As root, on Debian 12:  plugins-src/toolchain.sh"
}

# -------------------------------------------------------------------------------------------------

recipe="${1:---list}"
case "$recipe" in
  -h | --help | help | --list)
    set -- --list
    kind=run
    ;;
  serve) kind=run ;;
  *) kind=dev ;;
esac

set_up() {
  need_environment "$kind"
  case "$recipe" in
    test)
      need_test_tools
      need_compilers
      ;;
    bench | kill) need_test_tools ;;
    plugins | plugins-check) need_compilers ;;
  esac
}

# Two commands started side by side on a fresh machine must not set up at once.
if command -v flock >/dev/null 2>&1; then
  mkdir -p .tools
  exec 9>.tools/do.lock
  flock -n 9 || { say "waiting for another ./do to finish its set-up" && flock 9; }
  set_up
  exec 9>&-
else
  set_up
fi

export PATH="$venv/bin:$PATH"
run_just=(just --justfile "$root/justfile" --working-directory "$root")
if [ "$recipe" = serve ]; then # just would report the Control-C that ends a server as an error
  shift
  read -ra server <<<"$("${run_just[@]}" --evaluate server)"
  exec "${server[@]}" "$@"
fi
exec "${run_just[@]}" "$@"
