"""`hockeypuck-plugin inspect`: what an artifact is made of."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import click

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.cli.options import ARTIFACT, manifest_option, runtimes_option
from wasmpuck.kit.cli.rendering import columns, print_json, progress
from wasmpuck.kit.compiling import author_compiler, load_code
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.kit.exports import export_type
from wasmpuck.kit.types import signature
from wasmpuck.logs import escape
from wasmpuck.trust import Artifact, VerifiedArtifact
from wasmpuck_signing import report
from wasmpuck_signing.errors import Refused

__all__ = ["inspect"]


@click.command()
@click.argument("file", type=ARTIFACT)
@manifest_option
@runtimes_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a text.")
def inspect(file: Path, manifest: Path | None, runtimes: Path | None, as_json: bool) -> None:
    """Shows what FILE is: its manifest, signatures, what it imports and exports with their types, its size by section.

    Says nothing about trust: see `verify`.
    """
    try:
        summary = report.inspect(Artifact.read(file).data)
    except Refused as problem:
        raise ArtifactRefused(Refusal(problem.code), f"{file.name}: {problem.message}", hint=problem.hint) from None
    summary |= {"imports": {}, "exports": {}}
    try:
        verified = read_artifact(file, manifest)
        with progress() as tell:
            summary |= asyncio.run(_types(verified, runtimes, tell))
    except (ArtifactRefused, UnusableFile) as problem:
        if problem.message not in summary["problems"]:
            summary["problems"].append(problem.message)
    sizes: Counter[str] = Counter()
    for section in summary["sections"]:
        sizes[f"{section['kind']} {section['name']}".rstrip()] += section["bytes"]
    summary["sizes"] = dict(sizes.most_common())
    if as_json:
        print_json(summary)
        return
    click.echo(report.as_text({**summary, "sections": []}).rpartition("\n")[0])
    for what in ("imports", "exports"):
        for name, functions in summary[what].items():
            click.echo(escape(f"{what[:-1]:<11} {name}"))
            for function, kind in functions.items():
                click.echo(escape(f"  {function}: {kind}"))
    rows = [(name, f"{size:,}", f"{100 * size / summary['bytes']:.1f}") for name, size in summary["sizes"].items()]
    columns(("section", "bytes", "%"), rows, right=(1, 2))


async def _types(verified: VerifiedArtifact, runtimes: Path | None, tell: Any) -> dict[str, Any]:
    """Imports and exports by interface: functions with their types as WIT writes them."""
    compiled = await load_code(verified, author_compiler(tell), runtimes)
    try:
        exports: dict[str, dict[str, str]] = {}
        for name in compiled.exports:
            interface, _, function = name.partition(".")
            exports.setdefault(interface, {})[function] = signature(export_type(name))
        imports = {
            interface: {function: signature(kind) for function, kind in wanted.functions.items()}
            for interface, wanted in compiled.imports.items()
            if interface in compiled.needs
        }
        return {"imports": imports, "exports": exports}
    finally:
        compiled.close()
