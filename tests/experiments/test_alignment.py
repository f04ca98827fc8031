"""Aligner and reader: pictures come to lie by their captions, and the language model reads what lies there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import gelu, normalize

from experiments.base import alignment
from experiments.base.alignment import TEMPERATURE, cross_fit, fit_aligner, imagine, info_nce, join, start_reader

PICTURES, WIDTH = 24, 12


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "BATCH", 64)
    monkeypatch.setattr(alignment, "NOISE", 0.1)
    monkeypatch.setattr(alignment, "STEPS", 200)
    monkeypatch.setattr(alignment, "DROPOUT", 0.0)


def _world(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Captions at random, and features that are a fixed linear view of them with some noise."""
    drawn = torch.Generator().manual_seed(seed)
    said = normalize(torch.randn(PICTURES, WIDTH, generator=drawn), dim=1)
    view = torch.randn(WIDTH, 16, generator=drawn)
    features = (said @ view)[:, None] * 2 + 1 + 0.1 * torch.randn(PICTURES, 4, 16, generator=drawn)
    return features, said


def test_loss_by_hand() -> None:
    one = torch.eye(2)
    # What is wanted and what is seen are both softmax((1, 0) / T): the loss is twice that distribution's entropy.
    likely = 1 / (1 + torch.exp(torch.tensor(-1 / TEMPERATURE)))
    entropy = -(likely * likely.log() + (1 - likely) * (1 - likely).clamp_min(1e-30).log())
    assert float(info_nce(one, one)) == pytest.approx(float(2 * entropy), abs=1e-6)
    assert float(info_nce(one, one.flip(0))) == pytest.approx(2 / TEMPERATURE, rel=1e-3)


def test_equal_captions_are_no_mistake() -> None:
    said = torch.eye(3)[[0, 0, 1]]
    # Two pictures share a caption: half of the weight on each is the best that there is.
    assert float(info_nce(said, said)) == pytest.approx(2 * 2 / 3 * torch.log(torch.tensor(2.0)).item(), abs=1e-3)


def test_pictures_find_their_captions(small: None) -> None:
    features, said = _world()
    aligned = fit_aligner(features, said, 32, seed=1)(features).mean(1)
    assert ((normalize(aligned, dim=1) @ said.T).argmax(1) == torch.arange(PICTURES)).float().mean() > 0.9
    assert aligned.norm(dim=1).mean().item() == pytest.approx(1, abs=0.05)


def test_cross_fitting_never_shows_a_picture_its_own_group(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    features, said = _world()
    groups = [f"concept {index // 2}" for index in range(PICTURES)]
    fitted = []

    def watched(features: Any, targets: Any, middle: int, *, seed: int, steps: int | None = None) -> Any:
        fitted.append({tuple(row.tolist()) for row in features.mean(1)})
        return fit_aligner(features, targets, middle, seed=seed)

    monkeypatch.setattr(alignment, "fit_aligner", watched)
    both_views = torch.cat([features, features + 0.01])
    aligned = cross_fit(both_views, said, groups, 32, seed=0)
    assert aligned.shape == (2 * PICTURES, 4, WIDTH)
    rows = [tuple(row.tolist()) for row in both_views.mean(1)]
    for fold in fitted:
        out = {groups[index % PICTURES] for index, row in enumerate(rows) if row not in fold}
        inside = {groups[index % PICTURES] for index, row in enumerate(rows) if row in fold}
        assert out and not out & inside


def test_imagined_pictures_err_as_real_ones_do() -> None:
    features, said = _world()
    aligned = torch.cat([0.5 * said[:, None] + 0.2 * torch.randn(PICTURES, 4, WIDTH)] * 2)
    words = normalize(torch.randn(400, WIDTH), dim=1)
    made = imagine(words, aligned, said, seed=3)
    assert made.shape == (400, 4, WIDTH)
    strength = (made * words[:, None]).sum(-1).mean().item()
    assert strength == pytest.approx((aligned * said.repeat(2, 1)[:, None]).sum(-1).mean().item(), abs=0.1)
    torch.testing.assert_close(made, imagine(words, aligned, said, seed=3))
    assert not torch.equal(made, imagine(words, aligned, said, seed=4))


def test_graded_words_are_anything_from_clean_to_as_noisy_as_pictures() -> None:
    _, said = _world()
    aligned = 0.3 * said[:, None] + 0.3 * torch.randn(PICTURES, 4, WIDTH)
    words = normalize(torch.randn(400, WIDTH), dim=1)
    made, noisy = (imagine(words, aligned, said, seed=3, graded=graded).mean(1) for graded in (True, False))
    cosine = (normalize(made, dim=1) * words).sum(1)
    assert cosine.max() > 0.99
    assert cosine.mean() > (normalize(noisy, dim=1) * words).sum(1).mean() + 0.1
    torch.testing.assert_close(made.norm(dim=1), aligned.mean(1).norm(dim=1).mean().expand(400))


def test_the_reader_starts_by_likeness() -> None:
    texts = normalize(torch.randn(300, WIDTH), dim=1)
    table = 0.1 * torch.randn(500, 20) + 0.3
    inputs = table.mean(0) + 0.05 * texts @ torch.randn(WIDTH, 20)
    reader = start_reader(texts, inputs, table)
    with torch.no_grad():
        read = reader(texts) - table.mean(0)
    cosine = (normalize(read, dim=1) * normalize(inputs - table.mean(0), dim=1)).sum(1)
    assert cosine.min() > 0.95
    assert read.std().item() == pytest.approx((table - table.mean(0)).std().item(), rel=0.05)


def test_joined_they_are_the_projector(tiny: Any, small: None) -> None:
    projector = tiny.model.model.multi_modal_projector
    features = torch.randn(PICTURES, 4, projector.linear_1.in_features)
    said = normalize(torch.randn(PICTURES, WIDTH), dim=1)
    aligner = fit_aligner(features, said, projector.linear_1.out_features, seed=1)
    reader = torch.nn.Linear(WIDTH, projector.linear_2.out_features)
    join(aligner, reader, projector)
    with torch.no_grad():
        by_parts = reader(aligner.second(gelu(aligner.first(features))))
        torch.testing.assert_close(
            projector(features.to(projector.linear_1.weight.dtype)).float(), by_parts, atol=0.05, rtol=0.05
        )
