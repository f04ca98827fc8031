"""The language check on short texts."""

from __future__ import annotations

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.language import LanguageCheck


@pytest.fixture(scope="module")
def french() -> LanguageCheck:
    return LanguageCheck("en", "fr")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("A sandwich.", "Un sandwich."),
        ("A cat.", "Un chat."),
        ("A woodlouse.", "Un cloporte."),
        ("A kiwi.", "Un kiwi."),
        ("A map of Madagascar.", "Une carte de Madagascar."),
    ],
)
def test_french_is_french(french: LanguageCheck, source: str, target: str) -> None:
    (finding,) = french.assess([Pair(source, target)])
    assert finding.score > 0.9, finding
    assert finding.error is None


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("A red house.", "A red house."),
        ("A brown dog.", "Ein brauner Hund."),
        ("A snowflake.", "Un snowflake."),
        ("The house is big.", "La casa es grande."),
    ],
)
def test_other_languages_are_seen(french: LanguageCheck, source: str, target: str) -> None:
    (finding,) = french.assess([Pair(source, target)])
    assert finding.score <= 0.5, finding
    assert finding.error == "wrong-language"
    assert finding.reason


def test_what_shows_no_language_is_unknown_or_fine(french: LanguageCheck) -> None:
    sandwich, digits = french.assess([Pair("sandwich", "sandwich"), Pair("12", "12")])
    assert sandwich.score == 1.0 or not sandwich.is_known
    assert not digits.is_known


def test_pairs_of_other_languages_are_unknown(french: LanguageCheck) -> None:
    findings = french.assess([Pair("A cat.", "Un gato.", target_language="es"), Pair("A cat.", "")])
    assert [finding.is_known for finding in findings] == [False, False]


def test_regions_of_the_language_count(french: LanguageCheck) -> None:
    (finding,) = french.assess([Pair("A cat.", "Un chat.", "en-GB", "fr-CA")])
    assert finding.is_known


def test_it_is_a_check(french: LanguageCheck) -> None:
    assert isinstance(french, Check)
    assert LanguageCheck("en", "es").signature != french.signature
