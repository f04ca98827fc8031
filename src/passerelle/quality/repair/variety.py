"""Keep apart what was apart: repair gives no two instructions or questions one text, and no question another kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passerelle.quality.repair.repair import Repaired

ASKED = frozenset({"question"})
"""Fields that hold instructions and questions, whose variety a model learns from."""
SETTLED = frozenset({"memory", "phrasebook"})
"""Ways whose texts are taken from people, and may be the same for two phrasings."""
_WORD = re.compile(r"\w+")


def keep_variety(done: Sequence[Repaired]) -> list[Repaired]:
    """Undo repairs that would give two different instructions or questions one text which had two before.

    Of several that would become alike, one that repair didn't change stays, else the first. Where one gets its own text
    back, another one may have been given that meanwhile, so that this goes on until none is taken.

    Args:
        done: What became of all pairs of a file.
    """
    now = list(done)
    while True:
        owners = _owners(now)
        taken = [_is_taken(found, owners) for found in now]
        if not any(taken):
            return now
        now = [_undone(found) if is_taken else found for found, is_taken in zip(now, taken, strict=True)]


def _owners(done: Sequence[Repaired]) -> dict[str, tuple[str, str]]:
    """Return whose each question's text is: its source, and the text that it had."""
    unchanged = [found for found in done if not found.is_changed or found.way in SETTLED]
    owners: dict[str, tuple[str, str]] = {}
    for found in [*unchanged, *done]:
        if found.pair.field in ASKED:
            owners.setdefault(folded(found.text), (folded(found.pair.source), folded(found.pair.target)))
    return owners


def _is_taken(found: Repaired, owners: dict[str, tuple[str, str]]) -> bool:
    if found.pair.field not in ASKED or not found.is_changed or found.way in SETTLED:
        return False
    source, target = owners[folded(found.text)]
    return source != folded(found.pair.source) and target != folded(found.pair.target)


def _undone(found: Repaired) -> Repaired:
    return replace(found, text=found.pair.target, way="kept", after=found.before)


def folded(text: str) -> str:
    """Return a text's words in lower case, by which two texts are the same."""
    return " ".join(_WORD.findall(text.casefold()))
