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


def known(features: VisionFeatures, paths: list[Path]) -> torch.Tensor:
    """Return what the language model takes of pictures [pictures, tokens, hidden]; what isn't known is computed."""
    features.prepare([[path] for path in paths])
    pooled: torch.Tensor = features.outputs([[path] for path in paths])["image"].pooler_output
    return pooled.reshape(len(paths), 4, -1).detach()


def test_features_are_those_of_the_model(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    found = known(VisionFeatures(tiny, tmp_path / "features"), paths)
    pixels = tiny.processor.image_processor([open_picture(p) for p in paths], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = tiny.model.get_image_features(pixels).pooler_output
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert len({tuple(row.flatten().tolist()) for row in found}) == 40


def test_the_second_time_nothing_is_computed(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    first = VisionFeatures(tiny, tmp_path / "features")
    before = known(first, paths)
    assert first.computed == 40
    assert torch.equal(known(first, paths[::-1]), before.flip(0))
    second = VisionFeatures(tiny, tmp_path / "features")
    assert torch.equal(known(second, paths), before)
    assert (first.computed, second.computed) == (40, 0)


def test_only_new_pictures_are_computed(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    known(VisionFeatures(tiny, tmp_path / "features"), paths[:10])
    cache = VisionFeatures(tiny, tmp_path / "features")
    told: list[tuple[int, int]] = []
    cache.prepare([[path] for path in (*paths[5:15], paths[12])], lambda done, total: told.append((done, total)))
    assert cache.computed == 5
    assert told == [(5, 5)]


def test_a_changed_picture_is_another_one(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    before = known(VisionFeatures(tiny, tmp_path / "features"), paths[:2])
    paths[1].write_bytes(paths[0].read_bytes())
    cache = VisionFeatures(tiny, tmp_path / "features")
    after = known(cache, paths[:2])
    assert torch.equal(after[1], before[0])
    assert not torch.equal(before[0], before[1])
    assert cache.computed == 0, "the same picture under another name is known"


def test_a_flipped_bit_is_noticed_and_what_lies_with_it_is_computed_anew(
    tiny: Any, tmp_path: Path, paths: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = known(VisionFeatures(tiny, tmp_path / "features"), paths)
    (shard,) = (tmp_path / "features").rglob("*.safetensors")
    content = bytearray(shard.read_bytes())
    content[-1] ^= 0x40
    shard.write_bytes(content)
    again = VisionFeatures(tiny, tmp_path / "features")
    assert torch.equal(known(again, paths), before)
    assert (again.damaged, again.computed) == (40, 40)
    assert "features of 40 pictures were damaged: they are computed anew" in capsys.readouterr().err
    third = VisionFeatures(tiny, tmp_path / "features")
    assert torch.equal(known(third, paths), before)
    assert (third.damaged, third.computed) == (0, 0)


@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten"])
def test_a_broken_shard_is_made_again(
    tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr("passerelle.models.vision_cache.SHARD", 16)
    before = known(VisionFeatures(tiny, tmp_path / "features"), paths)
    shards = sorted((tmp_path / "features").rglob("*.safetensors"))
    assert len(shards) == 3
    content = shards[0].read_bytes()
    shards[0].write_bytes({"cut": content[:-7], "emptied": b"", "overwritten": b"\xff" * len(content)}[damage])
    cache = VisionFeatures(tiny, tmp_path / "features")
    assert torch.equal(known(cache, paths), before)
    assert cache.computed in (8, 16), "the other shards are kept"
    again = VisionFeatures(tiny, tmp_path / "features")
    known(again, paths)
    assert again.computed == 0


@pytest.mark.parametrize("part", ["vision_tower.embeddings.convolution", "multi_modal_projector.linear_1"])
def test_other_weights_have_other_features(tiny: Any, tmp_path: Path, paths: list[Path], part: str) -> None:
    before = known(VisionFeatures(tiny, tmp_path / "features"), paths[:3])
    with torch.no_grad():
        tiny.model.get_submodule(f"model.{part}").weight.mul_(2)
    second = VisionFeatures(tiny, tmp_path / "features")
    assert not torch.equal(known(second, paths[:3]), before)
    assert second.computed == 3


def test_a_picture_that_cannot_be_read_stops_and_loses_nothing(
    tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerelle.models.vision_cache.SHARD", 16)
    paths[20].write_text("no picture")
    with pytest.raises(InputError, match=r"20\.png"):
        known(VisionFeatures(tiny, tmp_path / "features"), paths)
    cache = VisionFeatures(tiny, tmp_path / "features")
    known(cache, [path for index, path in enumerate(paths) if index != 20])
    assert cache.computed == 39 - 16, "what was computed before is kept"


def test_a_missing_picture_is_named(tiny: Any, tmp_path: Path, paths: list[Path]) -> None:
    paths[1].unlink()
    with pytest.raises(InputError, match=r"no picture at .*1\.png"):
        known(VisionFeatures(tiny, tmp_path / "features"), paths[:3])


def test_a_full_disk(tiny: Any, tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="the disk is full"):
            known(VisionFeatures(tiny, tmp_path / "features"), paths[:3])
    cache = VisionFeatures(tiny, tmp_path / "features")
    assert len(known(cache, paths[:3])) == 3
    assert cache.computed == 3
