"""What a processor makes of a picture is remembered, and rows are as they are without."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from benchmark_files import write_spots
from families.tiny import FAMILIES, load
from passerelle.formats.conversations import Conversation, Message
from passerelle.models import pixels
from passerelle.models.conversing import Encoder
from passerelle.models.pixels import PictureMemory
from passerelle.models.pretrained import PretrainedModel

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    one, other = write_spots(folder / "a.png", 5), write_spots(folder / "b.png", 6)
    Image.open(other).resize((50, 120)).save(other)
    return one, other


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The pictures that were opened."""
    found: list[Path] = []
    inner = pixels.open_picture
    monkeypatch.setattr(pixels, "open_picture", lambda path: (found.append(path), inner(path))[1])
    yield found


def talks(one: Path, other: Path) -> list[Conversation]:
    found = []
    for images in ((one,), (other,), (), (one, other)):
        marks: tuple[Any, ...] = (None,) * len(images)
        for question, option in (("What is this?", "a cat"), ("Is it?", "two red boats")):
            messages = (Message("user", (*marks, question)), Message("assistant", (option,)))
            found.append(Conversation("", messages, images, "en", "native"))
    return found


def forgetful(pretrained: PretrainedModel) -> PretrainedModel:
    """Return the model as one of which nothing is known, and so nothing remembered."""
    return replace(pretrained, family=pretrained.family.model_copy(update={"detected": True}))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.dtype == other[name].dtype and torch.equal(value, other[name]), name


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_are_as_they_are_without(family: str, pictures: tuple[Path, Path], opened: list[Path]) -> None:
    pretrained = load(family)
    remembering, plain = Encoder(pretrained, 4000), Encoder(forgetful(pretrained), 4000)
    asked = talks(*pictures)
    for _ in range(2):
        for talk in asked:
            (row,), (expected,) = remembering(talk), plain(talk)
            same(row.tokens, expected.tokens)
            same(row.described, expected.described)
            assert torch.equal(row.labels, expected.labels)
            question = replace(talk, messages=talk.messages[:1])
            (found, shown), (wanted, _) = remembering.prompt(question), plain.prompt(question)
            same(found, wanted)
            assert shown == talk.images
    del opened[:]
    encoder = Encoder(pretrained, 4000)
    for talk in asked:
        encoder(talk)
        encoder.prompt(replace(talk, messages=talk.messages[:1]))
    one, other = pictures
    assert opened == [one, other, one, other], "once for each row of pictures"


def test_what_is_kept_is_light_and_bounded(pictures: tuple[Path, Path], opened: list[Path]) -> None:
    pretrained = load("llava_next")
    one, other = pictures
    memory = PictureMemory(pretrained, most=2)
    for shown in ((one,), (other,), (one,), (one, other), (one,), (other,)):
        memory.run("<image>" * len(shown), shown)
    assert opened == [one, other, one, other, other], "the one that was shown longest ago was forgotten"
    kept = memory.run("<image>", (one,))
    assert kept["pixel_values"].untyped_storage().nbytes() <= 8
    real = pretrained.processor(text=["<image>"], images=[[pixels.open_picture(one)]], return_tensors="pt")
    assert kept["pixel_values"].shape == real["pixel_values"].shape
    assert real["pixel_values"].any(), "the model's own processor makes pixels as before"


def test_threads_that_read_ahead_hold_no_model(pictures: tuple[Path, Path]) -> None:
    pretrained = load("llava")
    reader = pixels.PixelReader(pretrained, 0)
    shown = [pixels.Shown(path, str(path), False) for path in pictures]
    reader.ahead(shown)
    assert all(reader.get(one) for one in shown)
    held = weakref.ref(reader)
    del reader
    gc.collect()
    assert held() is None, "a thread that waits for pictures keeps the reader, and the model with it"
