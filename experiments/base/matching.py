"""Learn which picture a caption belongs to, through the language model.

A group of pictures is scored with each of its captions. For each caption the pictures compete, so that how likely
the words are by themselves cancels out: what is learnt is the pointwise mutual information by which choices are
scored. The idea is that of image-text matching (ALBEF, 2107.07651), with likelihoods instead of a head.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from passerelle.records import Picture

GROUP = 4
"""Pictures that compete."""


def draw_groups(pictures: Sequence[Picture], *, seed: int) -> list[list[Picture]]:
    """Divide pictures into groups of `GROUP` with different concepts, about half of them from one category.

    What doesn't fit into a whole group is left out.

    Args:
        pictures: The pictures.
        seed: Seeds the draw.
    """
    drawn = random.Random(seed)
    order = list(pictures)
    drawn.shuffle(order)
    near = sorted(order[: len(order) // 2], key=lambda p: (p.source, p.category))
    groups = _cut(near) + _cut(order[len(order) // 2 :])
    drawn.shuffle(groups)
    return groups


def _cut(pictures: Sequence[Picture]) -> list[list[Picture]]:
    groups: list[list[Picture]] = [[]]
    for picture in pictures:
        if all(picture.concept != other.concept for other in groups[-1]):
            groups[-1].append(picture)
        if len(groups[-1]) == GROUP:
            groups.append([])
    return [group for group in groups if len(group) == GROUP]


def matching_loss(logprobs: Tensor, owners: Tensor) -> Tensor:
    """Return how badly captions find their pictures, plus the mean loss of the right captions' tokens.

    Args:
        logprobs: Log-likelihood of each target token [targets].
        owners: The row that each belongs to [targets]. Rows are groups of `GROUP` × `GROUP`: picture by picture, each
            with every caption of the group; the right ones are on the diagonal.
    """
    totals = torch.zeros(int(owners[-1]) + 1).index_add(0, owners, logprobs).view(-1, GROUP, GROUP)
    right = torch.arange(GROUP).repeat(len(totals))
    matching = cross_entropy(totals.transpose(1, 2).reshape(-1, GROUP), right)
    own = (torch.eye(GROUP, dtype=torch.bool).flatten().repeat(len(totals)))[owners]
    return matching - logprobs[own].mean()
