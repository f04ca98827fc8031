"""Options of an engine, as commands take them."""

from __future__ import annotations

import json
from typing import Any

import click

from passerelle.errors import ConfigError


def engine_options(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, Any]:
    """Read ``name=value`` pairs; a value is JSON, braces as a file has them, or else a word."""
    options = {}
    for pair in value:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"{pair!r} is no option of an engine: write it as in 'beams=4'.")
        try:
            options[name.strip()] = json.loads(text)
        except ValueError:
            options[name.strip()] = _fields(text, pair) if text[:1] + text[-1:] == "{}" else text
    return options


def _fields(text: str, pair: str) -> Any:
    from passerelle.evaluation.specification import read_braces

    return read_braces(text[1:-1], "fields", pair)
