"""Samples in steps: batches of like length, and of the same picture where asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from passerelle.adaptation import encoding
from passerelle.adaptation.data import read_pool
from passerelle.adaptation.feed import RowFeed, plan_steps
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings
from passerelle.errors import InputError
from passerelle.formats.conversations import read_conversations
from passerelle.models import batches
from passerelle.models.conversing import Encoder
from passerelle.models.pixels import PixelReader, Shown
from passerelle.models.pretrained import load_pretrained
from passerelle.models.vision_cache import VisionFeatures

LENGTHS = [7, 3, 9, 3, 8, 2, 9, 1, 5, 5, 6, 4] * 8


def test_every_row_is_in_one_batch_and_a_step_holds_what_the_mix_holds() -> None:
    steps = plan_steps(LENGTHS, batch=4, batches=3, steps=100, seed=1)
    held = [sorted(row for batch in step for row in batch) for step in steps]
    assert held == [list(range(start, start + 12)) for start in range(0, len(LENGTHS), 12)]
    assert [[LENGTHS[row] for row in batch] for batch in steps[0]] == [[1, 2, 3, 3], [4, 5, 5, 6], [7, 8, 9, 9]]
    assert plan_steps(LENGTHS, 4, 3, 5, seed=1) == steps[:5]
    assert [len(batch) for batch in plan_steps(LENGTHS[:10], 4, 3, 5, seed=1)[0]] == [4, 4, 2]


def test_groups_are_kept_together() -> None:
    groups = [row % 24 for row in range(len(LENGTHS))]  # four rows each, of one length
    steps = plan_steps(LENGTHS, batch=4, batches=2, steps=100, seed=1, groups=groups)
    assert sorted(row for step in steps for batch in step for row in batch) == list(range(len(LENGTHS)))
    assert all(len({groups[row] for row in batch}) == 1 for step in steps for batch in step)
    means = [sum(LENGTHS[row] for batch in step for row in batch) for step in steps]
    assert means != sorted(means), "steps are shuffled"
    assert plan_steps(LENGTHS, 4, 2, 100, 1, groups) == steps != plan_steps(LENGTHS, 4, 2, 100, 2, groups)


def test_the_next_batch_is_laid_out_while_one_is_computed(
    models: Callable[[str], Path], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = load_pretrained(models("llava"), dtype="float32")
    talks, _ = read_conversations(data / "fr.json", images=None, language="fr", origin="machine")
    rows = [row for talk in talks[:6] for row in Encoder(pretrained, 1000)(talk)]
    laid: list[int] = []
    lay_out = batches.lay_out
    monkeypatch.setattr(batches, "lay_out", lambda model, chosen: laid.append(len(chosen)) or lay_out(model, chosen))
    feed = RowFeed(pretrained, VisionFeatures(pretrained, None), rows, [[[0, 1], [2]], [[3, 4, 5]]])
    seen = []
    for step in range(2):
        for part in feed.parts(step):
            _ = part.layout
            part.while_computed()
            seen.append((part.samples, list(laid)))
    assert seen == [(2, [2, 1]), (1, [2, 1, 3]), (3, [2, 1, 3])], "each once, one ahead, and none behind the last"


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


@pytest.mark.parametrize("workers", [None, 2])
def test_workers_encode_what_one_process_encodes(
    settings: Callable[..., AdaptSettings],
    models: Callable[[str], Path],
    data: Path,
    workers: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoding, "_MANY", 2)
    files = [{"path": str(data / name), "language": "fr"} for name in ("fr.json", "text.jsonl")]
    pool = read_pool(settings("qwen2_vl", data=files))
    encoder = Encoder(load_pretrained(models("qwen2_vl"), dtype="float32"), 60)  # some are longer
    talks = [w.conversation for w in pool.train] * 2
    gone = replace(talks[0], id="gone", images=(data / "gone.png",))
    seen: list[tuple[int, int]] = []
    other = read_pool(settings("qwen2_vl", data=files))
    rows = pool.encode([*talks, gone], encoder, workers, lambda done, of: seen.append((done, of)))
    expected = other.encode([*talks, gone], encoder, 0)
    assert [row.id for row in rows] == [row.id for row in expected]
    for one, two in zip(rows, expected, strict=True):
        assert torch.equal(one.labels, two.labels)
        for found, wanted in ((one.tokens, two.tokens), (one.described, two.described)):
            assert found.keys() == wanted.keys()
            assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert pool.rejected == other.rejected
    assert {row["reason"] for row in pool.rejected} == {"too-long", "bad-image"}
    assert seen[-1] == (17, 17)


def test_pictures_read_ahead_are_the_same(models: Callable[[str], Path], data: Path) -> None:
    pretrained = load_pretrained(models("llava_next"), dtype="float32")
    pictures = [Shown(data / f"{number % 4}.png", f"{number}", number % 2 == 1) for number in range(12)]
    reader, plain = PixelReader(pretrained, 3), PixelReader(pretrained, 0)
    reader.ahead(pictures)
    for shown in pictures:
        found, expected = reader.get(shown), plain.get(shown)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert reader.get(pictures[0]) is reader.get(pictures[0]), "the first are kept"
    assert reader.get(pictures[9]) is not reader.get(pictures[9])
    reader.ahead([Shown(data / "gone.png", "gone", several=False)])
    with pytest.raises(InputError, match="gone"):
        reader.get(Shown(data / "gone.png", "gone", several=False))
