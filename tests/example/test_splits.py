"""The split: nothing held out is trained on, and the test is large enough."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path

from passerelle.example import splits
from passerelle.example.concepts import concept, words
from passerelle.records import Picture, Text


def picture(identifier: str, caption: str, *, source: str = "stamps", category: str = "animals") -> Picture:
    captions = {"en": Text(caption, "en", "native")}
    return Picture(identifier, source, category, concept(caption), Path(identifier), captions)


def test_the_test_is_large(stamps: list[Picture], emojis: list[Picture]) -> None:
    side = splits.stored()
    assert sum(side.get(p.id) == "test" and "fr" in p.captions for p in stamps) >= 300
    assert sum(side.get(p.id) == "test" and "fr" in p.captions for p in emojis) >= 350
    assert Counter(side.values())["development"] >= 100


def test_every_picture_has_a_side(stamps: list[Picture], emojis: list[Picture]) -> None:
    known = {p.id for p in stamps + emojis}
    assert {p.id for p in stamps} <= splits.stored().keys()
    assert len(known - splits.stored().keys()) <= 0.02 * len(known)


def test_no_concept_and_no_caption_on_two_sides(stamps: list[Picture], emojis: list[Picture]) -> None:
    sides: dict[str, set[str]] = defaultdict(set)
    for p in stamps + emojis:
        if side := splits.stored().get(p.id):
            sides[f"concept {p.concept}"].add(side)
            sides[f"caption {' '.join(words(p.captions['en'].text))}"].add(side)
    assert len(sides) > 1500
    assert [key for key, found in sides.items() if len(found) > 1] == []


def test_no_picture_file_on_two_sides(stamps: list[Picture], emojis: list[Picture]) -> None:
    sides: dict[str, set[str]] = defaultdict(set)
    for p in stamps + emojis:
        if side := splits.stored().get(p.id):
            sides[hashlib.sha256(p.path.read_bytes()).hexdigest()].add(side)
    assert [digest for digest, found in sides.items() if len(found) > 1] == []


def test_letters_and_coins_do_not_dominate(stamps: list[Picture], emojis: list[Picture]) -> None:
    for side in ("test", "development"):
        held = [p for p in stamps + emojis if splits.stored().get(p.id) == side]
        for prefix, most in splits.MONOTONOUS.items():
            assert sum(p.category.startswith(prefix) for p in held) <= most, (side, prefix)


def test_digest() -> None:
    content = files("passerelle.data").joinpath("splits.json").read_bytes()
    assert splits.digest() == hashlib.sha256(content).hexdigest()


def test_groups_join_what_belongs_together() -> None:
    pictures = [
        picture("a", "A red apple."),
        picture("b", "Apples", source="emoji"),
        picture("c", "A pear"),
        picture("d", "A quince"),
        picture("e", "A tree of apples and pears"),
        picture("f", "the a pear!"),
    ]
    found = splits.groups(pictures, duplicates=[("c", "d")])
    assert [[p.id for p in group] for group in found] == [["a", "b"], ["c", "d", "f"], ["e"]]


def test_divide_keeps_groups_whole_and_is_repeatable() -> None:
    names = [f"{a}{b}" for a in "bcdfghjklm" for b in ("ant", "ear", "ill", "ock", "ump", "ine")]
    pictures = [picture(f"{n}/{i}", f"A {n}") for n in names for i in range(1 + len(n) % 3)]
    pictures += [picture(f"many/{i}", "A herd") for i in range(splits.LARGEST_HELD_OUT + 1)]
    divided = splits.divide(pictures)
    assert divided == splits.divide(pictures[::-1])
    assert divided != splits.divide(pictures, seed=1)
    by_concept: dict[str, set[str]] = defaultdict(set)
    for p in pictures:
        by_concept[p.concept].add(divided[p.id])
    assert all(len(found) == 1 for found in by_concept.values())
    assert by_concept["herd"] == {"train"}
    share = sum(side == "test" for side in divided.values()) / len(divided)
    assert 0.25 < share < 0.65


def test_divide_holds_few_letters_out() -> None:
    pictures = [picture(f"l/{i}", f"sign {i}", category="symbols/alphabets/greek") for i in range(200)]
    counted = Counter(splits.divide(pictures).values())
    assert counted["test"] == splits.MONOTONOUS["symbols/alphabets"]
    assert counted["train"] >= 200 - 2 * splits.MONOTONOUS["symbols/alphabets"]


def test_conflicts_with_what_is_held_out() -> None:
    held_out = [picture("h1", "A red apple."), picture("h2", "smiling face")]
    candidates = [
        picture("c1", "apples on a table"),
        picture("c2", "Smiling face!"),
        picture("c3", "a sad face"),
        picture("c4", "a lamp"),
        picture("c5", "a chair"),
    ]
    found = splits.held_out_conflicts(candidates, held_out, {"c4": "h1", "c1": "h2"})
    assert found.keys() == {"c1", "c2", "c4"}
    assert found["c1"] == "concept 'apple' is held out"
    assert found["c4"] == "looks like h1"
