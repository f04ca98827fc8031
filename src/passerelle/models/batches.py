"""Rows of tokens as one batch over features computed before, and the log-likelihood of what is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from passerelle.models.conversing import Encoded
from passerelle.models.layouts import Layout, lay_out
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.vision_cache import VisionFeatures

LINES = 32
"""So many tokens' likelihoods of all words are computed at once on a processor."""


@dataclass(eq=False)
class RowBatch:
    """Rows that go through the model at once.

    Attributes:
        pretrained: The model.
        vision: Features of the rows' pictures.
        rows: The rows.
        targets: Tokens that are learnt in the whole step, on all processes.
        following: The batch after it, which can be laid out while a GPU computes this one.
    """

    pretrained: PretrainedModel
    vision: VisionFeatures
    rows: Sequence[Encoded]
    targets: int
    following: RowBatch | None = None

    @property
    def samples(self) -> int:
        """Rows."""
        return len(self.rows)

    @cached_property
    def layout(self) -> Layout:
        """How they are laid out."""
        return lay_out(self.pretrained, self.rows)

    @property
    def tokens(self) -> int:
        """Tokens that are computed, without padding."""
        return self.layout.tokens

    def loss(self) -> Tensor:
        """Return the rows' share of the step's mean negative log-likelihood, in nats a token."""
        return -layout_logprobs(self.pretrained, self.vision, self.layout).sum() / self.targets

    def while_computed(self) -> None:
        """Do what can be done before this batch's loss is known: the next one's layout."""
        if self.following is not None:
            _ = self.following.layout

    def halves(self) -> Sequence[RowBatch]:
        """Return two batches of half of the rows."""
        middle = len(self.rows) // 2
        parts = (self.rows[:middle], self.rows[middle:])
        return [RowBatch(self.pretrained, self.vision, part, self.targets) for part in parts] if middle else []


def target_logprobs(pretrained: PretrainedModel, vision: VisionFeatures, rows: Sequence[Encoded]) -> Tensor:
    """Return the log-likelihood of each token that is learnt, in nats [targets], row by row."""
    return layout_logprobs(pretrained, vision, lay_out(pretrained, rows))


def layout_logprobs(pretrained: PretrainedModel, vision: VisionFeatures, layout: Layout) -> Tensor:
    """Return the log-likelihood of each target of a layout, in nats [targets].

    The head is run at the places that predict them only, once at each.
    """
    inputs = layout.inputs
    if layout.shown:
        inputs = inputs | {"mm_encoder_outputs": vision.outputs(layout.shown)}
    logits: Tensor = pretrained.bare(**inputs, logits_to_keep=layout.kept, use_cache=False).logits
    if logits.requires_grad and layout.order is None:
        return -torch.nn.functional.cross_entropy(logits.float(), layout.targets, reduction="none")
    order = torch.arange(len(layout.targets), device=logits.device) if layout.order is None else layout.order
    if logits.requires_grad:
        return logits.float().log_softmax(-1)[order, layout.targets]
    # Some lines at a time stay in a processor's cache, and are read once.
    parts = torch.split(logits, LINES if logits.device.type == "cpu" else max(1, len(logits)))
    whole = torch.cat([part.float().logsumexp(-1) for part in parts])
    return logits[order, layout.targets].float() - whole[order]
