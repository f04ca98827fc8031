"""Which translations Apertium can do here, by which modes, and what to install for the others."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from passerelle.errors import ConfigError, MissingDependency, to_install
from passerelle.languages.codes import language

# Plain modes only: `eng-cat`, not variants (`eng-cat_valencia`, `eco-es-fr`) or debugging modes
# (`eng-cat-tagger`).
_PLAIN_MODE = re.compile(r"([a-z]{2,3})-([a-z]{2,3})")


@dataclass(frozen=True)
class Mode:
    """One direction of one pair, as Apertium names it.

    Attributes:
        name: Apertium's name, for example ``eng-cat``.
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        path: The mode file; for a pair that isn't installed, its Debian package's name.
    """

    name: str
    source: str
    target: str
    path: Path


class AvailablePair(NamedTuple):
    """A translation that is possible here."""

    source: str
    target: str
    chain: tuple[str, ...]


def data_folder() -> Path | None:
    """Apertium's data folder, ``None`` if Apertium isn't installed."""
    program = shutil.which("apertium")
    if program is None:
        return None
    set_by_user = os.environ.get("APERTIUM_DATADIR")
    return Path(set_by_user) if set_by_user else Path(program).resolve().parent.parent / "share" / "apertium"


def installed_modes(folder: Path | None = None) -> list[Mode]:
    """All plain modes that are installed, sorted by name.

    Args:
        folder: Apertium's data folder; found by itself if not given.
    """
    folder = folder or data_folder()
    if folder is None:
        return []
    named = ((path, _PLAIN_MODE.fullmatch(path.stem)) for path in sorted(folder.glob("modes/*.mode")))
    modes = (_mode(match[1], match[2], path) for path, match in named if match)
    return [mode for mode in modes if mode is not None]


def named_chain(names: Sequence[str], folder: Path) -> tuple[Mode, ...]:
    """The chain of modes that the user named, variants included.

    Args:
        names: Mode names, for example ``["eng-cat_valencia"]``.
        folder: Apertium's data folder.

    Raises:
        MissingDependency: One of them isn't installed.
    """
    chain = []
    for name in names:
        path = folder / "modes" / f"{name}.mode"
        if not path.is_file():
            raise MissingDependency(f"no Apertium mode {name!r} in {path.parent}; list them with `apertium -l`")
        chain.append(Mode(name, "", "", path))
    return tuple(chain)


def find_chain(source: str, target: str, modes: Iterable[Mode]) -> tuple[Mode, ...] | None:
    """The shortest chain of modes from one language to another.

    Among chains of one length, the table in ``data/languages.toml`` decides, then the alphabet.

    Args:
        source: BCP-47 code.
        target: BCP-47 code.
        modes: The modes to choose from.

    Returns:
        The modes in order, ``None`` if no chain leads there.
    """
    return next(iter(find_chains(source, target, modes)), None)


def find_chains(source: str, target: str, modes: Iterable[Mode]) -> list[tuple[Mode, ...]]:
    """All chains of the shortest length from one language to another, the preferred one first.

    Args:
        source: BCP-47 code.
        target: BCP-47 code.
        modes: The modes to choose from.
    """
    modes = sorted(modes, key=lambda mode: mode.name)
    chains: list[tuple[Mode, ...]] = [(mode,) for mode in modes if mode.source == source]
    reached = {source}
    while chains:
        arrived = [chain for chain in chains if chain[-1].target == target]
        if arrived:
            return sorted(arrived, key=lambda chain: _preference(source, target, chain))
        reached |= {chain[-1].target for chain in chains}
        chains = [
            (*chain, mode)
            for chain in chains
            for mode in modes
            if mode.source == chain[-1].target and mode.target not in reached
        ]
    return []


def available_pairs(folder: Path | None = None) -> list[AvailablePair]:
    """All translations that are possible here, chained ones included; empty without Apertium."""
    modes = installed_modes(folder)
    sources, targets = {mode.source for mode in modes}, {mode.target for mode in modes}
    pairs = []
    for source in sorted(sources):
        for target in sorted(targets - {source}):
            chain = find_chain(source, target, modes)
            if chain is not None:
                pairs.append(AvailablePair(source, target, tuple(mode.name for mode in chain)))
    return pairs


def apt_packages(source: str, target: str) -> list[str]:
    """The Debian packages that translate from one language to another.

    Args:
        source: Any code or name of a language.
        target: The same.

    Returns:
        Package names, ``apertium`` first; empty if no package is known to do it.

    Raises:
        ConfigError: Unknown language.
    """
    chain = find_chain(language(source).bcp47, language(target).bcp47, _packaged_modes())
    return ["apertium", *(str(mode.path) for mode in chain)] if chain else []


def missing_pair(source: str, target: str, what: str) -> MissingDependency:
    """The error for a pair that can't be translated here.

    Args:
        source: BCP-47 code.
        target: BCP-47 code.
        what: What is missing, as the beginning of a sentence.
    """
    packages = apt_packages(source, target)
    if packages:
        language = target if source == "en" else source
        how = to_install("demo", debian=packages, language=language)
        return MissingDependency(f"{what}. Install it with: {how}")
    return MissingDependency(
        f"{what}, and no Debian package is known to translate {source} to {target}. `apertium -l` lists what "
        "is installed, https://wiki.apertium.org/wiki/List_of_language_pairs all pairs. Or use "
        "another engine."
    )


def _preference(source: str, target: str, chain: tuple[Mode, ...]) -> tuple[list[int], list[str]]:
    table = _apertium_table()["through"]
    order: list[str] = table.get(f"{source}-{target}", table["default"])
    pivots = [mode.target for mode in chain[:-1]]
    ranks = [order.index(pivot) if pivot in order else len(order) for pivot in pivots]
    return ranks, [mode.name for mode in chain]


def _mode(source: str, target: str, path: Path) -> Mode | None:
    """The mode of two codes; ``None`` where one isn't a language code (a private mode)."""
    try:
        return Mode(f"{source}-{target}", language(source).bcp47, language(target).bcp47, path)
    except ConfigError:
        return None


@lru_cache(maxsize=1)
def _packaged_modes() -> tuple[Mode, ...]:
    packages = _apertium_table()["packages"]
    both = [name.split("-") for name in packages["both"]]
    directions = {f"{a}-{b}": f"{a}-{b}" for a, b in both} | {f"{b}-{a}": f"{a}-{b}" for a, b in both}
    directions |= packages["one_way"]
    named = ((name.split("-"), Path(f"apertium-{package}")) for name, package in directions.items())
    modes = (_mode(source, target, path) for (source, target), path in named)
    return tuple(mode for mode in modes if mode is not None)


@lru_cache(maxsize=1)
def _apertium_table() -> dict[str, Any]:
    text = resources.files("passerelle.data").joinpath("languages.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)["apertium"]
    return table
