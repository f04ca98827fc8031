"""Rows that begin alike, such as one question with each of its options: their common beginning is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from passerelle.models.batches import target_logprobs
from passerelle.models.conversing import IGNORED, Encoded
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.vision_cache import VisionFeatures


@torch.inference_mode()
def reply_logprobs(pretrained: PretrainedModel, vision: VisionFeatures, rows: Sequence[Encoded]) -> list[float]:
    """Return the log-likelihood of each row's reply, in nats.

    The beginning that all rows share goes through the model once; its keys and values are kept for what differs. Where
    a family's attention doesn't allow it, or rows share too little, whole rows are computed.

    Args:
        pretrained: The model.
        vision: Features of the rows' pictures, which are the same in all.
        rows: The rows; what is learnt of each is its reply.
    """
    shared = shared_tokens(rows)
    if len(rows) < 2 or shared < 2 or not pretrained.family.shares_prefix or _pictured(pretrained, rows, shared):
        found = target_logprobs(pretrained, vision, rows)
        return [float(part.sum()) for part in found.split([row.targets for row in rows])]  # type: ignore[no-untyped-call]
    cache, first = _begin(pretrained, vision, rows[0], shared)
    logits = _go_on(pretrained, cache, rows, shared)
    predicted = torch.cat([first.expand(len(rows), -1, -1), logits], dim=1).float().log_softmax(-1)
    return [_sum_of(predicted[index], row.labels[shared:]) for index, row in enumerate(rows)]


def shared_tokens(rows: Sequence[Encoded]) -> int:
    """Return how many tokens all rows begin with, up to the first that is learnt."""
    width = min(len(row) for row in rows)
    first = min(int((row.labels != IGNORED).nonzero()[0, 0]) for row in rows)
    ids = torch.stack([row.tokens["input_ids"][:width] for row in rows])
    same = (ids == ids[0]).all(0).long()
    return min(int(same.cumprod(0).sum()), first, width - 1)


def _pictured(pretrained: PretrainedModel, rows: Sequence[Encoded], shared: int) -> bool:
    """Whether a picture stands behind the common beginning."""
    return any(bool((row.tokens["input_ids"][shared:] == pretrained.image_token).any()) for row in rows)


def _begin(pretrained: PretrainedModel, vision: VisionFeatures, row: Encoded, shared: int) -> tuple[Any, Tensor]:
    """Compute the common beginning; return the cache and the logits of its last token [1, 1, words]."""
    device = pretrained.device
    inputs: dict[str, Any] = {name: value[None, :shared].to(device) for name, value in row.tokens.items()}
    inputs |= {name: value.to(device) for name, value in row.described.items()}
    if row.images:
        inputs["mm_encoder_outputs"] = vision.outputs([row.images])
    for module in pretrained.bare.modules():
        if hasattr(module, "rope_deltas"):  # Qwen's, of the picture that was shown before
            module.rope_deltas = None
    made = pretrained.bare(**inputs, use_cache=True, logits_to_keep=1)
    return made.past_key_values, made.logits


def _go_on(pretrained: PretrainedModel, cache: Any, rows: Sequence[Encoded], shared: int) -> Tensor:
    """Compute what differs, on the cache of the common beginning; return its logits [rows, tokens, words]."""
    rests = [row.tokens["input_ids"][shared:] for row in rows]
    width = max(map(len, rests))
    ids = torch.stack([torch.nn.functional.pad(rest, (0, width - len(rest))) for rest in rests])
    cache.batch_repeat_interleave(len(rows))
    # Padding on the right needs no mask: nothing before it sees it.
    logits: Tensor = pretrained.bare(input_ids=ids.to(pretrained.device), past_key_values=cache, use_cache=True).logits
    return logits


def _sum_of(predicted: Tensor, labels: Tensor) -> float:
    """Add up what is predicted for the tokens that are learnt; the first place predicts the first label."""
    places = (labels != IGNORED).nonzero()[:, 0].to(predicted.device)
    return float(predicted[places, labels.to(predicted.device)[places]].sum())
