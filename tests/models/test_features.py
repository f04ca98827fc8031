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
from passerelle.models.features import FeatureCache, compute_features
from passerelle.pictures.opening import open_picture


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    (tmp_path / "pictures").mkdir()
    found = []
    for index in range(40):  # more than one batch
        path = tmp_path / "pictures" / f"{index}.png"
        Image.linear_gradient("L").rotate(9 * index).resize((30 + index, 40)).convert("RGB").save(path)
        found.append(path)
    return found


def test_features_are_those_of_the_tower(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    found = FeatureCache(tiny, tmp_path / "features").get(paths)
    assert (found.shape, found.dtype) == ((40, 4, 16), torch.bfloat16)
    assert torch.equal(found, torch.stack(compute_features(tiny, map(open_picture, paths))))
    alone = torch.stack(compute_features(tiny, [open_picture(paths[33])]))
    torch.testing.assert_close(found[33:34].float(), alone.float(), rtol=0.02, atol=0.02)
    assert len({tuple(row.flatten().tolist()) for row in found}) == 40


def test_the_second_time_nothing_is_computed(
    tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = FeatureCache(tiny, tmp_path / "features")
    before = first.get(paths)
    assert first.computed == 40
    monkeypatch.setattr("passerelle.models.features.compute_features", None)
    assert torch.equal(first.get(paths[::-1]), before.flip(0))
    second = FeatureCache(tiny, tmp_path / "features")
    assert torch.equal(second.get(paths), before)
    assert second.computed == 0


def test_only_new_pictures_are_computed(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    FeatureCache(tiny, tmp_path / "features").get(paths[:10])
    cache = FeatureCache(tiny, tmp_path / "features")
    told: list[tuple[int, int]] = []
    cache.get([*paths[5:15], paths[12]], lambda done, total: told.append((done, total)))
    assert cache.computed == 5
    assert told == [(5, 5)]


def test_a_changed_picture_is_another_one(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    cache = FeatureCache(tiny, tmp_path / "features")
    before = cache.get(paths[:2])
    paths[1].write_bytes(paths[0].read_bytes())
    after = cache.get(paths[:2])
    assert torch.equal(after[1], before[0])
    assert not torch.equal(before[0], before[1])
    assert cache.computed == 2, "the same picture under another name is known"


@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten"])
def test_a_broken_shard_is_made_again(
    tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr("passerelle.models.features.SHARD", 16)
    before = FeatureCache(tiny, tmp_path / "features").get(paths)
    shards = sorted((tmp_path / "features").rglob("*.safetensors"))
    assert len(shards) == 3
    content = shards[0].read_bytes()
    shards[0].write_bytes({"cut": content[:-7], "emptied": b"", "overwritten": b"\xff" * len(content)}[damage])
    cache = FeatureCache(tiny, tmp_path / "features")
    assert torch.equal(cache.get(paths), before)
    assert cache.computed in (8, 16), "the other shards are kept"
    again = FeatureCache(tiny, tmp_path / "features")
    again.get(paths)
    assert again.computed == 0


def test_another_tower_has_other_features(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    first = FeatureCache(tiny, tmp_path / "features")
    before = first.get(paths[:3])
    with torch.no_grad():
        tiny.tower.embeddings.convolution.weight.mul_(2)
    second = FeatureCache(tiny, tmp_path / "features")
    assert second.folder != first.folder
    assert not torch.equal(second.get(paths[:3]), before)
    assert second.computed == 3


def test_a_picture_that_cannot_be_read_stops_and_loses_nothing(
    tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerelle.models.features.SHARD", 16)
    paths[20].write_text("no picture")
    with pytest.raises(InputError, match=r"20\.png"):
        FeatureCache(tiny, tmp_path / "features").get(paths)
    cache = FeatureCache(tiny, tmp_path / "features")
    cache.get([path for index, path in enumerate(paths) if index != 20])
    assert cache.computed == 39 - 16, "what was computed before is kept"


def test_a_missing_picture_is_named(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    paths[1].unlink()
    with pytest.raises(InputError, match=r"no picture at .*1\.png"):
        FeatureCache(tiny, tmp_path / "features").get(paths[:3])


def test_a_full_disk(tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="the disk is full"):
            FeatureCache(tiny, tmp_path / "features").get(paths[:3])
    cache = FeatureCache(tiny, tmp_path / "features")
    assert len(cache.get(paths[:3])) == 3
    assert cache.computed == 3
