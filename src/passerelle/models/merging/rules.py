"""Rules to merge one tensor of adapted models with that of their base.

Every rule starts from the base and goes `weight` of the way to the adapted models; what lies between is what they
differ in:

===================  =============================================================================================
linear               weighted average (Wortsman et al., 2203.05482), task arithmetic (Ilharco et al., 2212.04089)
ties                 task vectors trimmed, signs elected, averaged where they agree (Yadav et al., 2306.01708)
dare                 entries of task vectors dropped at random, the rest rescaled (Yu et al., 2311.03099)
direction-magnitude  directions and magnitudes interpolated apart (see `direction_magnitude`)
===================  =============================================================================================

A task vector is an adapted model's tensor minus the base's. The first three rules work entry by entry and treat
matrices, vectors (norms, biases) and token tables (embeddings, heads) alike. The last treats each kind in its own way.
Tensors come in fp32 or fp64; `passerelle.models.merging.merging` sees to that, and to names, shapes and values.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from passerelle.config import Settings

TOKEN_TABLES = r"(.*\.)?(embed_tokens|word_embeddings|tok_embeddings|wte|embed_in|lm_head|embed_out)\.weight"
"""Full-name pattern of tables [tokens, hidden] in the families that transformers has."""

TINY = 1e-30
"""Keeps a division by the length of a zero vector finite; its share is set apart."""


class MergeSettings(Settings):
    """How far and how adapted models are merged with their base.

    Attributes:
        weight: How far to go from the base (0) to the adapted models (1): λ in the papers. Up to 2, which is beyond
            the adapted models, but for direction-magnitude.
        shares: What each adapted model counts relative to the others; equal if empty.
        density: Share of each task vector's entries that ``ties`` keeps; its paper keeps 0.2.
        drop: Probability that ``dare`` drops an entry. Its paper drops 0.9 and more from models of 7 billion
            parameters and over, and finds that smaller ones bear less.
        combine: How ``dare`` combines what it has kept: ``linear``, or ``ties`` (sign election, no trimming).
        seed: Decides what ``dare`` drops.
        token_tables: Full-name pattern of embeddings and heads, which ``direction-magnitude`` takes row by row.
    """

    weight: float = Field(default=0.5, ge=0, le=2)
    shares: tuple[float, ...] = ()
    density: float = Field(default=0.2, gt=0, le=1)
    drop: float = Field(default=0.5, ge=0, lt=1)
    combine: Literal["linear", "ties"] = "linear"
    seed: int = Field(default=0, ge=0)
    token_tables: str = TOKEN_TABLES

    def normalised_shares(self, models: int) -> list[float]:
        """Return the shares of so many models, which sum to one."""
        shares = self.shares or (1.0,) * models
        return [share / sum(shares) for share in shares]


def linear(name: str, base: Tensor, adapted: Sequence[Tensor], settings: MergeSettings) -> Tensor:
    """Return (1 − λ)·base + λ·Σ shareᵢ·adaptedᵢ; at weights 0 and 1, the base and one adapted model to the bit."""
    merged = base * (1 - settings.weight)
    for tensor, share in zip(adapted, settings.normalised_shares(len(adapted)), strict=True):
        merged += tensor * (settings.weight * share)
    return merged


def ties(name: str, base: Tensor, adapted: Sequence[Tensor], settings: MergeSettings) -> Tensor:
    """Return base + λ·disjoint mean of the trimmed task vectors (TIES-Merging, Yadav et al., 2306.01708).

    The paper trims a model's whole task vector at once; this trims tensor by tensor, as PEFT and mergekit do, since
    memory needn't hold the model then.
    """
    vectors = [trim(tensor - base, settings.density) for tensor in adapted]
    return base + settings.weight * disjoint_mean(vectors, settings.normalised_shares(len(vectors)))


def dare(name: str, base: Tensor, adapted: Sequence[Tensor], settings: MergeSettings) -> Tensor:
    """Return base + λ·combination of the task vectors with entries dropped at random (DARE, Yu et al., 2311.03099).

    What is dropped follows from the seed, the tensor's name and the model's place, not from the order of the work.
    """
    shares = settings.normalised_shares(len(adapted))
    vectors = [
        drop_and_rescale(tensor - base, settings.drop, _seed_of(settings.seed, name, place))
        for place, tensor in enumerate(adapted)
    ]
    if settings.combine == "ties":
        return base + settings.weight * disjoint_mean(vectors, shares)
    merged = base.clone()
    for vector, share in zip(vectors, shares, strict=True):
        merged += vector * (settings.weight * share)
    return merged


def direction_magnitude(name: str, base: Tensor, adapted: Sequence[Tensor], settings: MergeSettings) -> Tensor:
    """Return the matrix whose vectors' directions and magnitudes lie λ of the way, each interpolated on its own.

    The decomposition is that of DoRA (Liu et al., 2402.09353), which WIDEN (Yu et al., 2408.03092) brought to
    merging: a weight matrix [out, in] is the magnitudes of its columns, one for each input, times their directions;
    a token table [tokens, hidden] is taken row by row, a vector for each token. WIDEN's own scores compare adapted
    models with each other, and say nothing of one model and its base; so the rule between them is the plain one:
    directions by spherical interpolation (Shoemake, 1985), magnitudes by linear interpolation. An average of two
    vectors is shorter than either; this keeps their length.

    Vectors (norms, biases) and scalars are averaged linearly. Stacks of matrices (experts) are taken matrix by matrix
    along their second last dimension. Opposite directions, between which there is no shortest way, and tensors of
    more than three dimensions are averaged linearly too.
    """
    (other,) = adapted
    if base.ndim not in (2, 3):
        return linear(name, base, adapted, settings)
    dim = -1 if re.fullmatch(settings.token_tables, name) else -2
    part = settings.weight
    lengths = [torch.linalg.vector_norm(tensor, dim=dim, keepdim=True) for tensor in (base, other)]
    first, second = (tensor / length.clamp_min(TINY) for tensor, length in zip((base, other), lengths, strict=True))
    # Kahan's angle: acos loses half of the digits where vectors hardly differ, as those of finetuned models
    apart = torch.linalg.vector_norm(first - second, dim=dim, keepdim=True)
    along = torch.linalg.vector_norm(first + second, dim=dim, keepdim=True)
    angle = 2 * torch.atan2(apart, along)
    straight = (torch.minimum(apart, along) < 1e-6) | (lengths[0] <= TINY) | (lengths[1] <= TINY)
    sine = torch.where(straight, 1.0, torch.sin(angle))
    length = lengths[0] * (1 - part) + lengths[1] * part
    shares = [
        torch.where(straight, share, torch.sin(share * angle) / sine * length / own.clamp_min(TINY))
        for share, own in zip((1 - part, part), lengths, strict=True)
    ]
    return base * shares[0] + other * shares[1]


def trim(vector: Tensor, density: float) -> Tensor:
    """Zero all but the share `density` of the entries with the largest magnitudes.

    At least one entry stays. Entries as large as the smallest that stays all stay, as in the authors' own code: in
    bf16 many are equal.
    """
    if density >= 1 or not vector.numel():
        return vector
    kept = max(1, int(density * vector.numel()))
    sizes = vector.abs()
    place = vector.numel() - kept
    # ten times as fast as torch.kthvalue, in less memory
    threshold = np.partition(sizes.flatten().cpu().numpy(), place)[place].item()
    return torch.where(sizes >= threshold, vector, 0)


def disjoint_mean(vectors: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Average each entry over the task vectors that have its elected sign, that of their weighted sum.

    Entries that are zero have no say; where the sum is zero the sign is positive, as in PEFT and mergekit.
    """
    total = sum((vector * share for vector, share in zip(vectors, shares, strict=True)), torch.zeros_like(vectors[0]))
    elected = torch.where(total >= 0, 1.0, -1.0)
    summed, mass = torch.zeros_like(total), torch.zeros_like(total)
    for vector, share in zip(vectors, shares, strict=True):
        agrees = vector.sign() == elected
        summed += torch.where(agrees, vector * share, 0)
        mass += agrees * share
    return summed / torch.where(mass > 0, mass, 1.0)


def drop_and_rescale(vector: Tensor, drop: float, seed: int) -> Tensor:
    """Zero each entry with probability `drop` and divide the others by 1 − drop, which keeps the expectation."""
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(vector.shape, generator=generator) >= drop
    return torch.where(kept.to(vector.device), vector / (1 - drop), 0)


def _seed_of(seed: int, name: str, place: int) -> int:
    digest = hashlib.sha256(f"{seed}:{place}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


class Rule(NamedTuple):
    """A way to merge: the function of one tensor, and the settings that mean something to it."""

    merge: Callable[[str, Tensor, Sequence[Tensor], MergeSettings], Tensor]
    settings: tuple[str, ...]


RULES = {
    "linear": Rule(linear, ("weight", "shares")),
    "ties": Rule(ties, ("weight", "shares", "density")),
    "dare": Rule(dare, ("weight", "shares", "drop", "combine", "seed")),
    "direction-magnitude": Rule(direction_magnitude, ("weight", "token_tables")),
}
