"""The trees that choose among candidates: read from a file, asked for all pools at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from passerelle.errors import InputError
from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Finding, Pair
from passerelle.quality.evidence.freedict import Grammar
from passerelle.quality.repair.candidates import Candidate
from passerelle.quality.repair.choice_trees import FORMAT, KINDS, TreeScorer, open_scorer, tabulate
from passerelle.quality.repair.choose import FEATURES, LinearScorer
from pools import choose


class NoBook:
    """A dictionary without words."""

    def weighed(self, word: str) -> list[tuple[str, float]]:
        return []

    def grammar(self, word: str) -> Grammar:
        return Grammar()

    def is_word(self, text: str) -> bool:
        return False


class Letters:
    """A check by the number of letters; it can't say anything of questions."""

    name, signature = "letters", "letters 1"

    def __init__(self) -> None:
        self.calls = 0

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        self.calls += 1
        return [Finding(math.nan if "?" in pair.target else len(pair.target) / 10) for pair in pairs]


def tree(feature: int, threshold: float, left: float, right: float) -> dict[str, list[float]]:
    return {
        "feature": [feature, -1, -1],
        "threshold": [threshold, 0, 0],
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "value": [0.0, left, right],
    }


POOLS = [[Candidate("abc", "engine", "one"), Candidate("abcdefg", "fixed", "one")], [Candidate("x", "engine", "one")]]


def test_the_table_holds_differences_values_kind_and_size() -> None:
    own = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]
    findings = {"letters": [Finding(0.2), Finding(0.6), Finding(math.nan)]}
    table = tabulate(POOLS, own, findings, ["letters"], np.array([0.5]))
    assert len(KINDS) == 5
    assert table.round(6).tolist() == [
        [1, 2, -0.2, 0.2, 1, 0, 0, 0, 0, 2],
        [3, 4, 0.2, 0.6, 0, 0, 1, 0, 0, 2],
        [5, 6, 0.0, 0.5, 1, 0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize(("left", "right", "best"), [(0.0, 1.0, "abcdefg"), (1.0, 0.0, "abc")])
def test_the_trees_choose_and_the_checks_are_asked_once(left: float, right: float, best: str) -> None:
    check = Letters()
    content = {
        "format": FORMAT, "features": ["letters"], "medians": [0.5], "least_lead": 2.0,
        "trees": [tree(len(FEATURES), 0.0, left, right)],
    }  # fmt: skip
    scorer = TreeScorer(content, NoBook(), Assessor([check]), ("en", "fr"))
    assert [one.text for one in choose(["a", "b"], POOLS, scorer)] == [best, "x"]
    assert check.calls == 1
    assert choose([], [], scorer) == []


def test_a_file_of_another_version_is_refused() -> None:
    with pytest.raises(InputError, match="not trees of this version"):
        TreeScorer({"format": "choice 0"}, NoBook(), Assessor([]), ("en", "fr"))


def test_languages_without_trees_go_by_weights() -> None:
    assert isinstance(open_scorer("en", "sv", NoBook()), LinearScorer)
    assert isinstance(open_scorer("en", "fr", NoBook()), TreeScorer)
