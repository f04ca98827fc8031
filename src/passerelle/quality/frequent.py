"""The texts of a field that stand most often, and what it would give to put them right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from passerelle.quality.base import Pair
from passerelle.quality.repair.variety import ASKED

if TYPE_CHECKING:
    from passerelle.quality.audit import Example
    from passerelle.quality.shares import Share

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
