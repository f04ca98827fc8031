"""Vision features: computed once, whatever breaks in between."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from passerelle.errors import InputError, StorageError
from passerelle.models.vision_cache import VisionFeatures


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    (tmp_path / "pictures").mkdir()
    found = []
    for index in range(40):  # more than one batch
        path = tmp_path / "pictures" / f"{index}.png"
        Image.linear_gradient("L").rotate(9 * index).resize((30 + index, 40)).convert("RGB").save(path)
        found.append(path)
    return found


def get(vision: VisionFeatures, paths: list[Path]) -> torch.Tensor:
    """Return what the language model takes of each picture [pictures, tokens, hidden]."""
    vision.prepare([path] for path in paths)
    found: torch.Tensor = vision.outputs([path] for path in paths)["image"].pooler_output
    return found.view(len(paths), 4, -1)


def test_features_are_those_of_the_tower(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    found = get(VisionFeatures(tiny, tmp_path), paths)
    with torch.no_grad():
        pixels = tiny.processor.image_processor([Image.open(path) for path in paths], return_tensors="pt")
        expected = tiny.model.get_image_features(**pixels).pooler_output
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert len({tuple(row.flatten().tolist()) for row in found}) == len(paths)


def test_the_second_time_nothing_is_computed(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    first = VisionFeatures(tiny, tmp_path)
    before = get(first, paths)
    assert torch.equal(get(first, paths[::-1]), before.flip(0))
    assert first.computed == 40
    second = VisionFeatures(tiny, tmp_path)
    assert torch.equal(get(second, paths), before)
    assert second.computed == 0


def test_only_new_pictures_are_computed(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    get(VisionFeatures(tiny, tmp_path / "features"), paths[:10])
    cache = VisionFeatures(tiny, tmp_path / "features")
    told: list[tuple[int, int]] = []
    cache.prepare([[path] for path in [*paths[5:15], paths[12]]], lambda done, total: told.append((done, total)))
    assert cache.computed == 5
    assert told == [(5, 5)]


def test_a_changed_picture_is_another_one(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    before = get(VisionFeatures(tiny, tmp_path / "features"), paths[:2])
    paths[1].write_bytes(paths[0].read_bytes())
    cache = VisionFeatures(tiny, tmp_path / "features")  # files are read once by each
    after = get(cache, paths[:2])
    assert torch.equal(after[1], before[0])
    assert not torch.equal(before[0], before[1])
    assert cache.computed == 0, "the same picture under another name is known"


@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten"])
def test_a_broken_shard_is_made_again(
    tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr("passerelle.models.vision_cache.SHARD", 16)
    before = get(VisionFeatures(tiny, tmp_path / "features"), paths)
    shards = sorted((tmp_path / "features").rglob("*.safetensors"))
    assert len(shards) == 3
    content = shards[0].read_bytes()
    shards[0].write_bytes({"cut": content[:-7], "emptied": b"", "overwritten": b"\xff" * len(content)}[damage])
    cache = VisionFeatures(tiny, tmp_path / "features")
    assert torch.equal(get(cache, paths), before)
    assert cache.computed in (8, 16), "the other shards are kept"
    again = VisionFeatures(tiny, tmp_path / "features")
    get(again, paths)
    assert again.computed == 0


def test_another_tower_has_other_features(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    first = VisionFeatures(tiny, tmp_path / "features")
    before = get(first, paths[:3])
    with torch.no_grad():
        tiny.model.model.vision_tower.embeddings.convolution.weight.mul_(2)
    second = VisionFeatures(tiny, tmp_path / "features")
    assert second._folder != first._folder
    assert not torch.equal(get(second, paths[:3]), before)
    assert second.computed == 3


def test_a_picture_that_cannot_be_read_stops_and_loses_nothing(
    tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerelle.models.vision_cache.SHARD", 16)
    paths[20].write_text("no picture")
    with pytest.raises(InputError, match=r"20\.png"):
        get(VisionFeatures(tiny, tmp_path / "features"), paths)
    cache = VisionFeatures(tiny, tmp_path / "features")
    get(cache, [path for index, path in enumerate(paths) if index != 20])
    assert cache.computed == 39 - 16, "what was computed before is kept"


def test_a_missing_picture_is_named(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    paths[1].unlink()
    with pytest.raises(InputError, match=r"no picture at .*1\.png"):
        get(VisionFeatures(tiny, tmp_path / "features"), paths[:3])


def test_a_full_disk(tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="the disk is full"):
            get(VisionFeatures(tiny, tmp_path / "features"), paths[:3])
    cache = VisionFeatures(tiny, tmp_path / "features")
    assert len(get(cache, paths[:3])) == 3
    assert cache.computed == 3
