"""Training the embedded base: its examples, and a build that is stopped and goes on. Models are tiny, pictures real."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from experiments.base import alignment, build
from experiments.base.check import check
from experiments.base.encoding import PairEncoder
from experiments.base.matching import GROUP
from experiments.base.pictures import own_pictures, training_pictures
from experiments.base.sampling import YES_NO, Sampler
from passerelle.errors import InputError
from passerelle.example import splits
from passerelle.models.conversing import Encoded
from passerelle.records import Picture, Text

WORDS = [
    "anvil",
    "badger",
    "cello",
    "dinghy",
    "easel",
    "ferret",
    "gherkin",
    "harpoon",
    "ibis",
    "jigsaw",
    "kayak",
    "lute",
]


def _words() -> list[Picture]:
    return [
        Picture(f"wordnet/{name}", "wordnet", "thing", name, Path("none"), {"en": Text(name, "en", "native")})
        for name in WORDS
    ]


class _Letters:
    """Embeds a text as how often it has each letter."""

    def __call__(self, texts: list[str]) -> torch.Tensor:
        counts = torch.tensor([[text.lower().count(letter) for letter in "abcdefghilmnorstu"] for text in texts])
        return torch.nn.functional.normalize(counts.float() + 0.1, dim=1)


def _joined(fresh: Callable[[], Any]) -> tuple[Any, Any]:
    tiny = fresh()
    return tiny.model.to(torch.bfloat16), tiny.processor


@pytest.fixture(scope="module")
def some() -> list[Picture]:
    """A few stamps of the training side and fewer that are held out."""
    pictures = [p for p in own_pictures() if p.source == "stamps" and p.path.suffix == ".png"]
    by_side = {side: [p for p in pictures if splits.stored().get(p.id) == side] for side in ("train", "test")}
    return by_side["train"][:40] + by_side["test"][:8]


@pytest.fixture
def small(
    some: list[Picture], fresh: Callable[[], Any], empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Picture]:
    """Makes a build take seconds: few pictures, few words, a tiny model, short stages."""
    monkeypatch.setattr(build, "own_pictures", lambda: some)
    monkeypatch.setattr(build, "other_pictures", list)
    monkeypatch.setattr(build.wordnet, "read_words", _words)
    monkeypatch.setattr(build, "SentenceEncoder", _Letters)
    monkeypatch.setattr(build.embedded, "join", lambda seed: _joined(fresh))
    monkeypatch.setattr(alignment, "STEPS", 10)
    for name in ("MATCHING_STAGE", "JUDGING_STAGE"):
        short = dataclasses.replace(getattr(build, name), tokens=8_000, nodes_per_tree=256, trees_per_step=1)
        monkeypatch.setattr(build, name, short)
    return some


def test_a_build_that_was_stopped_ends_as_one_that_was_not(
    small: list[Picture], fresh: Callable[[], Any], empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build.build(tmp_path / "whole.safetensors")
    assert not list((empty_cache / "base-build").iterdir()), "checkpoints of a build that is done are of no use"

    stages = []
    train = build.train_stage

    def stopping(model: Any, name: str, *rest: Any, watch: Callable[[int, int, float], None], **named: Any) -> Any:
        def watched(step: int, steps: int, loss: float) -> None:
            watch(step, steps, loss)
            stages.append((name, step))
            if stages[-1] == ("judging", 28) and stages.count(stages[-1]) == 1:
                raise KeyboardInterrupt

        return train(model, name, *rest, watch=watched, **named)

    monkeypatch.setattr(build, "train_stage", stopping)
    with pytest.raises(KeyboardInterrupt):
        build.build(tmp_path / "again.safetensors")
    assert not (tmp_path / "again.safetensors").exists()
    first = len(stages)
    again = build.build(tmp_path / "again.safetensors")
    went_on = stages[first:]
    assert ("matching", 1) not in went_on
    assert ("judging", 26) in went_on and ("judging", 25) not in went_on
    assert again.read_bytes() == whole.read_bytes()
    started = load_file(whole)
    untrained = dict(fresh().model.model.multi_modal_projector.named_parameters())
    assert all(not torch.equal(started[f"projector.{name}"].float(), value) for name, value in untrained.items())
    assert any(value.abs().sum() > 0 for name, value in started.items() if name.endswith(".B"))


def test_no_held_out_picture_is_trained_on(small: list[Picture], fresh: Callable[[], Any]) -> None:
    pictures, features = training_pictures(build.as_pretrained(*_joined(fresh)), small, [])
    assert len(pictures) == len(features) == 40
    assert {splits.stored()[p.id] for p in pictures} == {"train"}


@pytest.fixture
def sampler(some: list[Picture], tiny: Any) -> Any:
    encode = PairEncoder(build.as_pretrained(tiny.model, tiny.processor))
    return Sampler(encode, some[:24], _words(), views=2)


def _drawn(examples: Any) -> list[tuple[int, list[int]]]:
    return [(_row(each), _reply(each)) for example in examples for each in example]


def _row(encoded: Encoded) -> int:
    (picture,) = encoded.images
    return int(picture.name)


def _reply(encoded: Encoded) -> list[int]:
    return [token for token in encoded.labels.tolist() if token >= 0]


def test_groups_set_each_picture_before_each_caption_of_its_group(sampler: Any, tiny: Any) -> None:
    examples = sampler.groups(3_000, seed=1)
    rows = set()
    for group in examples:
        assert len(group) == GROUP * GROUP
        table = [group[start : start + GROUP] for start in range(0, GROUP * GROUP, GROUP)]
        assert all(len({_row(s) for s in line}) == 1 for line in table)
        assert all([_reply(s) for s in line] == [_reply(s) for s in table[0]] for line in table)
        said = [bytes(tiny.tokenizer.decode(_reply(line[at])), "utf-8") for at, line in enumerate(table)]
        assert len(set(said)) == GROUP
        rows |= {_row(line[0]) for line in table}
    assert any(row < 24 for row in rows) and any(24 <= row < 48 for row in rows), "both views of the pictures"
    assert any(row >= 48 for row in rows), "words"
    found = [_drawn(sampler.groups(3_000, seed=seed)) for seed in (1, 1, 2)]
    assert _drawn(examples) == found[0] == found[1] != found[2]


def test_turns_are_a_caption_and_yes_no_questions(sampler: Any, tiny: Any) -> None:
    examples = sampler.turns(4_000, seed=1)
    assert sum(len(s) for turns in examples for s in turns) > 4_000
    for turns in examples:
        assert len({_row(s) for s in turns}) == 1
        replies = [tiny.tokenizer.decode(_reply(s)) for s in turns]
        assert sum(reply.startswith(("Yes", "No")) for reply in replies) == YES_NO == len(turns) - 1


def test_learnt_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no learnt weights"):
        check("test", learnt=tmp_path / "none.safetensors")
