"""Train, development and test: split once by concept, over all sources, and stored by id.

The stored split (`passerelle/data/splits.json`) is what every run reads. `divide` is how it was made: a
concept, a caption or a near-duplicate picture is on one side only.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from passerelle.example.concepts import words
from passerelle.records import Picture, Split

TEST_SHARE = {"stamps": 0.46, "emoji": 0.30}
DEVELOPMENT_SHARE = {"stamps": 0.10, "emoji": 0.07}
LARGEST_HELD_OUT = 8
"""A concept with more pictures than this is trained on: held out, it would dominate."""
MONOTONOUS = {
    "symbols/alphabets": 10,
    "symbols/money": 6,
    "symbols/math": 6,
    "Symbols/alphanum": 6,
    "Travel & Places/time": 6,
}
"""Categories of letters, digits and coins, and how many of each the test may hold."""


@cache
def stored() -> dict[str, Split]:
    """Return the stored split: picture id to side."""
    text = files("passerelle.data").joinpath("splits.json").read_text(encoding="utf-8")
    return {picture: side for side, pictures in json.loads(text)["splits"].items() for picture in pictures}


def digest() -> str:
    """Return the SHA-256 of the stored split file."""
    return hashlib.sha256(files("passerelle.data").joinpath("splits.json").read_bytes()).hexdigest()


def groups(pictures: Sequence[Picture], duplicates: Sequence[tuple[str, str]] = ()) -> list[list[Picture]]:
    """Join pictures that share a concept, a caption, or that `duplicates` pairs; sorted by id."""
    parent = {picture.id: picture.id for picture in pictures}

    def root(node: str) -> str:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    first: dict[str, str] = {}
    for picture in pictures:
        for key in (f"concept {picture.concept}", f"caption {_caption_key(picture)}"):
            parent[root(picture.id)] = root(first.setdefault(key, picture.id))
    for one, other in duplicates:
        parent[root(one)] = root(other)
    joined: dict[str, list[Picture]] = defaultdict(list)
    for picture in sorted(pictures, key=lambda p: p.id):
        joined[root(picture.id)].append(picture)
    return sorted(joined.values(), key=lambda group: group[0].id)


def _caption_key(picture: Picture) -> str:
    """Return what two English captions share when they differ in articles, case and punctuation only."""
    return " ".join(words(picture.captions["en"].text))


def divide(
    pictures: Sequence[Picture], duplicates: Sequence[tuple[str, str]] = (), *, seed: int = 2512
) -> dict[str, Split]:
    """Assign each picture to a side, whole groups at a time, by a hash of the group's first id."""
    sides: dict[str, Split] = {}
    room = {side: dict(MONOTONOUS) for side in ("test", "development")}
    for group in groups(pictures, duplicates):
        drawn = int(hashlib.sha256(f"{seed}/{group[0].id}".encode()).hexdigest()[:12], 16) / 16**12
        source = "stamps" if any(p.source == "stamps" for p in group) else "emoji"
        side: Split = "train"
        if len(group) <= LARGEST_HELD_OUT:
            if drawn < TEST_SHARE[source]:
                side = "test"
            elif drawn < TEST_SHARE[source] + DEVELOPMENT_SHARE[source]:
                side = "development"
        if side != "train" and not _fits(group, room[side]):
            side = "train"
        sides |= {picture.id: side for picture in group}
    return sides


def _fits(group: Sequence[Picture], room: dict[str, int]) -> bool:
    needed: dict[str, int] = defaultdict(int)
    for picture in group:
        for prefix in room:
            needed[prefix] += picture.category.startswith(prefix)
    if any(count > room[prefix] for prefix, count in needed.items()):
        return False
    for prefix, count in needed.items():
        room[prefix] -= count
    return True


def held_out_conflicts(
    candidates: Sequence[Picture], held_out: Sequence[Picture], near_duplicates: Mapping[str, str]
) -> dict[str, str]:
    """Return the candidates for training that would leak a held-out picture, each with the reason.

    Args:
        candidates: Pictures of any source.
        held_out: The development and test pictures.
        near_duplicates: Candidate id to the held-out picture that it looks like.
    """
    concepts = {picture.concept for picture in held_out}
    captions = {_caption_key(picture) for picture in held_out}
    conflicts = {}
    for picture in candidates:
        caption = _caption_key(picture)
        if picture.concept in concepts:
            conflicts[picture.id] = f"concept {picture.concept!r} is held out"
        elif caption in captions:
            conflicts[picture.id] = f"caption {caption!r} is held out"
        elif picture.id in near_duplicates:
            conflicts[picture.id] = f"looks like {near_duplicates[picture.id]}"
    return conflicts
