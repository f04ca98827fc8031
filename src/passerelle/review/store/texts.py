"""The page's texts, by language of the interface."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

FALLBACK = "en"


@cache
def _all() -> dict[str, Any]:
    return tomllib.loads((files("passerelle.data") / "review_texts.toml").read_text(encoding="utf-8"))


def interfaces() -> tuple[str, ...]:
    """Return the languages that the page speaks."""
    return tuple(_all())


def texts(interface: str) -> dict[str, Any]:
    """Return the texts of a language; English ones where the page doesn't speak it."""
    return dict(_all().get(interface, _all()[FALLBACK]))


def best_interface(accepted: str) -> str:
    """Return the language of the page that suits an Accept-Language header best, roughly: the first that is known."""
    for part in accepted.split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in _all():
            return code
    return FALLBACK
