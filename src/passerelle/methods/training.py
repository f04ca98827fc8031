"""Training on prefix trees: samples that share a picture are computed as one row, over cached features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from passerelle.adaptation.checkpoints import Checkpoints
from passerelle.adaptation.loop import Rates, StageRecord, Watch, make_trainable, train
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.models.prefix_tree import TokenSequence, TreeBatch, collate, grow_trees
from passerelle.models.vlm import VisionLanguageModel

Example = Sequence[TokenSequence]
Objective = Callable[[Tensor, TreeBatch], Tensor]
"""From the log-likelihood of each target token [targets] and its batch to the loss."""


def mean_loss(logprobs: Tensor, batch: TreeBatch) -> Tensor:
    """Return the mean negative log-likelihood of the target tokens."""
    return -logprobs.mean()


@dataclass(frozen=True)
class Schedule:
    """How long and in which portions to train.

    Attributes:
        tokens: Budget: tokens that the language model computes, shared prefixes once.
        nodes_per_tree: Tokens of one row.
        trees_per_step: Rows of one step.
        rates: How the learning rate goes.
    """

    tokens: int
    nodes_per_tree: int = 96
    trees_per_step: int = 8
    rates: Rates = Rates()


def plan(examples: Sequence[Example], image_token: int, schedule: Schedule) -> list[list[list[int]]]:
    """Divide examples, in their order, into steps of trees until the budget is spent.

    Returns:
        For each step, for each tree, the indices of its examples.
    """
    trees = grow_trees(examples, image_token, schedule.nodes_per_tree)
    steps = [trees[i : i + schedule.trees_per_step] for i in range(0, len(trees), schedule.trees_per_step)]
    planned, spent = [], 0
    for step in steps:
        if spent >= schedule.tokens:
            break
        planned.append(step)
        spent += len(step) * schedule.nodes_per_tree
    return planned


@dataclass(frozen=True)
class _Trees:
    """One step: trees that are computed in one batch."""

    model: VisionLanguageModel
    features: Tensor
    objective: Objective
    sequences: Sequence[Sequence[TokenSequence]]
    samples: int

    @cached_property
    def batch(self) -> TreeBatch:
        return collate(self.sequences, self.model.image_token, self.model.end_token)

    @property
    def tokens(self) -> int:
        return self.batch.nodes

    def loss(self) -> Tensor:
        return self.objective(self.model.target_logprobs(self.batch, self.features), self.batch)

    def halves(self) -> Sequence[_Trees]:
        return ()  # an objective may compare what is in one batch


@dataclass(frozen=True)
class TreeFeed:
    """Examples as steps of trees.

    Attributes:
        model: The model.
        features: Vision features [pictures, tokens, hidden].
        objective: What is made small.
        examples: For each example its token sequences, which share a picture.
        steps: For each step, for each tree, the indices of its examples.
    """

    model: VisionLanguageModel
    features: Tensor
    objective: Objective
    examples: Sequence[Example]
    steps: Sequence[Sequence[Sequence[int]]]

    def __len__(self) -> int:
        return len(self.steps)

    def parts(self, step: int) -> Iterator[_Trees]:
        """Return the step's one batch."""
        trees = self.steps[step]
        sequences = [[s for example in tree for s in self.examples[example]] for tree in trees]
        yield _Trees(self.model, self.features, self.objective, sequences, sum(map(len, trees)))


def train_stage(
    model: VisionLanguageModel,
    name: str,
    groups: Sequence[ParameterGroup],
    examples: Sequence[Example],
    features: Tensor,
    schedule: Schedule,
    *,
    checkpoint: Path | None = None,
    checkpoint_steps: int = 25,
    objective: Objective = mean_loss,
    watch: Watch | None = None,
) -> StageRecord:
    """Train the given parameters, and nothing else, on examples in their order.

    Args:
        model: The model; parameters in `groups` are changed in place.
        name: Name of the stage, for its record.
        groups: What is trained, and how fast.
        examples: For each example its token sequences, which share a picture.
        features: Vision features [pictures, tokens, hidden].
        schedule: Budget and portions.
        checkpoint: Folder to save to and to go on from.
        checkpoint_steps: Steps from one checkpoint to the next.
        objective: What is made small.
        watch: Told the loss of each step.

    Returns:
        What was done: steps, tokens, operations, losses.

    Raises:
        TrainingError: The loss isn't finite, or there is nothing to train (on).
    """
    record = StageRecord(name)
    make_trainable(model.model, groups, record)
    feed = TreeFeed(model, features, objective, examples, plan(examples, model.image_token, schedule))
    checkpoints = Checkpoints(checkpoint, checkpoint_steps) if checkpoint else None
    return train(feed, groups, record, schedule.rates, checkpoints=checkpoints, watch=watch)
