"""The projector's start: pictures come to lie by their captions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from passerelle.methods import contrastive
from passerelle.methods.contrastive import TEMPERATURE, caption_embeddings, info_nce, start_projector

CAPTIONS = [f"{a}{b}" for a in "bcdfg" for b in ("at", "ow", "ill", "unk")]


def test_loss_by_hand() -> None:
    one = torch.eye(2)
    # Softmax over (1, 0) / T: each of the two directions.
    expected = 2 * torch.log(1 + torch.exp(torch.tensor(-1 / TEMPERATURE)))
    assert float(info_nce(one, one)) == pytest.approx(float(expected), abs=1e-6)
    crossed = float(info_nce(one, one.flip(0)))
    assert crossed == pytest.approx(2 / TEMPERATURE, rel=1e-3)


def test_equal_captions_are_no_mistake() -> None:
    seen = torch.eye(3)[[0, 0, 1]]
    said = torch.eye(3)[[0, 0, 1]]
    # Two pictures share a caption: half of the weight on each is the best that there is.
    assert float(info_nce(seen, said)) == pytest.approx(2 * 2 / 3 * torch.log(torch.tensor(2.0)).item(), abs=1e-3)


def test_captions_have_length_one(tiny: Any) -> None:
    found = caption_embeddings(tiny, ["A cat.", "the cat", "dogs", "!!"])
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(found[0], found[1])
    assert float(found[0] @ found[2]) < 0.95


def test_pictures_find_their_captions(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contrastive, "BATCH", 64)
    monkeypatch.setattr(contrastive, "NOISE", 0.1)
    torch.manual_seed(7)
    pictures = torch.randn(len(CAPTIONS), 1, 16) * 2 + 1
    features = pictures + 0.1 * torch.randn(len(CAPTIONS), 4, 16)
    tower = {name: p.clone() for name, p in tiny.tower.named_parameters()}
    last = start_projector(tiny, features, CAPTIONS, seed=1)
    # A batch holds each caption about 64 / 20 times, so the least loss is about 2 ln 3.2 = 2.3; guessing gives 8.3.
    assert last < 3.5
    with torch.no_grad():
        projected = tiny.projector(features)
        table = tiny.language_model.embed_tokens.weight[: tiny.image_token]
        seen = normalize((projected - table.mean(0)).mean(1), dim=1)
        nearest = (seen @ caption_embeddings(tiny, CAPTIONS).T).argmax(1)
    assert (nearest == torch.arange(len(CAPTIONS))).float().mean() > 0.8
    assert projected.std().item() == pytest.approx(table.detach().std().item(), rel=0.5), "as spread as words are"
    assert all(torch.equal(p, tower[name]) for name, p in tiny.tower.named_parameters())
