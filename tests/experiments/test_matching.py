"""Captions find their pictures: groups, and a loss from which the words' own likelihood cancels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from experiments.base.matching import GROUP, draw_groups, matching_loss
from passerelle.records import Picture


def _pictures(count: int, concepts: int, categories: int) -> list[Picture]:
    return [
        Picture(f"p{i}", "source", f"category {i % categories}", f"concept {i % concepts}", Path("none"))
        for i in range(count)
    ]


def test_groups_hold_different_concepts() -> None:
    groups = draw_groups(_pictures(100, 40, 5), seed=1)
    assert len(groups) >= 20
    assert all(len({p.concept for p in group}) == GROUP == len(group) for group in groups)
    drawn = [p.id for group in groups for p in group]
    assert len(drawn) == len(set(drawn))
    assert groups == draw_groups(_pictures(100, 40, 5), seed=1)
    assert groups != draw_groups(_pictures(100, 40, 5), seed=2)


def test_about_half_of_the_groups_are_hard() -> None:
    groups = draw_groups(_pictures(400, 400, 8), seed=3)
    hard = sum(len({p.category for p in group}) == 1 for group in groups) / len(groups)
    assert 0.4 < hard < 0.6


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_what_fills_no_group_is_left_out(count: int) -> None:
    assert all(len(group) == GROUP for group in draw_groups(_pictures(count, count or 1, 1), seed=0))
    assert draw_groups(_pictures(12, 1, 1), seed=0) == []


def _owners() -> torch.Tensor:
    """Return the rows of the targets of two groups; caption j has j + 1 tokens."""
    return torch.arange(2 * GROUP * GROUP).repeat_interleave(torch.tensor([1, 2, 3, 4]).repeat(2 * GROUP))


def test_loss_by_hand() -> None:
    owners = _owners()
    logprobs = torch.full((len(owners),), -1.0)
    # Each caption is as likely for all four pictures; the right ones lose 1 nat a token.
    assert float(matching_loss(logprobs, owners)) == pytest.approx(torch.log(torch.tensor(4.0)).item() + 1)
    own = torch.tensor([i % 16 // 4 == i % 4 for i in range(32)])[owners]
    found = torch.where(own, 0.0, -50.0)
    assert float(matching_loss(found, owners)) == pytest.approx(0, abs=1e-6)
    assert float(matching_loss(torch.where(own, -50.0, 0.0), owners)) > 50


def test_how_likely_words_are_by_themselves_cancels() -> None:
    owners = _owners()
    torch.manual_seed(0)
    logprobs = torch.randn(len(owners))
    own = torch.tensor([i % 16 // 4 == i % 4 for i in range(32)])[owners]
    text = torch.arange(32)[owners] % 4
    likelier = logprobs + torch.tensor([3.0, -1.0, 0.5, 7.0])[text]
    matching = [float(matching_loss(values, owners) + values[own].mean()) for values in (logprobs, likelier)]
    assert matching[0] == pytest.approx(matching[1], abs=1e-4)
