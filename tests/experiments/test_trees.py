"""Examples are divided among trees: whole, in order, and as many in one as fit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from experiments.base.trees import Schedule, grow_trees, plan
from passerelle.models.conversing import Encoded

IMAGE = 90


def row(*tokens: int, picture: str = "") -> Encoded:
    ids = torch.tensor(tokens)
    return Encoded("", {"input_ids": ids}, {}, ids, (Path(picture),) if picture else (), "en", "native")


def examples() -> list[list[Encoded]]:
    drawn = random.Random(1)
    return [
        [row(1, 2, number, *(drawn.randrange(3, 9) for _ in range(drawn.randint(1, 6)))) for _ in range(3)]
        for number in range(10, 40)
    ]


def nodes(rows: list[Encoded]) -> int:
    """Count the beginnings that differ: those are a tree's nodes."""
    tokens = [tuple(each.tokens["input_ids"].tolist()) for each in rows]
    return len({each[: end + 1] for each in tokens for end in range(len(each))})


@pytest.mark.parametrize("most", [1, 20, 60, 1000])
def test_trees_hold_whole_examples_in_order(most: int) -> None:
    given = examples()
    trees = grow_trees(given, IMAGE, most)
    assert [index for tree in trees for index in tree] == list(range(len(given)))
    sizes = [nodes([each for index in tree for each in given[index]]) for tree in trees]
    assert all(size <= most or len(tree) == 1 for size, tree in zip(sizes, trees, strict=True))
    if most == 60:
        assert sum(len(tree) > 1 for tree in trees) > len(trees) / 2, "trees are filled"
    assert len(trees) == (1 if most == 1000 else len(given) if most == 1 else len(trees))


def test_pictures_do_not_share_tokens() -> None:
    same = [[row(1, IMAGE, IMAGE, 2, picture="0")], [row(1, IMAGE, IMAGE, 2, picture="0")]]
    other = [same[0], [row(1, IMAGE, IMAGE, 2, picture="1")]]
    assert grow_trees(same, IMAGE, 4) == [[0, 1]]
    assert grow_trees(other, IMAGE, 6) == [[0], [1]]
    assert grow_trees(other, IMAGE, 7) == [[0, 1]]


def test_no_examples_no_steps() -> None:
    assert plan([], IMAGE, Schedule(100, 10)) == []
