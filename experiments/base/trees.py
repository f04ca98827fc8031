"""Training on prefix trees: turns about one picture, and captions of a group of pictures, are computed as one line."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerelle.adaptation.checkpoints import Checkpoints
from passerelle.adaptation.loop import Rates, StageRecord, Watch, make_trainable, train
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.models.batches import layout_logprobs
from passerelle.models.conversing import Encoded
from passerelle.models.layouts import Layout, merged
from passerelle.models.prefix_tree import PrefixTree
from passerelle.models.pretrained import PretrainedModel

Example = Sequence[Encoded]
"""Rows that are never put into different trees."""
Objective = Callable[[Tensor, Tensor], Tensor]
"""From the log-likelihood of each target token and the row that it belongs to [targets] to the loss."""


def mean_loss(logprobs: Tensor, owners: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of the target tokens."""
    return -logprobs.mean()


@dataclass(frozen=True)
class Schedule:
    """How long and in which portions to train.

    Attributes:
        tokens: Budget: tokens that the language model computes, shared prefixes once.
        nodes_per_tree: Tokens of one tree.
        trees_per_step: Trees of one step.
    """

    tokens: int
    nodes_per_tree: int
    trees_per_step: int = 8


class AlignedFeatures:
    """Stands for vision features: rows of aligned ones, read by a layer that is trained.

    A picture is called by the number of its row.

    Args:
        rows: Aligned features [rows, tokens, width].
        reader: Takes them to the language model's inputs.
    """

    def __init__(self, rows: Tensor, reader: torch.nn.Module) -> None:
        self.rows = rows
        self.reader = reader

    def outputs(self, shown: Iterable[Sequence[Path]]) -> dict[str, Any]:
        """Return what forward takes as ``mm_encoder_outputs``, with gradients."""
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        chosen = self.rows[[int(picture.name) for row in shown for picture in row]]
        read = self.reader(chosen.to(next(self.reader.parameters()).dtype))
        return {"image": BaseModelOutputWithPooling(pooler_output=read.flatten(0, 1)[None])}


def grow_trees(examples: Iterable[Example], image_token: int, max_nodes: int) -> list[list[int]]:
    """Divide examples, in their order, among trees of about `max_nodes` tokens.

    A tree takes examples until it would be larger; one example alone may be.

    Returns:
        For each tree the indices of its examples.
    """
    trees: list[list[int]] = []
    tree: PrefixTree[Hashable] = PrefixTree()
    for index, example in enumerate(examples):
        _add(tree, example, image_token)
        if trees and len(tree) <= max_nodes:
            trees[-1].append(index)
            continue
        if trees:
            tree = PrefixTree()
            _add(tree, example, image_token)
        trees.append([index])
    return trees


def _add(tree: PrefixTree[Hashable], example: Example, image_token: int) -> None:
    for row in example:
        tokens = row.tokens["input_ids"].tolist()
        tree.add(tokens, [row.images if token == image_token else None for token in tokens])


def plan(examples: Sequence[Example], image_token: int, schedule: Schedule) -> list[list[list[int]]]:
    """Divide examples, in their order, into steps of trees until the budget is spent.

    Returns:
        For each step, for each tree, the indices of its examples.
    """
    trees = grow_trees(examples, image_token, schedule.nodes_per_tree)
    steps = [trees[at : at + schedule.trees_per_step] for at in range(0, len(trees), schedule.trees_per_step)]
    planned, spent = [], 0
    for step in steps:
        if spent >= schedule.tokens:
            break
        planned.append(step)
        spent += len(step) * schedule.nodes_per_tree
    return planned


@dataclass(frozen=True)
class Trees:
    """One step: trees that are computed in one batch.

    Attributes:
        feed: What they are of.
        trees: For each tree the indices of its examples.
    """

    feed: TreeFeed
    trees: Sequence[Sequence[int]]

    @property
    def samples(self) -> int:
        """Examples."""
        return sum(map(len, self.trees))

    @cached_property
    def _rows(self) -> list[list[Encoded]]:
        return [[row for index in tree for row in self.feed.examples[index]] for tree in self.trees]

    @cached_property
    def layout(self) -> Layout:
        """How the rows are laid out."""
        rows = [row for tree in self._rows for row in tree]
        numbers = iter(range(len(rows)))
        return merged(self.feed.pretrained, rows, [[next(numbers) for _ in tree] for tree in self._rows])

    @property
    def tokens(self) -> int:
        """Tokens that are computed, without padding."""
        return self.layout.tokens

    def loss(self) -> Tensor:
        """Return the step's loss."""
        targets = torch.tensor([row.targets for tree in self._rows for row in tree])
        owners = torch.arange(len(targets)).repeat_interleave(targets)
        vision: Any = self.feed.vision
        return self.feed.objective(layout_logprobs(self.feed.pretrained, vision, self.layout), owners)

    def while_computed(self) -> None:
        """Do nothing: the next trees are made when they are asked for."""

    def halves(self) -> Sequence[Trees]:
        """Return nothing: an objective may compare what is in one batch."""
        return ()


@dataclass(frozen=True)
class TreeFeed:
    """Examples as steps of trees.

    Attributes:
        pretrained: The model.
        vision: Features of the rows.
        objective: What is made small.
        examples: The examples.
        steps: For each step, for each tree, the indices of its examples.
    """

    pretrained: PretrainedModel
    vision: AlignedFeatures
    objective: Objective
    examples: Sequence[Example]
    steps: Sequence[Sequence[Sequence[int]]]

    def __len__(self) -> int:
        return len(self.steps)

    def parts(self, step: int) -> Iterator[Trees]:
        """Return the step's one batch."""
        yield Trees(self, self.steps[step])


def train_stage(
    pretrained: PretrainedModel,
    name: str,
    groups: Sequence[ParameterGroup],
    examples: Sequence[Example],
    vision: AlignedFeatures,
    schedule: Schedule,
    *,
    checkpoint: Path | None = None,
    checkpoint_steps: int = 25,
    objective: Objective = mean_loss,
    watch: Watch | None = None,
) -> StageRecord:
    """Train the given parameters on examples in their order, or go on where an earlier run was stopped.

    Args:
        pretrained: The model.
        name: Name of the stage, for its record.
        groups: What is trained, and how fast.
        examples: The examples.
        vision: Features of their rows.
        schedule: Budget and portions.
        checkpoint: Folder to save to and to go on from.
        checkpoint_steps: Steps from one checkpoint to the next.
        objective: What is made small.
        watch: Told the loss of each step.
    """
    record = StageRecord(name)
    make_trainable(pretrained.model, groups, record)
    steps = plan(examples, pretrained.image_token, schedule)
    feed = TreeFeed(pretrained, vision, objective, examples, steps)
    checkpoints = Checkpoints(checkpoint, checkpoint_steps) if checkpoint else None
    return train(feed, groups, record, Rates(), checkpoints=checkpoints, watch=watch)
