"""The example cards: who was right, in which language, and whether the arms agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from passerelle.report.examples import Example, read_examples
from passerelle.report.parse import read_results


def read_one(example: dict[str, Any], target: str = "fr") -> Example:
    """Read one example without a picture."""
    arms = [{"name": "english", "title": "English base"}, {"name": "pipeline", "title": "Pipeline"}]
    contents = read_results({"target": target, "target_name": "French", "arms": arms, "examples": [example]})
    return read_examples(contents, Path("/nonexistent"))[0]


@pytest.mark.parametrize(
    ("target", "correct", "english", "pipeline", "expected"),
    [
        ("fr", "Oui", "Yes", "Oui.", [True, True]),
        ("fr", "Non", "yes", "oui", [False, False]),
        ("fr", "Oui", "maybe", "Yes", [None, False]),
        ("is", "Já", "Yes", "Já", [None, True]),
        ("fr", "", "Yes", "Oui", [None, None]),
    ],
)
def test_words_are_judged_in_their_language(
    target: str, correct: str, english: str, pipeline: str, expected: list[bool | None]
) -> None:
    said = {"pipeline": pipeline, "english": english}
    example = read_one({"yes_no": [{"question": {"human": "?"}, "correct": correct, "said": said}]}, target)
    assert [item.is_right for item in example.yes_no[0].said] == expected
    assert [item.language for item in example.yes_no[0].said] == ["en", target]


@pytest.mark.parametrize(
    ("picked", "outcome"),
    [
        ({"pipeline": 1, "lora-mt": 1, "english": 0}, "all-right"),
        ({"pipeline": 0, "lora-mt": 0}, "all-wrong"),
        ({"pipeline": 0, "lora-mt": 1}, "disagree"),
        ({"english": 1}, ""),
        ({}, ""),
    ],
)
def test_the_english_reference_has_no_vote(picked: dict[str, int], outcome: str) -> None:
    assert read_one({"choice": {"correct": 1, "picked": picked}}).outcome == outcome


def test_each_arm_is_shown_the_options_that_it_read() -> None:
    options = {"human": ["un merle", "un chat"], "english": ["a blackbird", "a cat"]}
    choice = {"options": options, "correct": 1, "picked": {"pipeline": 1, "english": 0, "gone": 7}}
    picks = read_one({"choice": choice}).picks
    assert [(p.arm, p.picked, p.is_right, p.language) for p in picks] == [
        ("english", "a blackbird", False, "en"),
        ("pipeline", "un chat", True, "fr"),
        ("gone", "option 8", False, "fr"),
    ]


def test_what_each_arm_mended_or_lost_is_told_by_the_model_as_it_is() -> None:
    arms = [{"name": name, "title": name} for name in ("english", "zero-shot", "pipeline", "lora")]
    choice = {"correct": 1, "picked": {"english": 0, "zero-shot": 0, "pipeline": 1, "lora": 0}}
    asked = {
        "question": {"human": "?"},
        "correct": "Oui",
        "said": {"zero-shot": "Oui", "pipeline": "Oui", "lora": "Non"},
    }
    example = {"choice": choice, "yes_no": [asked], "wrong_language": ["lora", "english"]}
    found = read_examples(read_results({"target": "fr", "arms": arms, "examples": [example]}), Path("/nonexistent"))[0]
    assert (found.mended, found.lost, found.wrong_language) == (("pipeline",), ("lora",), ("lora",))
    assert found.tags == ["disagree", "language", "mended:pipeline", "lost:lora"]
