"""Samples in steps: batches of like length, and of the same picture where asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from passerelle.adapt.feed import plan_steps
from passerelle.adapt.run import adapt
from passerelle.adapt.settings import AdaptSettings

LENGTHS = [7, 3, 9, 3, 8, 2, 9, 1, 5, 5, 6, 4] * 8


def test_every_row_is_in_one_batch_and_batches_hold_like_lengths() -> None:
    steps = plan_steps(LENGTHS, batch=4, batches=2, steps=100, seed=1)
    assert sorted(row for step in steps for batch in step for row in batch) == list(range(len(LENGTHS)))
    assert [len(step) for step in steps] == [2] * 12
    assert max(max(LENGTHS[r] for r in b) - min(LENGTHS[r] for r in b) for step in steps for b in step) <= 1
    means = [sum(LENGTHS[row] for batch in step for row in batch) for step in steps]
    assert means != sorted(means), "steps are shuffled"
    assert plan_steps(LENGTHS, 4, 2, 100, seed=1) == steps != plan_steps(LENGTHS, 4, 2, 100, seed=2)
    assert plan_steps(LENGTHS, 4, 2, 5, seed=1) == steps[:5]


def test_groups_are_kept_together() -> None:
    groups = [row % 24 for row in range(len(LENGTHS))]  # four rows each, of one length
    steps = plan_steps(LENGTHS, batch=4, batches=2, steps=100, seed=1, groups=groups)
    assert sorted(row for step in steps for batch in step for row in batch) == list(range(len(LENGTHS)))
    assert all(len({groups[row] for row in batch}) == 1 for step in steps for batch in step)


@pytest.mark.parametrize("together", [True, False])
def test_a_picture_with_several_questions(
    settings: Callable[..., AdaptSettings], tmp_path: Path, data: Path, together: bool
) -> None:
    rows = [
        {
            "image": f"{number % 4}.png",
            "conversations": [
                {"from": "human", "value": f"<image>\nQuestion {number // 4} ?"},
                {"from": "gpt", "value": "Oui."},
            ],
        }
        for number in range(16)
    ]
    path = data / f"questions-{together}.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    chosen = settings(data=[{"path": str(path), "language": "fr"}], max_steps=4, group_by_picture=together)
    (stage,) = adapt(chosen)["stages"]
    shown, computed = stage["mix"]["tokens"]["all"], stage["record"]["tokens"]
    assert stage["record"]["samples"] == 16
    assert (computed < 0.6 * shown) is together
