"""Hand pairs to a check's own code language by language, those without text left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from passerelle.quality.base import UNKNOWN, Finding, Pair

Assess = Callable[[Sequence[Pair], str, str], list[Finding]]
"""Assesses pairs of one source and one target language."""


def by_languages(pairs: Sequence[Pair], assess: Assess) -> list[Finding]:
    """Assess pairs group by group.

    Args:
        pairs: Any pairs.
        assess: Gets pairs of one source and target language, both texts not blank.

    Returns:
        One finding for each pair, in order; `UNKNOWN` where a side is blank.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for row, pair in enumerate(pairs):
        if pair.source.strip() and pair.target.strip():
            groups.setdefault((pair.source_language, pair.target_language), []).append(row)
    findings = [UNKNOWN] * len(pairs)
    for (source, target), rows in groups.items():
        for row, finding in zip(rows, assess([pairs[row] for row in rows], source, target), strict=True):
            findings[row] = finding
    return findings
