"""Trees of sequences: the same log-likelihoods as one by one, for fewer tokens."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from passerelle.models.prefix_tree import TEXT, TokenSequence, collate, grow_trees, tree_of

IMAGE, PAD = 90, 0


def sequence(prompt: tuple[int, ...], reply: tuple[int, ...] = (), picture: int = TEXT) -> TokenSequence:
    return TokenSequence(prompt, reply, picture)


@torch.inference_mode()
def one_by_one(model: Any, given: TokenSequence, features: torch.Tensor) -> torch.Tensor:
    """Return the log-likelihood of each reply token, by the model's usual way of computing."""
    ids = torch.tensor([given.prompt + given.reply])
    embeddings = model.language_model.embed_tokens(ids)
    if given.picture != TEXT:
        projected = model.projector(features[given.picture])
        embeddings[0, ids[0] == model.image_token] = projected
    hidden = model.language_model(inputs_embeds=embeddings).last_hidden_state[0]
    logprobs = model.model.lm_head(hidden).log_softmax(-1)
    start = len(given.prompt)
    return torch.stack([logprobs[start + i - 1, token] for i, token in enumerate(given.reply)])


def questions(model: Any) -> list[list[TokenSequence]]:
    """Groups as scoring makes them: a picture's prompts with several options each, and text alone."""
    groups = []
    for picture, name in enumerate(("merle", "pomme", "flocon")):
        prompts = ("Qu'est-ce que c'est ?", f"Est-ce {name} ?", "Est-ce un merle noir ?")
        groups.append([model.encode(p, r, picture) for p in prompts for r in ("Un merle.", "Une oie", "Un", "Non")])
    return [*groups, [model.encode("Qu'est-ce que c'est ?", option) for option in ("Un merle.", "Oui")]]


@torch.inference_mode()
def test_a_tree_gives_what_its_sequences_give(tiny: Any) -> None:
    torch.manual_seed(3)
    features = torch.randn(3, 4, 16)
    groups = questions(tiny)
    # Trees of several lengths, so that all but one are padded.
    trees = [groups[0] + groups[1], groups[2], groups[3]]
    batch = collate(trees, tiny.image_token, tiny.end_token)
    logprobs = tiny.target_logprobs(batch, features)
    sequences = [s for tree in trees for s in tree]
    expected = torch.cat([one_by_one(tiny, s, features) for s in sequences])
    torch.testing.assert_close(logprobs, expected, rtol=0, atol=1e-4)
    assert batch.sequences == len(sequences)
    assert batch.owners.tolist() == [i for i, s in enumerate(sequences) for _ in s.reply]
    assert batch.targets.tolist() == [token for s in sequences for token in s.reply]
    assert batch.nodes < 0.5 * sum(map(len, sequences)), "shared prefixes are computed once"


@torch.inference_mode()
def test_padding_changes_nothing(tiny: Any) -> None:
    torch.manual_seed(3)
    features = torch.randn(3, 4, 16)
    groups = questions(tiny)
    alone = tiny.target_logprobs(collate([groups[3]], tiny.image_token, 5), features)
    long = [s for group in groups[:3] for s in group]
    padded = tiny.target_logprobs(collate([groups[3], long], tiny.image_token, 7), features)
    torch.testing.assert_close(padded[: len(alone)], alone, rtol=0, atol=1e-5)
    assert torch.isfinite(padded).all()


@torch.inference_mode()
def test_a_picture_is_seen(tiny: Any) -> None:
    torch.manual_seed(3)
    features = torch.randn(2, 4, 16) * 5
    given = [[tiny.encode("Quoi ?", "Un merle", picture)] for picture in (0, 1)]
    batch = collate(given, tiny.image_token, tiny.end_token)
    first, second = tiny.target_logprobs(batch, features).split(len(given[0][0].reply))
    assert (first - second).abs().max() > 1e-4


def test_shapes_of_a_tree() -> None:
    given = [sequence((1, 2), (3, 4)), sequence((1, 2), (3, 5)), sequence((1, 6)), sequence((2,))]
    tree, paths = tree_of(given, IMAGE)
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


def test_pictures_do_not_share_tokens() -> None:
    tree, (first, second) = tree_of([sequence((1, IMAGE, IMAGE, 2), (3,), picture) for picture in (0, 1)], IMAGE)
    assert first[0] == second[0]
    assert not set(first[1:]) & set(second[1:])
    assert [tree.marks[node] for node in second] == [(TEXT, 0), (1, 0), (1, 1), (TEXT, 0), (TEXT, 0)]


def test_a_batch_knows_where_pictures_go() -> None:
    batch = collate([[sequence((1, IMAGE, IMAGE), (2,), 7)], [sequence((3,), (4,))]], IMAGE, PAD)
    assert batch.tokens.tolist() == [[1, IMAGE, IMAGE, 2], [3, 4, PAD, PAD]]
    assert batch.positions.tolist() == [[0, 1, 2, 3], [0, 1, 0, 0]]
    assert batch.image_nodes.tolist() == [1, 2]
    assert batch.image_rows.tolist() == [[7, 0], [7, 1]]
    assert batch.predictors.tolist() == [2, 4]
    assert batch.mask[1, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert (batch.sequences, batch.nodes) == (2, 6)


@pytest.mark.parametrize("most", [1, 20, 60, 1000])
def test_trees_hold_whole_groups_in_order(most: int) -> None:
    drawn = random.Random(most)
    groups = [
        [sequence((1, 2, picture), tuple(drawn.randrange(3, 9) for _ in range(drawn.randint(1, 6)))) for _ in range(3)]
        for picture in range(10, 40)
    ]
    trees = grow_trees(groups, IMAGE, most)
    assert [index for tree in trees for index in tree] == list(range(len(groups)))
    sizes = []
    for indices in trees:
        tree, _ = tree_of([given for index in indices for given in groups[index]], IMAGE)
        sizes.append(len(tree))
        assert len(tree) <= most or len(indices) == 1
    if most == 60:
        assert sum(len(indices) > 1 for indices in trees) > len(trees) / 2, "trees are filled"
    assert len(trees) == (1 if most == 1000 else len(groups) if most == 1 else len(trees))


def test_no_groups_no_trees() -> None:
    assert grow_trees([], IMAGE, 10) == []
