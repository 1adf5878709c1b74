"""Options that several commands share: which configuration, and what goes before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wasmpuck import demo
from wasmpuck.config import Configuration, load
from wasmpuck.datafolder import STATE_FILE

__all__ = ["chosen_configuration", "configuration_options", "data_folder"]

Command = TypeVar("Command", bound=Callable[..., Any])


def configuration_options(command: Command) -> Command:
    """Adds `--config FILE`, `--data DIR` and `--demo`."""
    for option in (
        click.option("--demo", "use_demo", is_flag=True, help="Use the demonstration set-up; data in .data."),
        click.option("--data", metavar="DIR", help="The data folder, whatever the file says."),
        click.option("--config", "config_file", metavar="FILE", help="The configuration, a TOML file."),
    ):
        command = option(command)
    return command


def chosen_configuration(config_file: str | None, use_demo: bool, **overrides: str | None) -> Configuration:
    """The configuration that the options name; keys of `overrides` are those of `[server]`, None is not given.

    Raises ConfigurationError, and UsageError when the options name none or two.
    """
    if config_file and use_demo:
        raise click.UsageError("--config and --demo exclude each other.")
    given = {f"server.{key}": value for key, value in overrides.items() if value is not None}
    if use_demo:
        return demo.configuration(given)
    if config_file is None:
        raise click.UsageError("Name a configuration with --config FILE, or use --demo to look around.")
    return load(config_file, given)


def data_folder(config_file: str | None, use_demo: bool, data: str | None) -> Path:
    """The data folder of a running server: the named one, else the first usual one that has a server."""
    if config_file or use_demo:
        return chosen_configuration(config_file, use_demo, dataDir=data).server.data_dir
    if data:
        return Path(data).absolute()
    usual = [load(None).server.data_dir, Path(".data").absolute()]
    return next((folder for folder in usual if (folder / STATE_FILE).exists()), usual[0])
