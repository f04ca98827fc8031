"""What a forward keeps in memory for the backward pass, found out by computing a few tokens.

What a language model keeps is, for a line of tokens, a polynomial of second degree in its width: so much a token, and
so much for each pair of tokens where attention is kept. Three narrow lines give it for any family, adapter and type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from passerelle.models.families import Part
from passerelle.models.layouts import Layout
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.sharding import own_piece
from passerelle.models.vision_cache import VisionFeatures

_WIDTHS = (16, 32, 48)


@dataclass(frozen=True)
class Footprint:
    """What the layers of a language model keep of a line of tokens.

    Attributes:
        line: Bytes of a line of any width.
        token: Bytes a token.
        pair: Bytes for each pair of its tokens.
        layers: How many layers there are.
        hidden: Bytes of a layer's input, a token.
    """

    line: float
    token: float
    pair: float
    layers: int
    hidden: int

    def kept(self, lines: int, width: int, checkpointing: bool = False) -> int:
        """Return the bytes that are held at most for [lines × width] tokens, until the backward pass has used them.

        Args:
            lines: Lines that are computed at once.
            width: Tokens of each.
            checkpointing: Whether layers keep their inputs only: all of these and one layer's own are held then.
        """
        whole = lines * (self.line + self.token * width + self.pair * width**2)
        if not checkpointing:
            return round(whole)
        return round(lines * width * self.hidden * self.layers + whole / max(1, self.layers))


def language_footprint(pretrained: PretrainedModel, mask: Tensor | None) -> Footprint:
    """Find out what the language model keeps, as it is set to train now and without checkpointing.

    Args:
        pretrained: The model, with what is trained requiring gradients.
        mask: As the lines that are meant have it: none, [lines, width], or [lines, 1, width, width] for trees.
    """
    language = pretrained.family.module(pretrained.bare, "language")
    text = pretrained.bare.config.get_text_config()
    embeddings = language.get_input_embeddings().weight
    before: tuple[Part, ...] = ("tower", "projector")
    wanted = embeddings.requires_grad or any(
        value.requires_grad for part in before for value in pretrained.family.parameters(pretrained.bare, part).values()
    )
    found = []
    for width in _WIDTHS:
        shape = (1, width, text.hidden_size)
        given = torch.zeros(shape, device=pretrained.device, dtype=pretrained.bare.dtype, requires_grad=wanted)
        with _counting(pretrained) as kept:
            language(inputs_embeds=given, attention_mask=_narrow(mask, width), use_cache=False)
        found.append(sum(kept.values()))
    pair, token, line = np.linalg.solve(np.vander(np.array(_WIDTHS, dtype=float)), np.array(found, dtype=float))
    hidden = text.hidden_size * pretrained.bare.dtype.itemsize
    return Footprint(float(line), float(token), max(0.0, float(pair)), text.num_hidden_layers, hidden)


def picture_bytes(pretrained: PretrainedModel, vision: VisionFeatures, layout: Layout) -> int:
    """Return the bytes that tower and projector keep of a layout's pictures; of the first row's, for all of them."""
    if vision.level == "projected" or not layout.shown:
        return 0
    with _counting(pretrained) as kept:
        vision.outputs(layout.shown[:1])
    return round(sum(kept.values()) * sum(map(len, layout.shown)) / len(layout.shown[0]))


def weight_bytes(pretrained: PretrainedModel) -> int:
    """Return the bytes of all weights and buffers that this process holds."""
    return sum(_storages(pretrained).values())


def mask_kind(mask: Tensor | None) -> object:
    """Return what of a mask `language_footprint` depends on: of equal kinds footprints are equal."""
    return None if mask is None else (mask.dim(), mask.dtype, mask.dim() == 4 or float(mask.min()))


def _narrow(mask: Tensor | None, width: int) -> Tensor | None:
    """Return a mask of one line that keeps as much a token and pair as `mask` does."""
    if mask is None:
        return None
    if mask.dim() == 4:
        return torch.ones(1, 1, width, width, dtype=mask.dtype, device=mask.device).tril()
    narrow = torch.ones(1, width, dtype=mask.dtype, device=mask.device)
    narrow[0, -1] = mask.min()  # where rows are padded masks are made, where none is, none
    return narrow


def _storages(pretrained: PretrainedModel) -> Mapping[int, int]:
    held = [*pretrained.model.parameters(), *pretrained.model.buffers()]
    storages = (own_piece(value.detach()).untyped_storage() for value in held)
    return {storage.data_ptr(): storage.nbytes() for storage in storages}


@contextmanager
def _counting(pretrained: PretrainedModel) -> Iterator[dict[int, int]]:
    """Gather the bytes of what the block keeps for a backward pass, weights apart, by where they lie."""
    weights = _storages(pretrained)
    kept: dict[int, int] = {}
    alive: list[Any] = []  # what is freed and made anew in the same place would be counted once

    def keep(tensor: Tensor) -> None:
        """Count a tensor, and keep none for a backward pass that never comes: a result would hold itself for ever."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(storage)

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, _never):
        yield kept


def _never(packed: Any) -> Tensor:
    raise AssertionError("there is no backward pass")
