"""Many token sequences as one: shared prefixes are computed once.

Sequences that begin alike (the same instruction, the same picture, several continuations of one prompt)
are merged into a tree and laid out as one row of tokens. Each token attends to its ancestors only and its
position is its depth, so the row gives what the sequences give one by one, for fewer tokens. This serves
training (several turns about one picture that must not see each other) and scoring (several options after
one prompt). It needs causal attention and position ids, as Llama's family has them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

Mark = TypeVar("Mark", bound=Hashable)


@dataclass
class PrefixTree(Generic[Mark]):
    """A tree of tokens in an order in which parents come before their children.

    Attributes:
        tokens: Token id of each node.
        parents: The node before each node; -1 for a first one.
        depths: How many nodes stand before each node.
        marks: What a token is apart from its id, such as the picture that it is a piece of.
    """

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    _children: dict[tuple[int, int, Mark], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, tokens: Iterable[int], marks: Iterable[Mark]) -> list[int]:
        """Insert a sequence and return the node of each of its tokens.

        Args:
            tokens: Token ids.
            marks: For each token its mark: tokens are one node where both are the same, and all before them.
        """
        path: list[int] = []
        node = -1
        for token, mark in zip(tokens, marks, strict=True):
            key = (node, token, mark)
            child = self._children.get(key)
            if child is None:
                child = len(self.tokens)
                self._children[key] = child
                self.tokens.append(token)
                self.parents.append(node)
                self.depths.append(len(path))
                self.marks.append(mark)
            path.append(child)
            node = child
        return path

    def ancestors(self) -> np.ndarray:
        """Return a boolean matrix [nodes, nodes]: row i is true at i and at i's ancestors."""
        matrix = np.zeros((len(self), len(self)), dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                matrix[node] = matrix[parent]
            matrix[node, node] = True
        return matrix


def tree_mask(trees: Sequence[PrefixTree[Any]], width: int) -> Tensor:
    """Return which node may attend to which in trees side by side [trees, 1, width, width]; padding sees itself."""
    mask = np.zeros((len(trees), 1, width, width), dtype=bool)
    for line, tree in enumerate(trees):
        size = len(tree)
        mask[line, 0, :size, :size] = tree.ancestors()
        mask[line, 0, range(size, width), range(size, width)] = True
    return torch.from_numpy(mask)
