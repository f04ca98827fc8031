"""Rows that begin alike, such as one question with each of its options: their common beginning is computed once.

Where a family's attention can follow trees, many questions are computed at once, each picture once for all of its
questions. Elsewhere the keys and values of what a question's rows begin with are kept for what differs.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from passerelle.costs.flops import FlopMeter
from passerelle.models.batches import layout_logprobs, target_logprobs
from passerelle.models.conversing import IGNORED, Encoded
from passerelle.models.layouts import follows_trees, grow, lay_out
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.vision_cache import VisionFeatures

BATCH_NODES = 512
"""Tokens that are computed at once, about: more don't make a processor faster, and take more memory."""
GPU_TIMES = 16
"""So many times as many are computed at once on a GPU."""
TREE_NODES = 192
"""A tree takes rows until they add more tokens than this, or than its first one has: attention is over all of it."""
ROWS = 32
"""Rows on the keys and values of one beginning, at most."""

Question = Sequence[Encoded]
"""A question with each of its options: rows with the same pictures."""


@torch.inference_mode()
def option_logprobs(
    pretrained: PretrainedModel, vision: VisionFeatures, questions: Sequence[Question], meter: FlopMeter
) -> list[list[float]]:
    """Return the log-likelihood of each option of each question, in nats.

    Args:
        pretrained: The model.
        vision: Features of the rows' pictures.
        questions: For each question its options as rows; what is learnt of each row is the option.
        meter: Counts tokens and operations.
    """
    longest = max((len(row) for row in chain(*questions)), default=0)
    if follows_trees(pretrained, longest):
        logprobs = iter(_by_trees(pretrained, vision, [*chain(*questions)], meter))
        return [[next(logprobs) for _ in rows] for rows in questions]
    found: list[list[float]] = []
    for rows in questions:
        found.append([])
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            shared = shared_tokens(part)
            tokens = shared + sum(len(row) - shared for row in part)
            found[-1] += meter.run(tokens, partial(reply_logprobs, pretrained, vision, part))
    return found


def _by_trees(pretrained: PretrainedModel, vision: VisionFeatures, rows: Question, meter: FlopMeter) -> list[float]:
    found: dict[int, float] = {}
    for trees in tree_batches(pretrained, rows):
        part = list(chain(*trees))
        places = iter(range(len(part)))
        layout = lay_out(pretrained, [rows[index] for index in part], [[next(places) for _ in tree] for tree in trees])
        logprobs = meter.run(layout.tokens, partial(layout_logprobs, pretrained, vision, layout))
        found |= zip(part, _totals(logprobs, [rows[index] for index in part]), strict=True)
    return [found[index] for index in range(len(rows))]


def tree_batches(pretrained: PretrainedModel, rows: Question) -> Iterator[list[list[int]]]:
    """Divide rows, given by their indices, into batches of trees of like sizes; a tree has the same pictures."""
    together: dict[Hashable, list[int]] = {}
    for index, row in enumerate(rows):
        together.setdefault(row.images, []).append(index)
    sized: list[tuple[int, list[int]]] = []
    for indices in together.values():
        grown = grow([rows[index] for index in indices], pretrained.image_token, TREE_NODES)
        sized += [(nodes, [indices[place] for place in places]) for nodes, places in grown]
    most = BATCH_NODES * (1 if pretrained.device.type == "cpu" else GPU_TIMES)
    batch: list[list[int]] = []
    for nodes, tree in sorted(sized):
        if batch and (len(batch) + 1) * nodes > most:
            yield batch
            batch = []
        batch.append(tree)
    if batch:
        yield batch


def _totals(logprobs: Tensor, rows: Sequence[Encoded]) -> list[float]:
    """Add the log-likelihoods of targets up, row by row."""
    owners = torch.tensor([index for index, row in enumerate(rows) for _ in range(row.targets)])
    return torch.zeros(len(rows)).index_add(0, owners, logprobs.float().cpu()).tolist()


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
        return _totals(target_logprobs(pretrained, vision, rows), rows)
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
