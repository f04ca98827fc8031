"""The check for copied words, and the longest common run by hand."""

from __future__ import annotations

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.copied import CopiedCheck, longest_run


@pytest.fixture(scope="module")
def check() -> CopiedCheck:
    return CopiedCheck("en", "fr")


@pytest.mark.parametrize(
    ("source", "target", "copied"),
    [
        ("A woodlouse.", "Un woodlouse.", ["woodlouse"]),
        ("A helmeted guinea fowl.", "Un helmeted guinea oiseau.", ["helmeted", "guinea"]),
        ("A sandwich.", "Un sandwich.", []),
        ("A cat of Paris.", "Un chat de Paris.", []),
        ("An orange.", "Une orange.", []),
        ("A B52 bomber.", "Un bombardier B52.", []),
        ("A house on the big hill.", "A house on the big hill.", ["house", "hill"]),
    ],
)
def test_pairs(check: CopiedCheck, source: str, target: str, copied: list[str]) -> None:
    (finding,) = check.assess([Pair(source, target)])
    for word in copied:
        assert word in finding.reason
    assert (finding.score < 1) == bool(copied)
    assert finding.error == ("unknown-word" if copied else None)


def test_a_whole_copy_scores_lowest(check: CopiedCheck) -> None:
    one, whole = check.assess([Pair("A small woodlouse.", "Un petit woodlouse."), Pair("A woodlouse.", "A woodlouse.")])
    # "A" is one letter: a woodlouse is one of the source's two words, and then its only one
    assert (one.score, whole.score) == (0.5, 0.0)


def test_longest_run_by_hand() -> None:
    assert longest_run("a b c d".split(), "x b c y d".split()) == ["b", "c"]
    assert longest_run("a b".split(), "c d".split()) == []
    assert longest_run("a b a c".split(), "a c".split()) == ["a", "c"]


def test_without_source_words_it_is_unknown(check: CopiedCheck) -> None:
    (finding,) = check.assess([Pair("12", "12")])
    assert not finding.is_known


def test_it_is_a_check(check: CopiedCheck) -> None:
    assert isinstance(check, Check)
