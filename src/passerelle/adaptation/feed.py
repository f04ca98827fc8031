"""The samples of a stage as steps that hold what the mix holds, each of batches of like length."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from passerelle.adaptation.processes import ALONE, Processes
from passerelle.models.batches import RowBatch
from passerelle.models.conversing import Encoded
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.vision_cache import VisionFeatures

_STEPS_SORTED = 32
"""Steps among which rows are sorted where groups of them are to be kept together."""


@dataclass(frozen=True)
class RowFeed:
    """Steps of batches.

    Attributes:
        pretrained: The model.
        vision: Features of the pictures.
        rows: All rows.
        steps: For each step, for each batch, the indices of its rows.
        processes: Which share the batches among them.
    """

    pretrained: PretrainedModel
    vision: VisionFeatures
    rows: Sequence[Encoded]
    steps: Sequence[Sequence[Sequence[int]]]
    processes: Processes = ALONE
    _begun: dict[int, list[RowBatch]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.steps)

    def parts(self, step: int) -> Iterator[RowBatch]:
        """Return the batches of a step that this process computes; what the next one needs is got ready meanwhile."""
        own = self._begun.pop(step, None) or self._batches(step)
        later = self._begun[step + 1] = self._batches(step + 1)
        for batch, following in zip(own, [*own[1:], later[0] if later else None], strict=False):
            batch.following = following
            self.vision.ahead(row.images for row in (following.rows if following else ()))
            yield batch

    def _batches(self, step: int) -> list[RowBatch]:
        """Return the batches of a step that are this process's; none behind the last step."""
        if step >= len(self):
            return []
        targets = sum(self.rows[index].targets for batch in self.steps[step] for index in batch)
        shared = self.steps[step][self.processes.index :: self.processes.count]
        chosen = ([self.rows[index] for index in batch] for batch in shared)
        return [RowBatch(self.pretrained, self.vision, rows, targets) for rows in chosen]


def plan_steps(
    lengths: Sequence[int], batch: int, batches: int, steps: int, seed: int, groups: Sequence[Hashable] = ()
) -> list[list[list[int]]]:
    """Divide rows, in their order, into steps, and the rows of a step into batches of like length.

    Without groups a step's rows are those that follow each other, so that each step holds the mix that the rows hold.
    Sorted among many steps, one step held long captions alone and the next yes and no alone, and the model swung
    from one to the other.

    Args:
        lengths: Tokens of each row.
        batch: Rows of a batch.
        batches: Batches of a step.
        steps: Steps; rows that are left over aren't used.
        seed: Shuffles the steps among which groups were sorted.
        groups: What rows are to be kept together by, such as their pictures; nothing: no row by another.
    """
    drawn = random.Random(seed)
    planned: list[list[list[int]]] = []
    size = batch * batches * (_STEPS_SORTED if groups else 1)
    for start in range(0, len(lengths), size):
        bucket = _sorted(range(start, min(start + size, len(lengths))), lengths, groups)
        cut = [bucket[at : at + batch] for at in range(0, len(bucket), batch)]
        grouped = [cut[at : at + batches] for at in range(0, len(cut), batches)]
        drawn.shuffle(grouped)
        planned += grouped
    return planned[:steps]


def _sorted(rows: Iterable[int], lengths: Sequence[int], groups: Sequence[Hashable]) -> list[int]:
    """Return rows by length, those of a group behind each other, where its longest belongs."""
    members: dict[Hashable, list[int]] = {}
    for row in rows:
        members.setdefault(groups[row] if groups else row, []).append(row)
    by_length = sorted(members.values(), key=lambda group: (max(lengths[row] for row in group), group[0]))
    return [row for group in by_length for row in group]
