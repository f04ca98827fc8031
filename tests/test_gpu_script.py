"""What `benchmarks/gpu.sh` is made of: sizes as published, wheels with a version, a table that says what went wrong."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

from families.tiny import BUILDERS

ROOT = Path(__file__).resolve().parents[1]
# As the model cards on the Hub count them.
BILLIONS = {"SmolVLM-256M": 0.256, "SmolVLM-2.2B": 2.246, "Qwen2.5-VL-3B": 3.755, "LLaVA-1.5-7B": 7.063}


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "benchmarks"))


@pytest.mark.parametrize("name", BILLIONS)
def test_a_shape_has_as_many_parameters_as_its_model(name: str) -> None:
    from gpu.shapes import SHAPES, sized

    family = SHAPES[name]["family"]
    config = sized(BUILDERS[family](family)[0].config, name)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    count = sum(value.numel() for value in model.parameters()) / 1e9
    assert count == pytest.approx(BILLIONS[name], abs=0.001)
    assert SHAPES[name]["source"].endswith("config.json")


def test_every_wheel_has_one_version() -> None:
    pinned = {
        re.split("==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    lines = (ROOT / "benchmarks" / "gpu" / "wheels.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted == sorted(wanted)
    free = {line.lower().replace("_", "-") for line in wanted if "==" not in line} - pinned
    assert not free


def test_a_part_that_is_cut_off_or_fails_is_named_and_keeps_its_rows(tmp_path: Path) -> None:
    from gpu.run import Part, Table, run

    table = Table(tmp_path, {"device": "none"})
    row = json.dumps({"what": "known|early", "target": "2×", "measured": "3×", "figures": {"times": 3}})
    slow = f"import time; print({row!r}, flush=True); time.sleep(60)"
    run(Part("slow", 0, ("timeit", "-n", "1", "-r", "1", slow)), 3, False, table)
    run(Part("failing", 0, ("gpu.absent",)), 30, False, table)
    measured = [(each["part"], each["what"], each["measured"]) for each in table.rows]
    assert measured[:2] == [("slow", "known|early", "3×"), ("slow", "the rest", "**cut off** after 3 s")]
    assert measured[2] == ("failing", "the whole part", "**failed** with exit code 1; see failing.log")
    assert "No module named" in (tmp_path / "failing.log").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"] == table.rows
    lines = (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()
    assert "| slow | known/early | 2× | 3× |" in lines


def test_a_wheel_is_made_smaller_and_installs(tmp_path: Path) -> None:
    from gpu.wheels import UNNEEDED, install, leave_out

    wheel = tmp_path / "wheels" / "bits_and_more-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    libraries = [f"bitsandbytes/libbitsandbytes_{name}.so" for name in ("cpu", "cuda118", "cuda130", "rocm64")]
    about = "bits_and_more-1.0.dist-info"
    record = "".join(f"{name},,\n" for name in [*libraries, f"{about}/METADATA", f"{about}/WHEEL", f"{about}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as file:
        for name in libraries:
            file.writestr(name, "code")
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: bits-and-more\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", record)
    leave_out(wheel, UNNEEDED["bitsandbytes"])
    install(wheel.parent, tmp_path / "site")
    assert {path.name for path in (tmp_path / "site" / "bitsandbytes").iterdir()} == {
        "libbitsandbytes_cpu.so",
        "libbitsandbytes_cuda130.so",
    }
    assert (tmp_path / "site" / about).is_dir()


def test_what_is_there_is_not_installed_again(tmp_path: Path) -> None:
    from gpu.wheels import install

    wheels, site = tmp_path / "wheels", tmp_path / "site"
    wheels.mkdir()
    (wheels / "pytest-0.1-py3-none-any.whl").write_bytes(b"not a wheel: installing it would fail")
    install(wheels, site)
    assert [*site.iterdir()] == []
