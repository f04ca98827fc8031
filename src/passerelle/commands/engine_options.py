"""Options of an engine, as commands take them."""

from __future__ import annotations

import json
from typing import Any

import click

from passerelle.errors import ConfigError


def engine_options(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, Any]:
    """Read ``name=value`` pairs; a value is JSON, or else a word."""
    options = {}
    for pair in value:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"{pair!r} is no option of an engine: write it as in 'beams=4'.")
        try:
            options[name.strip()] = json.loads(text)
        except ValueError:
            options[name.strip()] = text
    return options
