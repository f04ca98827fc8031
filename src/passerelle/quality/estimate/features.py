"""Findings as numbers: a column for each check's score and each of its values; and what the texts are like."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from passerelle.quality.base import Finding, Pair

TEXT = "text"
"""Under this name stands what the texts are like, which is no check: no score, but values."""

FloatArray = NDArray[np.float64]
Findings = Mapping[str, Sequence[Finding]]
"""For each check, by name, its finding about every pair."""


def feature_names(findings: Findings) -> list[str]:
    """Name all columns: ``check`` for a score, ``check.value`` for a value; sorted, so that a fit can be repeated."""
    names = set()
    for check, found in findings.items():
        names |= {check} | {f"{check}.{value}" for finding in found for value in finding.values}
    return sorted(names)


def check_of(feature: str) -> str:
    """Return the check that a column comes from."""
    return feature.partition(".")[0]


def matrix(findings: Findings, names: Sequence[str]) -> FloatArray:
    """Return the columns asked for [pairs, names]; NaN where a check can't say or isn't there."""
    rows = max((len(found) for found in findings.values()), default=0)
    table = np.full((rows, len(names)), np.nan)
    for column, name in enumerate(names):
        check, _, value = name.partition(".")
        for row, finding in enumerate(findings.get(check, ())):
            table[row, column] = finding.values.get(value, np.nan) if value else finding.score
    return table


def with_texts(findings: Findings, pairs: Sequence[Pair]) -> dict[str, Sequence[Finding]]:
    """Add what the texts are like: ``text.words``, the logarithm to base 2 of one more than the source's words."""
    values = [Finding(math.nan, values={"words": math.log2(1 + len(pair.source.split()))}) for pair in pairs]
    return {**findings, TEXT: values}
