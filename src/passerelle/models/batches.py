"""Rows of tokens as one padded batch over features computed before, and the log-likelihood of what is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from passerelle.models.conversing import IGNORED, Encoded
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.vision_cache import VisionFeatures


@dataclass(frozen=True)
class RowBatch:
    """Rows that go through the model at once.

    Attributes:
        pretrained: The model.
        vision: Features of the rows' pictures.
        rows: The rows.
        targets: Tokens that are learnt in the whole step, on all processes.
    """

    pretrained: PretrainedModel
    vision: VisionFeatures
    rows: Sequence[Encoded]
    targets: int

    @property
    def samples(self) -> int:
        """Rows."""
        return len(self.rows)

    @cached_property
    def tokens(self) -> int:
        """Tokens without padding."""
        return sum(map(len, self.rows))

    def loss(self) -> Tensor:
        """Return the rows' share of the step's mean negative log-likelihood, in nats a token."""
        return -target_logprobs(self.pretrained, self.vision, self.rows).sum() / self.targets

    def halves(self) -> Sequence[RowBatch]:
        """Return two batches of half of the rows."""
        middle = len(self.rows) // 2
        parts = (self.rows[:middle], self.rows[middle:])
        return [RowBatch(self.pretrained, self.vision, part, self.targets) for part in parts] if middle else []


def target_logprobs(pretrained: PretrainedModel, vision: VisionFeatures, rows: Sequence[Encoded]) -> Tensor:
    """Return the log-likelihood of each token that is learnt, in nats [targets], row by row.

    The head is run at the places that predict them only.
    """
    inputs, labels = collate(rows, pretrained)
    if any(row.images for row in rows):
        inputs["mm_encoder_outputs"] = vision.outputs(row.images for row in rows)
    keep = torch.zeros_like(labels, dtype=torch.bool)
    keep[:, :-1] = labels[:, 1:] != IGNORED
    logits = pretrained.bare(**inputs, logits_to_keep=keep, use_cache=False).logits
    targets = labels[:, 1:][labels[:, 1:] != IGNORED]
    logprobs: Tensor = -torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    return logprobs


def collate(rows: Sequence[Encoded], pretrained: PretrainedModel) -> tuple[dict[str, Any], Tensor]:
    """Pad rows on the right to one length.

    Returns:
        What forward takes beside features, and labels [rows, tokens].
    """
    width, device = max(map(len, rows)), pretrained.device
    pad = pretrained.tokenizer.pad_token_id
    fill = {"input_ids": int(pad if pad is not None else pretrained.tokenizer.eos_token_id)}
    names = {name for row in rows for name in row.tokens}
    inputs: dict[str, Any] = {
        name: torch.stack(
            [_padded(row.tokens.get(name, torch.zeros(len(row))), width, fill.get(name, 0)) for row in rows]
        ).to(device)
        for name in sorted(names)
    }
    for name in sorted({name for row in rows for name in row.described}):
        inputs[name] = torch.cat([row.described[name] for row in rows if name in row.described]).to(device)
    labels = torch.stack([_padded(row.labels, width, IGNORED) for row in rows]).to(device)
    return inputs, labels


def _padded(values: Tensor, width: int, fill: int) -> Tensor:
    return torch.nn.functional.pad(values.long(), (0, width - len(values)), value=fill)
