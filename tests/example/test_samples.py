"""Training samples: what is taught about a picture."""

from __future__ import annotations

from collections import Counter

import pytest

from passerelle.example import splits
from passerelle.example.samples import make_samples
from passerelle.languages.prompts import english, find_prompts
from passerelle.records import Picture, Sample

FRENCH = find_prompts("fr")
assert FRENCH is not None


@pytest.fixture(scope="module")
def pictures(stamps: list[Picture]) -> list[Picture]:
    return [p for p in stamps if splits.stored().get(p.id) == "train"]


@pytest.fixture(scope="module")
def samples(pictures: list[Picture]) -> list[Sample]:
    return make_samples(pictures, {p.id: p.captions["fr"] for p in pictures}, FRENCH, yes_no=2, which=1)


def test_turns(samples: list[Sample], pictures: list[Picture]) -> None:
    found = {p.id: p for p in pictures}
    assert len(samples) == len(pictures)
    for sample in samples:
        caption = found[sample.id].captions["fr"].text
        assert (sample.picture, sample.language, sample.origin) == (sample.id, "fr", "human-translation")
        first, yes, no, which = sample.turns
        assert (first.prompt, first.reply) == (FRENCH.caption, caption)
        assert (yes.prompt, yes.reply) == (FRENCH.ask_whether(caption), "Oui")
        assert no.reply == "Non"
        assert which.reply == caption
        assert FRENCH.inline(caption) in which.prompt


def test_no_is_about_something_else(samples: list[Sample], pictures: list[Picture]) -> None:
    wrong = 0
    for sample, picture in zip(samples, sorted(pictures, key=lambda p: p.id), strict=True):
        wrong += sample.turns[2].prompt == FRENCH.ask_whether(picture.captions["fr"].text)
    assert wrong <= 0.01 * len(samples)


def test_distractors_vary(samples: list[Sample]) -> None:
    counted = Counter(sample.turns[2].prompt for sample in samples)
    assert len(counted) > 0.4 * len(samples)


@pytest.mark.parametrize(("yes_no", "which", "turns"), [(0, 0, 1), (1, 0, 2), (4, 2, 7)])
def test_numbers_of_turns(pictures: list[Picture], yes_no: int, which: int, turns: int) -> None:
    captions = {p.id: p.captions["en"] for p in pictures}
    made = make_samples(pictures, captions, english(), yes_no=yes_no, which=which)
    assert {len(sample.turns) for sample in made} == {turns}
    replies = Counter(turn.reply for sample in made for turn in sample.turns)
    assert replies["Yes"] + replies["No"] == len(made) * yes_no
    # An odd turn is yes or no by chance: a model that only ever hears yes learns to say nothing else.
    assert 0.3 * yes_no <= replies["Yes"] / len(made) <= 0.7 * yes_no


def test_the_draw_is_repeatable(pictures: list[Picture]) -> None:
    captions = {p.id: p.captions["fr"] for p in pictures}
    made = make_samples(pictures, captions, FRENCH, seed=1)
    assert make_samples(pictures[::-1], captions, FRENCH, seed=1) == made
    assert make_samples(pictures, captions, FRENCH, seed=2) != made


def test_pictures_without_a_caption_are_left_out(pictures: list[Picture]) -> None:
    captions = {p.id: p.captions["fr"] for p in pictures[5:]}
    made = make_samples(pictures, captions, FRENCH)
    assert {sample.id for sample in made} == captions.keys()
