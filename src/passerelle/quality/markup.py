"""Markup isn't words: tags, special tokens and the bars of tables are taken out before texts are judged."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from passerelle.quality.base import Pair
from passerelle.translation.protection.protect import MASK, protect

_MARKUP = frozenset({"tag", "block-tag", "special-token", "cell-bar"})


def without_markup(pair: Pair) -> Pair:
    """Return a pair of texts without markup; one that has none is itself."""
    source, target = bare(pair.source), bare(pair.target)
    if (source, target) == (pair.source, pair.target):
        return pair
    return replace(pair, source=source, target=target)


@lru_cache(maxsize=4096)
def bare(text: str) -> str:
    """Return a text without markup."""
    if "<" not in text and "|" not in text and "[" not in text:
        return text
    protected = protect(text)
    if not any(part.name in _MARKUP for part in protected.parts):
        return text
    pieces = protected.masked.split(MASK)
    kept = pieces[0]
    for part, piece in zip(protected.parts, pieces[1:], strict=True):
        kept += (" " if part.name in _MARKUP else part.text) + piece
    lines = (" ".join(line.split()) for line in kept.split("\n"))
    return "\n".join(line for line in lines if line)
