"""Trees of rows: what begins alike is one node. What models make of them is in test_layouts."""

from __future__ import annotations

from typing import Any

from passerelle.models.prefix_tree import PrefixTree, tree_mask


def test_shapes_of_a_tree() -> None:
    tree: PrefixTree[Any] = PrefixTree()
    paths = [tree.add(row, [None] * len(row)) for row in ((1, 2, 3, 4), (1, 2, 3, 5), (1, 6), (2,))]
    assert paths == [[0, 1, 2, 3], [0, 1, 2, 4], [0, 5], [6]]
    assert tree.depths == [0, 1, 2, 3, 3, 1, 0]
    assert tree.parents == [-1, 0, 1, 2, 2, 0, -1]
    assert tree.ancestors().astype(int).tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 1, 0, 0],
        [1, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
    ]


def test_tokens_with_other_marks_are_other_nodes() -> None:
    tree: PrefixTree[str] = PrefixTree()
    first, second = (tree.add((1, 90, 90, 2), ("", mark, mark, "")) for mark in ("a", "b"))
    assert first[0] == second[0]
    assert not set(first[1:]) & set(second[1:])
    assert [tree.marks[node] for node in second] == ["", "b", "b", ""]


def test_padding_sees_itself() -> None:
    trees: list[PrefixTree[None]] = [PrefixTree(), PrefixTree()]
    trees[0].add((1, 2, 3, 4), [None] * 4)
    trees[1].add((3, 4), [None] * 2)
    assert tree_mask(trees, 4)[1, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
