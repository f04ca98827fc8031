"""Whose published rules there are, by name and version."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from passerelle.errors import ConfigError, unknown

R = TypeVar("R")
AUTHORS, LMMS_EVAL, VLMEVALKIT, EXACT_MATCH = "authors", "lmms-eval", "vlmevalkit", "exact-match"
RULES = (LMMS_EVAL, VLMEVALKIT, AUTHORS)
"""What ``--rules`` takes."""


@cache
def peer(name: str) -> dict[str, Any]:
    """Return what is known of a peer: its version, where its rules stand, and the words that they look for."""
    known = tomllib.loads(resources.files("passerelle").joinpath("data/peer_rules.toml").read_text("utf-8"))
    found: dict[str, Any] = known[name]
    return found


def versioned(name: str) -> str:
    """Name rules for signatures: those of a peer with its version, ``lmms-eval-0.7.3``."""
    return f"{name}-{peer(name)['version']}" if name in (LMMS_EVAL, VLMEVALKIT) else name


def checked_rules(name: str) -> str:
    """Return the name of rules; empty stands for each benchmark's own.

    Raises:
        ConfigError: There are none of that name.
    """
    if name and name not in RULES:
        raise ConfigError(unknown("rules", name, RULES))
    return name


def chosen_rules(rules: Mapping[str, R], name: str) -> tuple[str, R]:
    """Return a benchmark's rules of a name, or its first where it has none of that name.

    Args:
        rules: Its rules by name; the first are those that it is scored by unless told otherwise.
        name: What was asked for.

    Returns:
        Their name and the rules.
    """
    found = name if name in rules else next(iter(rules))
    return found, rules[found]
