"""The same bytes on Ray as here; with a real Ray, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.endpoints.budget import Spent

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install 'passerelle[ray]'")

# Two fake engines that workers can import: one that works, one that is missing something.
ENGINES = """
from passerelle.errors import MissingDependency
from passerelle.translation.engines import registry as engines
from passerelle.translation.base import FakeTranslator

def missing(*given):
    raise MissingDependency("it isn't installed. Install it with: sudo apt-get install it")

engines.ENGINES["fake"] = lambda *given: FakeTranslator()
engines.ENGINES["missing"] = missing
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Rows for more than two chunks, with a bad one and one that no engine keeps whole."""
    rows: list[Any] = [
        {"id": n, "text": f"<image>\nDog {chr(97 + n % 26)}{chr(97 + n // 26)}. Cat."} for n in range(600)
    ]
    lines = [json.dumps(row) for row in rows]
    lines[300] = "{"
    lines[301] = json.dumps({"id": 301, "text": "a", "image": "/etc/passwd"})
    # Ends no sentence where one's own file of English says so.
    lines[302] = json.dumps({"id": 302, "text": "It is zqx. Five of them."})
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "en.toml").write_text('[sentences]\nbefore_name = "zqx"\n')
    (tmp_path / "en.jsonl").write_text("\n".join(lines) + "\n")
    # Python imports it at its start, in the workers too.
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(ENGINES)
    return tmp_path


def translate(data: Path, out: str, engine: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["-c", "from passerelle.cli import main; main()", "translate", "en.jsonl", "--to", "fr", "--json"]
    command += [
        "--fields",
        "text",
        "--image-fields",
        "image",
        "--out",
        out,
        "--memory",
        f"{out}.sqlite",
        "--languages",
        "languages",
    ]
    paths = os.pathsep.join([str(data / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *command, "--engine", engine, *options],
        cwd=data,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=900,
    )


@needs_ray
@pytest.mark.timeout(1800)  # starting Ray takes seconds, or minutes on a busy machine
def test_two_workers_write_what_one_process_writes(data: Path) -> None:
    here, there = translate(data, "here.jsonl", "fake"), translate(data, "there.jsonl", "fake", "--runner", "ray")
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    for name in ("{}", "{}.rejects.jsonl"):
        assert (data / name.format("there.jsonl")).read_bytes() == (data / name.format("here.jsonl")).read_bytes()
    one, other = json.loads(here.stdout), json.loads(there.stdout)
    for key in ("rows", "written", "rejected", "texts", "segments", "unique", "characters", "ways", "engine"):
        assert one[key] == other[key], key
    again = translate(data, "there.jsonl", "fake", "--runner", "ray")
    assert json.loads(again.stdout)["translated"] == 0
    whole = [
        row["text"] for row in map(json.loads, (data / "there.jsonl").read_text().splitlines()) if row["id"] == 302
    ]
    assert whole == ["[fr] It is zqx. Five of them."], "workers know one's own file, too"


@needs_ray
@pytest.mark.timeout(1800)
def test_what_a_worker_lacks_is_one_line(data: Path) -> None:
    done = translate(data, "fr.jsonl", "missing", "--runner", "ray")
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().splitlines()[-1].endswith("Install it with: sudo apt-get install it")
    assert "Traceback" not in done.stderr
    assert not (data / "fr.jsonl").exists()


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_says_how_to_get_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    arguments = ["en.jsonl", "--to", "fr", "--fields", "text", "--out", "fr.jsonl", "--runner", "ray"]
    done = CliRunner().invoke(main, ["translate", *arguments])
    assert done.exit_code == 2
    assert "pip install 'passerelle[ray]'" in done.stderr


def test_what_workers_spent_is_added() -> None:
    assert Spent(1, 2, 3, 0.5) + Spent(10, 20, 30, 0.25) == Spent(11, 22, 33, 0.75)
