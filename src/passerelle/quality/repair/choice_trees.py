"""Choose among candidates by boosted trees over what speaks for each and what the checks find in it.

The trees were fitted on the difference of a candidate's chrF to the mean of its own pool, so they say which candidate
of one pool is best, never how good a text is. They are numbers in a JSON file; nothing is executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from passerelle.errors import InputError
from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Pair
from passerelle.quality.checks.registry import build_checks
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.estimate import Tree, read_tree
from passerelle.quality.estimate.features import Findings, FloatArray, check_of, matrix
from passerelle.quality.evidence.freedict import Dictionary
from passerelle.quality.repair.candidates import Candidate
from passerelle.quality.repair.choose import LinearScorer, Scorer, features

FORMAT = "passerelle choice 2"
SHIPPED = "choice-{source}-{target}.json"
KINDS = ("engine", "variant", "fixed", "composed", "mended")


class TreeScorer:
    """A `Scorer` by trees."""

    def __init__(
        self, content: Mapping[str, Any], book: Dictionary, assessor: Assessor, codes: tuple[str, str]
    ) -> None:
        """Read the trees.

        Args:
            content: What a file of trees holds.
            book: Dictionaries between the languages.
            assessor: Asks the checks that the trees were fitted with.
            codes: BCP-47 codes of source and target.

        Raises:
            InputError: The file is of another format.
        """
        if content.get("format") != FORMAT:
            raise InputError(f"not trees of this version: format is {content.get('format')!r}, not {FORMAT!r}")
        self.least_lead = float(content["least_lead"])
        self._columns: list[str] = list(content["features"])
        self._medians = np.array(content["medians"], dtype=np.float64)
        self._trees: list[Tree] = [read_tree(each) for each in content["trees"]]
        self._book, self._assessor, self._codes = book, assessor, codes

    def scores(self, sources: Sequence[str], pools: Sequence[Sequence[Candidate]]) -> list[list[float]]:
        """Score each candidate.

        Raises:
            RunError: An engine or a model that a check needs failed.
        """
        pairs = [
            Pair(source, one.text, *self._codes) for source, pool in zip(sources, pools, strict=True) for one in pool
        ]
        if not pairs:
            return []
        own = [features(source, pool, self._book) for source, pool in zip(sources, pools, strict=True)]
        findings = self._assessor.assess(pairs, quiet=True)
        table = tabulate(pools, own, findings, self._columns, self._medians).astype(np.float32)
        moved = np.zeros(table.shape)
        for tree in self._trees:
            tree.add_contributions(table, moved)
        values = iter(moved.sum(axis=1).tolist())
        return [[next(values) for _ in pool] for pool in pools]


def tabulate(
    pools: Sequence[Sequence[Candidate]],
    own: Sequence[Sequence[Sequence[float]]],
    findings: Findings,
    columns: Sequence[str],
    medians: FloatArray,
) -> FloatArray:
    """Put what is known of each candidate into a table [candidates, columns].

    Args:
        pools: The candidates.
        own: The features of each pool's candidates.
        findings: What the checks found, one for each candidate.
        columns: Which figures of the checks.
        medians: What stands in for a figure that is missing [columns].

    Returns:
        The features; the checks' figures as differences to the pool's mean and as they are; the candidate's kind; the
        size of its pool.
    """
    found = matrix(findings, list(columns))
    found = np.where(np.isnan(found), medians, found)
    parts, start = [], 0
    for pool, rows in zip(pools, own, strict=True):
        here = found[start : start + len(pool)]
        start += len(pool)
        kinds = [[float(one.way == kind) for kind in KINDS] for one in pool]
        sizes = np.full((len(pool), 1), float(len(pool)))
        parts.append(np.hstack([np.array(rows), here - here.mean(axis=0), here, np.array(kinds), sizes]))
    return np.vstack(parts)


def open_scorer(source: str, target: str, book: Dictionary, engines: Engines | None = None) -> Scorer:
    """Open what chooses between two languages: the trees that ship, else the weights.

    Args:
        source: BCP-47 code of the source language.
        target: The same of the target language.
        book: Dictionaries between them.
        engines: What its checks translate with, where others have it translate too.
    """
    file = files("passerelle.data").joinpath(SHIPPED.format(source=source, target=target))
    if not file.is_file():
        return LinearScorer(book)
    content = json.loads(file.read_text(encoding="utf-8"))
    names = list(dict.fromkeys(check_of(column) for column in content["features"]))
    assessor = Assessor(build_checks(source, target, engines or Engines(), names))
    return TreeScorer(content, book, assessor, (source, target))
