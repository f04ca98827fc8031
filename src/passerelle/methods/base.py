"""What methods are given and what they return."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from passerelle.adaptation.loop import StageRecord, Watch
from passerelle.config import Experiment
from passerelle.costs.ledger import Phase
from passerelle.errors import TrainingError
from passerelle.methods.training import Example, Schedule
from passerelle.models.prefix_tree import TokenSequence, grow_trees
from passerelle.models.vlm import VisionLanguageModel
from passerelle.records import Sample


@dataclass(frozen=True)
class TrainingData:
    """What a trained arm learns from.

    Attributes:
        samples: Returns the samples of an epoch; each epoch draws other yes/no turns.
        features: Vision features [pictures, tokens, hidden].
        rows: Row of each picture in `features`.
    """

    samples: Callable[[int], Sequence[Sample]]
    features: Tensor
    rows: dict[str, int]

    def examples(self, model: VisionLanguageModel, schedule: Schedule, seed: int, *, pictured: bool) -> list[Example]:
        """Return encoded samples in training order, epoch after epoch, as many as the schedule's budget needs.

        Args:
            model: Encodes them.
            schedule: Says how many tokens are wanted.
            seed: Shuffles each epoch.
            pictured: Without pictures, each turn is text only: the language stage's view of the same data.

        Raises:
            TrainingError: The samples are so few that one row holds them all, however often they are repeated.
        """
        examples: list[Example] = []
        seen: set[TokenSequence] = set()
        epoch = trees = 0
        while trees * schedule.nodes_per_tree < schedule.tokens + schedule.nodes_per_tree * schedule.trees_per_step:
            samples = list(self.samples(epoch))
            random.Random(seed * 1000 + epoch).shuffle(samples)
            for sample in samples:
                row = self.rows[sample.picture] if pictured and sample.picture else -1
                turns = sample.turns if pictured else sample.turns[:1]
                examples.append([model.encode(turn.prompt, turn.reply, row) for turn in turns])
            epoch += 1
            grown = len(grow_trees(examples, model.image_token, schedule.nodes_per_tree))
            drawn = {sequence for example in examples for sequence in example}
            if grown == trees and drawn == seen:
                raise TrainingError(
                    f"the training samples are too few to fill rows of {schedule.nodes_per_tree} tokens: raise "
                    "budget.pictures or lower budget.nodes_per_tree."
                )
            trees, seen = grown, drawn
        return examples


@dataclass(frozen=True)
class Training:
    """One trained arm's job.

    Attributes:
        model: A fresh base, to be changed in place.
        data: What to learn from.
        experiment: All settings.
        seed: Training seed.
        folder: Where checkpoints and the adapted parts are kept.
        stage: Opens a ledger phase for a stage of a given name.
        watch: Makes the watcher of a stage.
    """

    model: VisionLanguageModel
    data: TrainingData
    experiment: Experiment
    seed: int
    folder: Path
    stage: Callable[[str], Phase]
    watch: Callable[[str], Watch]

    def schedule(self, share: float = 1.0) -> Schedule:
        """Return the schedule for a share of the arm's budget."""
        budget = self.experiment.budget
        return Schedule(
            tokens=round(budget.tokens * share),
            nodes_per_tree=budget.nodes_per_tree,
            trees_per_step=budget.trees_per_step,
        )


Method = Callable[[Training], list[StageRecord]]
"""Adapts the model in place, saves what it learnt under the folder, and says what it did."""
