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

TEXT = -1
"""The picture index of tokens that are text."""

Piece = tuple[int, int]
"""(picture, position in it) of an image token; (`TEXT`, 0) of any other."""
Mark = TypeVar("Mark", bound=Hashable)


@dataclass(frozen=True)
class TokenSequence:
    """A prompt and its reply as tokens.

    Attributes:
        prompt: Token ids before the reply; image tokens are the model's image token id.
        reply: Token ids that are predicted; may be empty.
        picture: Which picture the image tokens stand for; ``TEXT`` without one.
    """

    prompt: tuple[int, ...]
    reply: tuple[int, ...]
    picture: int = TEXT

    def __len__(self) -> int:
        return len(self.prompt) + len(self.reply)

    def pieces(self, image_token: int) -> list[Piece]:
        """Return which piece of a picture each token is."""
        pieces, position = [], 0
        for token in (*self.prompt, *self.reply):
            pictured = token == image_token and self.picture != TEXT
            pieces.append((self.picture, position) if pictured else (TEXT, 0))
            position += pictured
        return pieces


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


def tree_of(sequences: Iterable[TokenSequence], image_token: int) -> tuple[PrefixTree[Piece], list[list[int]]]:
    """Merge sequences into a tree; return it and the nodes of each sequence."""
    tree: PrefixTree[Piece] = PrefixTree()
    return tree, [tree.add((*s.prompt, *s.reply), s.pieces(image_token)) for s in sequences]


def tree_mask(trees: Sequence[PrefixTree[Any]], width: int) -> Tensor:
    """Return which node may attend to which in trees side by side [trees, 1, width, width]; padding sees itself."""
    mask = np.zeros((len(trees), 1, width, width), dtype=bool)
    for line, tree in enumerate(trees):
        size = len(tree)
        mask[line, 0, :size, :size] = tree.ancestors()
        mask[line, 0, range(size, width), range(size, width)] = True
    return torch.from_numpy(mask)


@dataclass(frozen=True)
class TreeBatch:
    """Trees padded to one length, with the places that predict reply tokens.

    Attributes:
        tokens: Token ids [trees, nodes].
        positions: Position ids [trees, nodes].
        mask: True where a row's token may attend to a column's [trees, 1, nodes, nodes].
        image_nodes: Flat index into [trees × nodes] of each image token [image tokens].
        image_rows: (picture, position in the picture) of each image token [image tokens, 2].
        predictors: Flat index of the node that predicts each target [targets].
        targets: Token id that is to be predicted [targets].
        owners: Index of the sequence that each target belongs to [targets].
        sequences: How many sequences the batch holds.
        nodes: Tokens without padding.
    """

    tokens: Tensor
    positions: Tensor
    mask: Tensor
    image_nodes: Tensor
    image_rows: Tensor
    predictors: Tensor
    targets: Tensor
    owners: Tensor
    sequences: int
    nodes: int


def grow_trees(sequences: Iterable[Sequence[TokenSequence]], image_token: int, max_nodes: int) -> list[list[int]]:
    """Divide groups of sequences, in their order, among trees of about `max_nodes` tokens.

    Args:
        sequences: Groups; a group (one picture's sequences) is never divided.
        image_token: Id of the image token.
        max_nodes: A tree takes groups until it would be larger; one group alone may be.

    Returns:
        For each tree the indices of its groups.
    """
    trees: list[list[int]] = []
    tree: PrefixTree[Piece] = PrefixTree()
    for index, group in enumerate(sequences):
        before = len(tree)
        for sequence in group:
            tree.add((*sequence.prompt, *sequence.reply), sequence.pieces(image_token))
        if trees and len(tree) <= max_nodes:
            trees[-1].append(index)
            continue
        if before or not trees:
            tree, _ = tree_of(group, image_token)
        trees.append([index])
    return trees


def collate(groups_of_trees: Sequence[Sequence[TokenSequence]], image_token: int, pad_token: int) -> TreeBatch:
    """Lay out trees side by side.

    Args:
        groups_of_trees: The sequences of each tree.
        image_token: Id of the image token.
        pad_token: Id to fill up with.
    """
    trees: list[PrefixTree[Piece]] = []
    predictors: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    owner = 0
    paths: list[tuple[int, TokenSequence, list[int]]] = []
    for row, sequences in enumerate(groups_of_trees):
        tree, nodes = tree_of(sequences, image_token)
        paths += [(row, sequence, path) for sequence, path in zip(sequences, nodes, strict=True)]
        trees.append(tree)
    width = max(len(tree) for tree in trees)
    for row, sequence, path in paths:
        start = len(sequence.prompt)
        predictors += [row * width + node for node in path[start - 1 : -1]]
        targets += sequence.reply
        owners += [owner] * len(sequence.reply)
        owner += 1
    tokens = np.full((len(trees), width), pad_token, dtype=np.int64)
    positions = np.zeros((len(trees), width), dtype=np.int64)
    image_nodes, image_rows = [], []
    for row, tree in enumerate(trees):
        size = len(tree)
        tokens[row, :size], positions[row, :size] = tree.tokens, tree.depths
        for node, (picture, image_position) in enumerate(tree.marks):
            if picture != TEXT:
                image_nodes.append(row * width + node)
                image_rows.append((picture, image_position))
    return TreeBatch(
        tokens=torch.from_numpy(tokens),
        positions=torch.from_numpy(positions),
        mask=tree_mask(trees, width),
        image_nodes=torch.tensor(image_nodes, dtype=torch.long),
        image_rows=torch.tensor(image_rows, dtype=torch.long).reshape(-1, 2),
        predictors=torch.tensor(predictors, dtype=torch.long),
        targets=torch.tensor(targets, dtype=torch.long),
        owners=torch.tensor(owners, dtype=torch.long),
        sequences=owner,
        nodes=sum(map(len, trees)),
    )
