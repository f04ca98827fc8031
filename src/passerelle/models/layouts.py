"""How rows of tokens are laid out for the language model: padded side by side, merged into prefix trees, or packed.

What isn't needed is left out in all: tokens behind the last one that predicts something. In a tree the beginnings that
rows share, such as a system prompt, an instruction, or a picture with several questions, are computed once
(`passerelle.models.prefix_tree`). Rows that share none stand behind each other in a line, up to the longest's width: a
tree of several roots, so that none sees another. The likelihoods are the same; the layout that costs least is taken.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from passerelle.models.conversing import IGNORED, Encoded
from passerelle.models.prefix_tree import PrefixTree, tree_mask
from passerelle.models.pretrained import PretrainedModel


@dataclass(frozen=True)
class Layout:
    """Rows as they go through the model at once, in lines: padded rows, or trees.

    Attributes:
        inputs: What forward takes beside features; values of tokens are [lines, width].
        shown: The pictures of the rows whose image tokens the lines hold, in their order.
        kept: Which tokens predict something [lines, width].
        order: For each target which of the kept tokens predicts it [targets]; ``None``: the first the first, and so on.
        targets: The token ids that are predicted [targets].
        tokens: Tokens that are computed, without padding.
    """

    inputs: dict[str, Any]
    shown: list[tuple[Path, ...]]
    kept: Tensor
    order: Tensor | None
    targets: Tensor
    tokens: int


MASKED, CAUSAL = 10, 1
"""What a product with a key costs on a GPU beside one with weights: under a mask, and in the kernels that need none."""

PROCESSOR = 4
"""The same on a processor, where 2 would be as quick as a product with weights, operation by operation."""

Groups = Sequence[Sequence[int]]
"""For each tree the rows that go into it."""


def lay_out(pretrained: PretrainedModel, rows: Sequence[Encoded], groups: Groups = ()) -> Layout:
    """Lay rows out in the way that costs least: padded, as one tree, as a tree for each picture's rows, or packed.

    Args:
        pretrained: The model; not every family's attention can follow a tree.
        rows: The rows, in the order in which their targets are wanted.
        groups: Trees that come into question too.
    """
    needed = [_Needed.of(row, pretrained.image_token) for row in rows]
    width = max(map(len, needed))
    if len(rows) > 1 and follows_trees(pretrained, width):
        forests = [Forest(needed, chosen) for chosen in [*_groupings(rows), *([groups] if groups else [])]]
        cheapest = min(forests, key=lambda forest: _price(pretrained, len(forest.trees), forest.width))
        plain = _price(pretrained, len(rows), width, masked=False)
        price = min(_price(pretrained, len(cheapest.trees), cheapest.width), plain)
        units = [(forest.groups, [*map(len, forest.trees)]) for forest in forests]
        units.append(([[index] for index in range(len(rows))], [*map(len, needed)]))
        packings = [(pack(chosen, sizes), max(sizes)) for chosen, sizes in units]
        packed, widest = min(packings, key=lambda packing: _price(pretrained, len(packing[0]), packing[1]))
        if _price(pretrained, len(packed), widest) < price:
            return Forest(needed, packed).lay_out(pretrained)
        if price < plain:
            return cheapest.lay_out(pretrained)
    return _padded(pretrained, needed)


def padded(pretrained: PretrainedModel, rows: Sequence[Encoded]) -> Layout:
    """Lay rows out side by side, padded on the right to one width."""
    return _padded(pretrained, [_Needed.of(row, pretrained.image_token) for row in rows])


def merged(pretrained: PretrainedModel, rows: Sequence[Encoded], groups: Groups) -> Layout:
    """Merge the rows of each group into a prefix tree, and lay the trees out side by side."""
    return Forest([_Needed.of(row, pretrained.image_token) for row in rows], groups).lay_out(pretrained)


def plant(
    pretrained: PretrainedModel, rows: Sequence[Encoded], groups: Groups
) -> tuple[Layout, list[tuple[int, Tensor]]]:
    """Merge the rows of each group into a prefix tree, and say where each row's tokens are.

    Returns:
        The layout, and for each row the line of its tree and the places of its tokens there [tokens].
    """
    forest = Forest([_Needed.of(row, pretrained.image_token) for row in rows], groups)
    paths = (forest.paths[index] for index in range(len(rows)))
    return forest.lay_out(pretrained), [(line, torch.tensor(path)) for line, path in paths]


def pack(units: Groups, sizes: Sequence[int]) -> list[list[int]]:
    """Put units behind each other into lines as wide as the largest, the largest first, each where it fits first.

    Args:
        units: Rows that stay together.
        sizes: Tokens of each unit.

    Returns:
        For each line its rows.
    """
    lines: list[list[int]] = []
    room: list[int] = []
    for unit in sorted(range(len(units)), key=lambda unit: -sizes[unit]):
        line = next((number for number, left in enumerate(room) if left >= sizes[unit]), len(lines))
        if line == len(lines):
            lines.append([])
            room.append(max(sizes))
        lines[line] += units[unit]
        room[line] -= sizes[unit]
    return lines


def grow(rows: Sequence[Encoded], image_token: int, more: int) -> list[tuple[int, list[int]]]:
    """Divide rows, in their order, among trees; return for each its nodes and the indices of its rows.

    Args:
        rows: The rows.
        image_token: Id of the image token.
        more: A tree takes rows until they add more nodes than this, or than the first one has.
    """
    found: list[tuple[int, list[int]]] = []
    first = 0
    tree: PrefixTree[Hashable] = PrefixTree()
    first = 0
    for index, row in enumerate(rows):
        needed = _Needed.of(row, image_token)
        needed.put_into(tree)
        if found and len(tree) <= first + max(more, first):
            found[-1] = (len(tree), [*found[-1][1], index])
            continue
        if found:
            tree = PrefixTree()
            needed.put_into(tree)
        first = len(tree)
        found.append((first, [index]))
    return found


def follows_trees(pretrained: PretrainedModel, longest: int) -> bool:
    """Whether a model's layers are causal, take any mask, and see as far back as the longest row."""
    text = pretrained.bare.config.get_text_config()
    window = _seen_back(text)
    known = _is_causal(pretrained) and pretrained.family.shares_prefix
    return known and text._attn_implementation == "sdpa" and (not window or longest < window)


def _seen_back(text: Any) -> int | None:
    """Return how many tokens a language model's narrowest layers see at once; ``None``: all."""
    return min(
        filter(None, (getattr(text, name, None) for name in ("sliding_window", "attention_chunk_size"))), default=None
    )


def _is_causal(pretrained: PretrainedModel) -> bool:
    """Whether no token of a model sees what comes behind it; of a family that was found out, that isn't known."""
    return pretrained.family.causal and not pretrained.family.detected


def _groupings(rows: Sequence[Encoded]) -> list[list[list[int]]]:
    """Return the ways in which rows may be put into trees."""
    by_picture: dict[Hashable, list[int]] = {}
    for index, row in enumerate(rows):
        by_picture.setdefault(row.images or index, []).append(index)
    every = [list(range(len(rows)))]
    return [every] if len(by_picture) in (1, len(rows)) else [every, list(by_picture.values())]


def _price(pretrained: PretrainedModel, lines: int, width: int, masked: bool = True) -> int:
    """Return what lines cost, up to a factor: products with weights, and with the keys and values of the line."""
    text = pretrained.bare.config.get_text_config()
    if masked and getattr(text, "attn_temperature_tuning", False) and width >= text.floor_scale:
        return sys.maxsize  # Llama 4 weighs queries by where in the line they stand, from there on
    weights = 4 * text.hidden_size + 3 * getattr(text, "intermediate_size", 4 * text.hidden_size)
    seen = PROCESSOR if pretrained.device.type != "cuda" else MASKED if masked else CAUSAL
    return int(lines * width * (weights + seen * width))


@dataclass(frozen=True)
class _Needed:
    """What of a row has to be computed.

    Attributes:
        row: The row.
        predictors: Where tokens stand that predict something that is learnt [targets].
        pictured: From where on the row depends on its pictures, and up to where they stand.
        length: Tokens up to the last predictor, or the last piece of a picture.
    """

    row: Encoded
    predictors: Tensor
    pictured: tuple[int, int]
    length: int

    @classmethod
    def of(cls, row: Encoded, image_token: int) -> _Needed:
        """Find it out."""
        predictors = (row.labels[1:] != IGNORED).nonzero()[:, 0]
        pieces = (row.tokens["input_ids"] == image_token).nonzero()[:, 0].tolist() if row.images else []
        pictured = (pieces[0], pieces[-1] + 1) if pieces else (len(row), len(row))
        ends = [int(predictors[-1]) + 1] if len(predictors) else []
        return cls(row, predictors, pictured, max([*ends, *(end + 1 for end in pieces[-1:])], default=len(row)))

    def __len__(self) -> int:
        return self.length

    @property
    def targets(self) -> Tensor:
        return self.row.labels[self.predictors + 1]

    def values(self, name: str) -> Tensor:
        """Return one value a token; zeros if the row has none of the name."""
        found = self.row.tokens.get(name)
        return found[: self.length].long() if found is not None else torch.zeros(self.length, dtype=torch.long)

    def marks(self) -> list[Hashable]:
        """Return what the tokens depend on beside those before them: pictures, and all that stands among these."""
        first, last = self.pictured
        # Bytes keep their hash, which is asked for at every token; a tuple of numbers is gone through each time.
        mark = (self.row.images, self.row.tokens["input_ids"][first:last].numpy().tobytes())
        return [None] * min(first, self.length) + [mark] * max(0, self.length - first)

    def put_into(self, tree: PrefixTree[Hashable]) -> list[int]:
        """Insert the tokens into a tree; return their nodes."""
        return tree.add(self.values("input_ids").tolist(), self.marks())


class Forest:
    """Rows merged into trees.

    Rows share the pieces of their pictures if all their pictures are the same, and the text among them.

    Args:
        rows: The rows.
        groups: For each tree the rows that go into it; each row is in one.

    Attributes:
        groups: For each tree its rows.
        trees: The trees.
        origins: For each tree, for each node, the row that it was first made for.
        paths: For each row its tree and its nodes.
    """

    def __init__(self, rows: Sequence[_Needed], groups: Groups) -> None:
        self.rows = rows
        self.groups = groups
        self.trees: list[PrefixTree[Hashable]] = []
        self.origins: list[list[int]] = []
        self.paths: dict[int, tuple[int, list[int]]] = {}
        for group in groups:
            tree: PrefixTree[Hashable] = PrefixTree()
            origin: list[int] = []
            for index in group:
                row = rows[index]
                self.paths[index] = (len(self.trees), row.put_into(tree))
                origin += [index] * (len(tree) - len(origin))
            self.trees.append(tree)
            self.origins.append(origin)

    @property
    def width(self) -> int:
        """Nodes of the largest tree."""
        return max(map(len, self.trees))

    def lay_out(self, pretrained: PretrainedModel) -> Layout:
        """Return the trees side by side, padded to one width."""
        width = self.width
        names = _names(self.rows, but="attention_mask")
        inputs = {name: self._lines([row.values(name) for row in self.rows], _fill(pretrained, name)) for name in names}
        positions = [_positions(pretrained, row) for row in self.rows]
        axes = [self._lines(list(axis), 0) for axis in zip(*positions, strict=True)]
        inputs["position_ids"] = torch.stack(axes) if len(axes) > 1 else axes[0]
        inputs["attention_mask"] = tree_mask(self.trees, width)
        places = []
        for index, row in enumerate(self.rows):
            line, path = self.paths[index]
            places.append(line * width + torch.tensor(path)[row.predictors])
        shown = [self.rows[index] for origin in self.origins for index in dict.fromkeys(origin) if self._shows(index)]
        return _layout(pretrained, inputs, shown, places, self.rows, sum(map(len, self.trees)))

    def _lines(self, values: Sequence[Tensor], fill: int) -> Tensor:
        """Gather values of tokens, given row by row, node by node [lines, width]."""
        lines = []
        for tree, origin in zip(self.trees, self.origins, strict=True):
            starts = np.cumsum([0, *map(len, values)])
            nodes = torch.from_numpy(starts[np.array(origin)] + np.array(tree.depths))
            lines.append(pad(torch.cat(list(values))[nodes], (0, self.width - len(tree)), value=fill))
        return torch.stack(lines)

    def _shows(self, index: int) -> bool:
        """Whether the pieces of a row's pictures are nodes that were made for it."""
        (line, path), (first, last) = self.paths[index], self.rows[index].pictured
        return last > first and self.origins[line][path[first]] == index


def _padded(pretrained: PretrainedModel, rows: Sequence[_Needed]) -> Layout:
    width = max(map(len, rows))
    causal = _is_causal(pretrained)
    inputs = {
        name: torch.stack([pad(row.values(name), (0, width - len(row)), value=_fill(pretrained, name)) for row in rows])
        for name in _names(rows, but="attention_mask" if causal else "")
    }
    # No token sees the padding behind it; without a mask, attention is the fastest kernel there is.
    if causal and hasattr(pretrained.bare.base_model, "get_rope_index"):
        placed = [pad(_positions(pretrained, row), (0, width - len(row))) for row in rows]
        inputs["position_ids"] = torch.stack(placed, dim=1)
    places = [index * width + row.predictors for index, row in enumerate(rows)]
    return _layout(pretrained, inputs, rows, places, rows, sum(map(len, rows)))


def _layout(
    pretrained: PretrainedModel,
    inputs: dict[str, Tensor],
    shown: Sequence[_Needed],
    places: Sequence[Tensor],
    rows: Sequence[_Needed],
    tokens: int,
) -> Layout:
    described = sorted({name for row in shown for name in row.row.described})
    for name in described:
        inputs[name] = torch.cat([row.row.described[name] for row in shown if name in row.row.described])
    device = pretrained.device
    kept = torch.zeros_like(inputs["input_ids"], dtype=torch.bool)
    predicting, order = torch.unique(torch.cat(list(places)), return_inverse=True)
    kept.view(-1)[predicting] = True
    in_order = len(order) == len(predicting) and bool((order[1:] > order[:-1]).all())
    return Layout(
        inputs={name: value.to(device) for name, value in inputs.items()},
        shown=[row.row.images for row in shown if row.row.images],
        kept=kept.to(device),
        order=None if in_order else order.to(device),
        targets=torch.cat([row.targets for row in rows]).to(device),
        tokens=tokens,
    )


def _names(rows: Sequence[_Needed], but: str = "") -> list[str]:
    return sorted({name for row in rows for name in row.row.tokens} - {but})


def _fill(pretrained: PretrainedModel, name: str) -> int:
    """Return what stands where no token is."""
    if name != "input_ids":
        return 0
    token = pretrained.tokenizer.pad_token_id
    return int(token if token is not None else pretrained.tokenizer.eos_token_id)


def _positions(pretrained: PretrainedModel, row: _Needed) -> Tensor:
    """Return where the model places each token of a row [axes, tokens]: by its number, or in a picture's grid."""
    place: Any = getattr(pretrained.bare.base_model, "get_rope_index", None)
    if place is None or not row.row.images:
        return torch.arange(len(row))[None].expand(3 if place else 1, -1)
    taken = inspect.signature(place).parameters
    tokens = {name: row.values(name)[None] for name in row.row.tokens if name in taken}
    found, _ = place(**tokens, **{name: value for name, value in row.row.described.items() if name in taken})
    positions: Tensor = found[:, 0]
    return positions
