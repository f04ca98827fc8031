"""The texts of a field that stand most often, and what it would give to put them right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from passerelle.quality.base import Pair
from passerelle.quality.repair.variety import ASKED

if TYPE_CHECKING:
    from passerelle.quality.audit import Example, Share

MOST = 10
"""So many texts are put right first."""
INSTRUCTION = "instruction"
_ASKS = frozenset("?？؟¿")


@dataclass(frozen=True)
class Frequent:
    """What stands most often in a field.

    Attributes:
        field: The field.
        lost: Share of its pairs that lose meaning.
        texts: Its most frequent texts with their translations, ten at most; of equally frequent ones those first that
            lose more.
        different: How many different texts with their translations it has.
        gain: Share of the field's pairs that would be put right if these were.
        of_all: The same as a share of all pairs.
    """

    field: str
    lost: Share
    texts: tuple[Example, ...]
    different: int
    gain: Share
    of_all: Share


def shown_field(pair: Pair) -> str:
    """Name a pair's field for people: what is asked without a question mark is an instruction."""
    return INSTRUCTION if pair.field in ASKED and not _ASKS & set(pair.source) else pair.field


def by_field(
    pairs: Sequence[Pair],
    losses: Sequence[float],
    equal: Sequence[Sequence[int]],
    share: Callable[[str, Sequence[float], Sequence[int]], Share],
    part: Callable[[str, Sequence[float], Sequence[bool], Sequence[int]], Share],
    example: Callable[[Sequence[int]], Example],
) -> tuple[Frequent, ...]:
    """Find what stands most often in each field.

    Args:
        pairs: All pairs.
        losses: Of each the probability that it isn't accepted, 0..1.
        equal: The places of each different pair of texts.
        share: Makes a share of values at some places, by a name.
        part: Makes the share of them that some of the pairs account for.
        example: Makes an example of a pair at its places.

    Returns:
        The fields, the largest first.
    """
    fields: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        fields.setdefault(shown_field(pair), []).append(place)
    groups: dict[str, list[list[int]]] = {name: [] for name in fields}
    for places in equal:
        inside: dict[str, list[int]] = {}
        for place in places:
            inside.setdefault(shown_field(pairs[place]), []).append(place)
        for name, ours in inside.items():
            groups[name].append(ours)
    everywhere = range(len(pairs))
    found = []
    for name in sorted(fields, key=lambda one: (-len(fields[one]), one)):
        often = sorted(groups[name], key=lambda ours: (-len(ours), -sum(losses[at] for at in ours), ours[0]))[:MOST]
        first = {place for ours in often for place in ours}
        is_in = [place in first for place in everywhere]
        found.append(
            Frequent(
                name,
                share(name, losses, fields[name]),
                tuple(map(example, often)),
                len(groups[name]),
                part("put right", losses, is_in, fields[name]),
                part("put right", losses, is_in, everywhere),
            )
        )
    return tuple(found)
