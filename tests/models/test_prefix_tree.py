"""Trees of sequences: what begins alike is one node, and nobody sees what isn't before it."""

from __future__ import annotations

from passerelle.models.prefix_tree import PrefixTree, tree_mask


def test_shapes_of_a_tree() -> None:
    tree: PrefixTree[None] = PrefixTree()
    given = [(1, 2, 3, 4), (1, 2, 3, 5), (1, 6), (2,)]
    paths = [tree.add(tokens, [None] * len(tokens)) for tokens in given]
    assert paths == [[0, 1, 2, 3], [0, 1, 2, 4], [0, 5], [6]]
    assert tree.tokens == [1, 2, 3, 4, 5, 6, 2]
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
    tree: PrefixTree[object] = PrefixTree()
    first, second = (tree.add((1, 9, 9, 2), (None, mark, mark, None)) for mark in ("cat", "dog"))
    assert first[0] == second[0]
    assert not set(first[1:]) & set(second[1:])
    assert [tree.marks[node] for node in second] == [None, "dog", "dog", None]


def test_padding_sees_itself_only() -> None:
    tree: PrefixTree[None] = PrefixTree()
    tree.add((3, 4), (None, None))
    mask = tree_mask([tree], 4)
    assert mask.shape == (1, 1, 4, 4)
    assert mask[0, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
