"""The command line: what it refuses, in one line, with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from passerelle import __version__
from passerelle.cli import main
from passerelle.errors import RunError, StorageError

ROOT = Path(__file__).resolve().parents[1]
DEMO = str(ROOT / "experiments" / "demo.yaml")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def one_line(result: Result) -> str:
    """Return the only line on stderr."""
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return str(lines[0])


@pytest.fixture(scope="module")
def stamp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    path = tmp_path_factory.mktemp("picture") / "red.png"
    Image.new("RGB", (64, 64), "red").save(path)
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare", DEMO, "--arms", "foo"], "unknown arm 'foo'."),
        (["compare", DEMO, "--arms", "zero-shot,pipline"], "Did you mean 'pipeline'?"),
        (["compare", DEMO, "--arms", ","], "name at least one arm"),
        (["compare", "experiments/dmeo.yaml"], "no experiment file 'experiments/dmeo.yaml'"),
        (["compare", DEMO, "--target", "xx"], "unknown language 'xx'"),
        (["compare", DEMO, "--target", "frenhc"], "Did you mean 'French' (fr)?"),
        (["compare", DEMO, "--target", "en"], "the base is English already"),
        (["answer", "none.png", "What?", "--arm", "lora"], "which run is 'lora' an arm of?"),
        (["answer", "none.png", "What?"], "no picture at 'none.png'"),
        (["answer", "none.png", " "], "the question is empty"),
        (["answer", "none.png", "What?", "--language", "xx"], "unknown language 'xx'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    out = ["--out", str(tmp_path / "run")] if arguments[0] == "compare" else []
    result = run(*arguments, *out)
    assert result.exit_code == 2, result.output
    assert said in one_line(result)
    assert result.stdout == ""


def test_a_mistake_leaves_no_results(tmp_path: Path) -> None:
    assert run("compare", DEMO, "--target", "xx", "--out", str(tmp_path / "run")).exit_code == 2
    assert not (tmp_path / "run" / "results.json").exists()


def test_a_language_without_apertium_is_refused(tmp_path: Path) -> None:
    result = run("compare", DEMO, "--target", "de", "--threads", "1", "--out", str(tmp_path / "run"))
    assert result.exit_code == 2
    assert "no installed Apertium pair translates de to en" in one_line(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", DEMO, "--seeds", "one"],
        ["compare", DEMO, "--sedes", "1"],
        ["compare"],
        ["answer", "x.png", "What?", "--max-new-tokens", "0"],
        ["compair", DEMO],
        ["advise", "runs/demo", "--volume", "1/day", "--budget", "nan"],
        ["repair", "a.txt", "b.txt", "--to", "fr", "--out", "c.txt", "--good", "nan"],
        ["gate", "a.txt", "b.txt", "--to", "fr", "--out", "c.txt", "--keep-above", "inf"],
    ],
)
def test_wrong_options_are_exit_code_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert {"nan", "inf"}.isdisjoint(arguments) or "no number that can be compared" in result.stderr


@pytest.mark.parametrize("content", [b"not a picture", b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 30])
def test_a_file_that_is_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    result = run("answer", str(path), "What is this?")
    assert result.exit_code == 2
    assert str(path) in one_line(result)


def test_an_arm_that_was_not_trained(tmp_path: Path, stamp: Path) -> None:
    result = run("answer", str(stamp), "Quoi ?", "--arm", "lora-mt", "--run", str(tmp_path), "--seed", "3")
    assert result.exit_code == 2
    assert f"{str(tmp_path)!r} holds no run: `passerelle compare` makes one" in one_line(result)


@pytest.mark.parametrize(
    ("files", "run_as", "said"),
    [
        ({}, "gone", "no folder '{run}': give the folder of a run"),
        ({"file": ""}, "file", "no folder '{run}': give the folder of a run"),
        ({"x/config.json": "{}"}, "x", "'{run}' holds no run: `passerelle compare` makes one"),
        ({"x/run.json": "{}", "x/adapter/adapter_config.json": "{}"}, "x", "'{run}' holds no run"),
        ({"x/arms.json": "["}, "x", "holds no run"),
        ({"x/arms.json": "[]"}, "x", "arms.json' is broken"),
        ({"x/arms.json": '{"arms": [{"name": 3}]}'}, "x", "arms.json' is broken"),
    ],
)
@pytest.mark.parametrize("arm", [["--arm", "lora"], []])
def test_answer_of_what_is_no_run(
    tmp_path: Path, stamp: Path, files: dict[str, str], run_as: str, said: str, arm: list[str]
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    result = run("answer", str(stamp), "Quoi ?", "--run", str(tmp_path / run_as), *arm)
    assert result.exit_code == 2
    assert said.format(run=tmp_path / run_as) in one_line(result)


def test_no_traceback_in_a_real_process(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_text("not a picture")
    command = [sys.executable, "-m", "passerelle", "answer", str(path), "What is this?"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"passerelle: {str(path)!r} is not a picture that can be read (PNG, JPEG, WebP, GIF, BMP).\n"


@pytest.mark.parametrize(
    ("error", "code"), [(RunError("it broke"), 1), (StorageError("the disk is full"), 1), (KeyboardInterrupt(), 130)]
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr("passerelle.doctor.diagnose", fail)
    result = run("doctor")
    assert result.exit_code == code
    assert (str(error) or "the same command goes on from there") in one_line(result)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("passerelle.doctor.diagnose", fail)
    assert isinstance(run("doctor").exception, ZeroDivisionError)


def test_version() -> None:
    assert run("--version").stdout.split() == ["passerelle,", "version", __version__]


def commands(group: click.Group, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found.append((*words, name))
        if isinstance(command, click.Group):
            found += commands(command, (*words, name))
    return found


@pytest.mark.parametrize("words", commands(main), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    command: Any = main
    for word in words:
        command = command.commands[word]
    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), parameter.name


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    from filelock import FileLock

    with FileLock(tmp_path / ".lock"):
        # The lock is another process's for the command, since a lock object is its own holder.
        result = run("compare", DEMO, "--smoke", "--arms", "zero-shot", "--threads", "1", "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "another run is working in" in one_line(result)
    assert not (tmp_path / "results.json").exists()


def test_an_output_folder_that_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text("")
    assert run("compare", DEMO, "--out", str(path)).exit_code == 2


def test_doctor_prints_json() -> None:
    result = run("doctor", "--json")
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code in (0, 1)
    assert {"name", "status", "detail"} <= json.loads(result.stdout)[0].keys()
