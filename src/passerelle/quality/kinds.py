"""What a translation loses, by kind: each holds classes of errors, and each class is in one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from passerelle.quality.base import ErrorClass

UNNAMED = "not-named"
"""What is lost of pairs that no check names a kind for."""


@dataclass(frozen=True)
class Kind:
    """A kind of loss.

    Attributes:
        classes: The classes of errors that are of it; the first one stands for it.
        says: What it is, in a few words.
    """

    classes: tuple[ErrorClass, ...]
    says: str


@cache
def kinds() -> Mapping[str, Kind]:
    """Return the kinds by name (``passerelle/data/kinds.toml``)."""
    table = tomllib.loads(files("passerelle.data").joinpath("kinds.toml").read_text(encoding="utf-8"))
    return {name: Kind(tuple(content["classes"]), content["says"]) for name, content in table.items()}


def kind_of(error: ErrorClass | None) -> str:
    """Return the kind that a class of errors is of; empty without one."""
    return next((name for name, kind in kinds().items() if error in kind.classes), "")
