"""How commands print results on stdout."""

from __future__ import annotations

import json
from typing import Any

import click


def print_json(value: Any) -> None:
    """Print a value as one line of JSON, letters beyond ASCII as they are."""
    click.echo(json.dumps(value, ensure_ascii=False))
