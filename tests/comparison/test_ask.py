"""Finding and loading a trained arm in a run folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from passerelle.compare.ask import find_arm, load_arm
from passerelle.config import Experiment
from passerelle.errors import InputError
from passerelle.runs import write_json


def make_arm(folder: Path, arm: str, seed: int, digest: str, age: int) -> Path:
    place = folder / "arms" / f"{arm}-seed{seed}-{digest}"
    settings = Experiment().model_dump(mode="json")
    write_json(place / "arm.json", {"arm": arm, "seed": seed, "experiment": settings})
    os.utime(place / "arm.json", (1_000_000 - age, 1_000_000 - age))
    return place


def test_find_arm(tmp_path: Path) -> None:
    old = make_arm(tmp_path, "lora-human", 1, "aaa", age=30)
    new = make_arm(tmp_path, "lora-human", 1, "bbb", age=20)
    other = make_arm(tmp_path, "lora-human", 2, "ccc", age=40)
    make_arm(tmp_path, "lora-mt", 1, "ddd", age=0)
    assert old != new
    assert find_arm("lora-human", tmp_path, None) == new
    assert find_arm("lora-human", tmp_path, 1) == new
    assert find_arm("lora-human", tmp_path, 2) == other


def test_an_arm_that_is_not_there(tmp_path: Path) -> None:
    make_arm(tmp_path, "lora-human", 1, "aaa", age=0)
    with pytest.raises(InputError, match=r"no arm 'lora-human' with seed 5 in .*--arms lora-human"):
        find_arm("lora-human", tmp_path, 5)
    with pytest.raises(InputError, match=r"no arm 'two-stage-mt' in"):
        find_arm("two-stage-mt", tmp_path, None)
    with pytest.raises(InputError, match="no arm"):
        find_arm("lora-human", tmp_path / "none", None)


def test_a_broken_record_is_passed_over(tmp_path: Path) -> None:
    old = make_arm(tmp_path, "lora-human", 1, "aaa", age=30)
    (make_arm(tmp_path, "lora-human", 1, "bbb", age=0) / "arm.json").write_text("{")
    assert find_arm("lora-human", tmp_path, None) == old


@pytest.mark.parametrize("arm", ["lora-human", "two-stage-mt"])
def test_weights_that_are_missing(tiny: Any, tmp_path: Path, arm: str) -> None:
    place = make_arm(tmp_path, arm, 1, "aaa", age=0)
    with pytest.raises(InputError, match="are broken. Run the comparison again"):
        load_arm(tiny, place)
