# The project's recipes. Run them as `./do RECIPE`, which sets up what each needs; `just RECIPE` works in a set-up checkout.

set positional-arguments
set shell := ["bash", "-euo", "pipefail", "-c"]

export PATH := justfile_directory() / ".venv/bin" + ":" + env("PATH")

[private]
default:
    @just --list

server := "wasmpuck serve --demo"

# Run a server with embedded defaults: SQLite in .data, demonstration keys, both demonstration plugins.
serve *arguments:
    @{{ server }} "$@"

# Run all tests; arguments go to pytest (`./do test tests/http -k lookup`).
test *arguments:
    @python -m pytest "$@"

# Check style, types and the layers of the imports.
lint:
    ruff check .
    ruff format --check .
    mypy
    lint-imports --no-cache

# Bring the source into the project's format and mend what ruff can mend.
format:
    ruff check --fix-only .
    ruff format .

# Measure, print a table and write bench/results.json.
bench *arguments:
    @PYTHONPATH=tests python -m bench "$@"

# Soak a server for SECONDS (600): the whole zoo beside honest plugins and gpg, a table, bench/soak.json.
soak *arguments:
    @PYTHONPATH=tests python -m soak "$@"

# Kill servers and loadings with `kill -9` TIMES (50) times, on SQLite and PostgreSQL, and look at what is left.
kill *times:
    @WASMPUCK_KILLS="${1:-50}" python -m pytest tests/e2e/test_kill.py

# Build, sign and write the plugins to plugins-dist/.
plugins *arguments:
    @python plugins-src/build.py "$@"

# Build the plugins anew elsewhere, compare them with plugins-dist/, and run their own tests.
plugins-check *arguments:
    @python plugins-src/build.py --check "$@"
    @python plugins-src/build.py --test "$@"

# Write the reference pages, then check the documentation: commands, links, examples, version numbers.
docs:
    @python docs/generate.py
    @python -m pytest tests/house

# Fuzz the key processing for some seconds (60 unless given); needs PyPI for atheris and Python 3.11. Findings stay in .tools/fuzz.
fuzz *arguments:
    #!/usr/bin/env bash
    set -euo pipefail
    fuzz="$PWD/.tools/fuzz"
    if [ ! -x "$fuzz/venv/bin/python" ]; then
        python -m venv "$fuzz/venv"
        "$fuzz/venv/bin/python" -m pip --disable-pip-version-check --quiet install --only-binary :all: atheris==3.0.0
    fi
    mkdir -p "$fuzz/corpus" "$fuzz/found"
    packages="$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    export PYTHONPATH="$PWD/host:$PWD/tests:$packages"
    "$fuzz/venv/bin/python" -m fuzz.seeds "$fuzz/corpus"
    exec nice -n 19 "$fuzz/venv/bin/python" -m fuzz.run "$fuzz/corpus" "-max_total_time=${1:-60}" -max_len=9000 -timeout=120 \
        -rss_limit_mb=2048 "-artifact_prefix=$fuzz/found/" -print_final_stats=1

# Resolve the dependencies anew into both locks (needs PyPI). Give `--upgrade` to take newer versions than the present locks hold.
lock *arguments:
    #!/usr/bin/env bash
    set -euo pipefail
    if [ ! -x .tools/uv/bin/uv ]; then
        python -m venv .tools/uv
        .tools/uv/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.9'
    fi
    compile() {
        .tools/uv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --group bootstrap --generate-hashes \
            --only-binary :all: --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet "$@"
    }
    compile --output-file requirements.lock "$@" > /dev/null
    compile --extra dev --constraints requirements.lock --output-file requirements-dev.lock "$@" > /dev/null
    echo "requirements.lock: $(grep -c == requirements.lock) packages, requirements-dev.lock: $(grep -c == requirements-dev.lock)"
