"""The doctor names what is missing and how to get it, and never fails itself."""

from __future__ import annotations

import builtins
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from passerelle import doctor
from passerelle.doctor import Finding, diagnose


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    assert len({finding.name for finding in findings}) == len(findings), "a name comes twice"
    return {finding.name: finding for finding in findings}


def test_every_problem_says_how_to_get_it_right(empty_cache: Path) -> None:
    for target in ("fr", "xx", "../etc", ""):
        for finding in diagnose(target):
            assert finding.status in ("ok", "missing", "warning")
            assert finding.detail
            assert bool(finding.how_to_get) == (finding.status != "ok"), finding


def test_this_machine_has_what_the_tests_need() -> None:
    found = by_name(diagnose("fr"))
    missing = [
        finding for finding in found.values() if finding.status == "missing" and finding.name != "assembled base"
    ]
    assert missing == []
    assert found["package torch"].detail == importlib.metadata.version("torch")
    assert found["apertium en → fr"].detail == "by way of eng-cat, cat-fra"
    assert "952 pictures, 952 with a caption in 'fr'" in found["stamps"].detail


def test_spanish_goes_straight() -> None:
    found = by_name(diagnose("es"))
    assert found["apertium en → es"].detail == "by way of eng-spa"
    assert found["apertium es → en"].detail == "by way of spa-eng"


def test_unknown_target_is_missing_from_apertium_and_the_stamps() -> None:
    found = by_name(diagnose("xx"))
    assert found["apertium en → xx"].status == "missing"
    assert found["stamps"].status == "warning"
    assert found["emoji names in 'xx'"].status == "warning"


def without(*names: str) -> Callable[..., Any]:
    """Return an import function for which these packages aren't installed."""
    real = builtins.__import__

    def fake(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] in names:
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **named)

    return fake


@pytest.mark.parametrize("package", ["torch", "packaging", "langcodes", "platformdirs"])
def test_a_missing_package_stops_nothing(package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PASSERELLE_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(builtins, "__import__", without(package))
    found = by_name(diagnose())
    if package == "torch":
        assert found["torch"].status == "missing"
        assert "No module named 'torch'" in found["torch"].detail
    if package == "packaging":
        assert found["python packages"].status == "missing"


def test_package_versions_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"numpy": "1.0", "rich": "99.0"}
    wanted = ["numpy>=1.26", "rich>=13", "absent-thing>=2", "pytest>=8; extra == 'test'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: wanted)
    monkeypatch.setattr(doctor, "version", versions.get)
    found = by_name(list(doctor._packages()))
    assert {name: finding.status for name, finding in found.items()} == {
        "package absent-thing": "missing",
        "package numpy": "missing",
        "package rich": "ok",
    }
    assert found["package numpy"].detail == "1.0, >=1.26 is needed"
    assert "pip install 'numpy>=1.26'" in found["package numpy"].how_to_get


SEQ2SEQ = "passerelle setup seq2seq, or pip install 'passerelle[seq2seq]'"


def test_an_extra_that_is_missing_names_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["numpy>=1", "ray[data]>=2; extra == 'ray'", "a>=1; extra == 'seq2seq'", "b>=1; extra == 'seq2seq'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: wanted)
    monkeypatch.setattr(doctor, "EXTRAS", {"ray": "no clusters", "seq2seq": "no models"})
    monkeypatch.setattr(doctor, "version", {"ray": "2.60", "a": "1"}.get)
    ray, seq2seq = doctor._extras()
    assert ray == Finding("extra ray", "ok", "ray 2.60")
    assert seq2seq == Finding("extra seq2seq", "warning", "without b: no models", SEQ2SEQ)


def test_every_extra_is_looked_for() -> None:
    extras = importlib.metadata.metadata("passerelle").get_all("Provides-Extra") or []
    assert set(doctor.EXTRAS) == set(extras) - {"test", "dev"}


def test_without_apertium(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "MODES", tmp_path / "none")
    found = by_name(list(doctor._apertium("fr")))
    assert [finding.status for finding in found.values()] == ["missing"] * 3
    assert found["apertium"].how_to_get.endswith("apertium apertium-eng-cat apertium-fra-cat")


def test_an_apertium_that_hangs_is_no_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def hang(command: list[str], **named: Any) -> None:
        raise subprocess.TimeoutExpired(command, named["timeout"])

    monkeypatch.setattr(doctor.subprocess, "run", hang)
    (tmp_path / "eng-fra.mode").touch()
    (tmp_path / "eng-fra_quebec.mode").touch()
    monkeypatch.setattr(doctor, "MODES", tmp_path)
    found = by_name(list(doctor._apertium("fr")))
    assert found["apertium en → fr"].detail == "by way of eng-fra"
    assert found["apertium fr → en"].status == "missing"


PAIRS = {("en", "ca"): "eng-cat", ("ca", "fr"): "cat-fra", ("fr", "ca"): "fra-cat", ("fr", "es"): "fr-es"}


@pytest.mark.parametrize(
    ("source", "goal", "way"),
    [
        ("en", "ca", ["eng-cat"]),
        ("en", "fr", ["eng-cat", "cat-fra"]),
        ("en", "es", ["eng-cat", "cat-fra", "fr-es"]),
        ("fr", "en", None),
        ("fr", "fr", []),
    ],
)
def test_way(source: str, goal: str, way: list[str] | None) -> None:
    assert doctor._way(PAIRS, source, goal) == way


def test_way_has_at_most_three_steps() -> None:
    chain = {(code, chr(ord(code) + 1)): code for code in "abcd"}
    assert doctor._way(chain, "a", "d") == ["a", "b", "c"]
    assert doctor._way(chain, "a", "e") is None


@pytest.mark.parametrize(
    ("code", "short"), [("fra", "fr"), ("fr-CA", "fr"), ("spa", "es"), ("no such code", "no such code")]
)
def test_short(code: str, short: str) -> None:
    assert doctor._short(code) == short


def test_assembled_base(empty_cache: Path) -> None:
    assert by_name(list(doctor._base(empty_cache)))["assembled base"].how_to_get == "passerelle base assemble"
    (empty_cache / "base-0123").mkdir(parents=True)
    (empty_cache / "base-0123" / "model.safetensors").write_bytes(b"0" * 2**20)
    found = by_name(list(doctor._base(empty_cache)))["assembled base"]
    assert found.status == "ok"
    assert found.detail == f"1 MiB in {empty_cache / 'base-0123'}"


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**named: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    found = by_name(list(doctor._room(tmp_path / "cache")))["cache folder"]
    assert found.status == "missing"
    assert "Permission denied" in found.detail
    assert "PASSERELLE_CACHE" in found.how_to_get


def test_looking_makes_no_folder(empty_cache: Path) -> None:
    diagnose()
    assert not empty_cache.exists()


def test_little_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "DISK_BYTES", 2**60)
    assert by_name(list(doctor._room(tmp_path)))["disk"].status == "warning"


def test_cache_folder_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PASSERELLE_CACHE", "~/somewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert doctor.cache_folder() == tmp_path / "somewhere"
    monkeypatch.delenv("PASSERELLE_CACHE")
    assert doctor.cache_folder().name == "passerelle"


def test_importing_the_doctor_is_light() -> None:
    code = "import sys, passerelle.doctor; sys.exit('torch' in sys.modules or 'PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
