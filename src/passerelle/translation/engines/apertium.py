"""Translation by Apertium, a free rule-based engine that runs on any CPU.

Apertium is under the GPL, so it is used only as a program of its own: one pipeline of processes per pair of
languages is started at the first text and kept running.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import subprocess
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from passerelle.errors import RunError
from passerelle.languages.codes import language
from passerelle.runs import cache_folder, content_hash, read_json, write_json
from passerelle.translation.engines.apertium_modes import (
    AvailablePair,
    Mode,
    apt_packages,
    available_pairs,
    data_folder,
    find_chain,
    installed_modes,
    missing_pair,
    named_chain,
)
from passerelle.translation.engines.apertium_pipeline import Pipeline, PipelineDied, stage_commands
from passerelle.translation.engines.apertium_stream import needs_engine, split_lines

__all__ = ["ApertiumTranslator", "AvailablePair", "apt_packages", "available_pairs"]

_log = logging.getLogger(__name__)
_PARTS_AT_ONCE = 4096
# Of a batch at which the pipeline died: few, so that a text at which it hangs is found after three waits.
_PIECES = 64
_DPKG = Path("/var/lib/dpkg/status")
"""Changes with whatever Debian installs."""


class ApertiumTranslator:
    """Translates with Apertium, through other languages where no direct pair is installed.

    Each line of a text is translated by itself and put back in its place; newlines, tabs and control
    characters never reach the engine. Parts without a letter stay as they are.

    Attributes:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        chain: Names of the Apertium modes that are used, in order.
        signature: For example ``apertium 3.8.3 eng-cat 1.0.1-5 > cat-fra 1.10.0-1``.
        gains_by_large_batches: Tells a `MemorizedTranslator` that many texts at once are faster: at the end of each
            batch, one after the other of its thirty programs has nothing to do.
    """

    gains_by_large_batches = True

    def __init__(
        self,
        source: str,
        target: str,
        *,
        mark_unknown: bool = False,
        chain: Sequence[str] | None = None,
        timeout_seconds: float = 120.0,
    ) -> None:
        """Find the way from one language to another; no process is started yet.

        Args:
            source: Any code or name of the source language.
            target: The same of the target language.
            mark_unknown: Put ``*`` before words that the last pair of the chain doesn't know.
            chain: Names of Apertium modes to use instead of the shortest chain; the only way to choose a
                variant.
            timeout_seconds: How long no answer may come before Apertium counts as hanging.

        Raises:
            ConfigError: Unknown language.
            MissingDependency: Apertium or a pair isn't installed; the message says how to get it.
        """
        self.source, self.target = language(source).bcp47, language(target).bcp47
        self._modes = _modes(self.source, self.target, chain)
        self.chain = tuple(mode.name for mode in self._modes)
        self.signature = _signature(self._modes, mark_unknown)
        self._mark_unknown = mark_unknown
        self._timeout_seconds = timeout_seconds
        self._pipeline: Pipeline | None = None
        self._lock = threading.Lock()

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself.

        Args:
            texts: Texts of any length, with any characters.

        Returns:
            One translation for each text, in the same order.

        Raises:
            RunError: Apertium died, was restarted, and died or hung again.
        """
        split = [split_lines(text) for text in texts]
        places = [
            (row, column)
            for row, parts in enumerate(split)
            for column in range(0, len(parts), 2)  # the odd ones are separators
            if needs_engine(parts[column])
        ]
        with self._lock:
            for start in range(0, len(places), _PARTS_AT_ONCE):
                batch = places[start : start + _PARTS_AT_ONCE]
                bare = [split[row][column].strip() for row, column in batch]
                for (row, column), part, translation in zip(batch, bare, self._exchange(bare), strict=True):
                    before, _, after = split[row][column].partition(part)
                    split[row][column] = before + translation.strip() + after
        return ["".join(parts) for parts in split]

    def start(self) -> None:
        """Start the programs, which read their dictionaries meanwhile; otherwise the first text does it, and waits.

        Raises:
            MissingDependency: A program is missing.
            RunError: Apertium can't be started.
        """
        with self._lock:
            self._running()

    def _exchange(self, parts: list[str], died_before: bool = False) -> list[str]:
        """Ask the pipeline; if it dies, ask new ones piece by piece, until it's known which part is guilty."""
        try:
            return self._running().exchange(parts)
        except PipelineDied as died:
            self._pipeline = None
            if died_before and len(parts) == 1:
                raise RunError(
                    f"Apertium ({' > '.join(self.chain)}) failed twice, the second time at {parts[0][:200]!r}: {died}. "
                    "Leave this text out, or report it at https://github.com/apertium/apertium/issues"
                ) from died
            _log.warning("Apertium is started again: %s", died)
        size = -(-len(parts) // _PIECES)
        pieces = (parts[start : start + size] for start in range(0, len(parts), size))
        return [translation for piece in pieces for translation in self._exchange(piece, died_before=True)]

    def _running(self) -> Pipeline:
        if self._pipeline is None or not self._pipeline.usable:
            try:
                self._pipeline = Pipeline(self._commands(), self._timeout_seconds)
            except FileNotFoundError as missing:
                what = f"Apertium's program {missing.filename!r} is missing (Apertium 3.8 or later is needed)"
                raise missing_pair(self.source, self.target, what) from missing
            except (OSError, subprocess.CalledProcessError) as failed:
                raise RunError(f"Apertium ({' > '.join(self.chain)}) can't be started: {failed}") from failed
        return self._pipeline

    def _commands(self) -> list[list[str]]:
        """All programs of the chain; a mark by an earlier mode than the last would be translated."""
        *earlier, last = [mode.path for mode in self._modes]
        commands = [command for path in earlier for command in stage_commands(path, mark_unknown=False)]
        return commands + stage_commands(last, self._mark_unknown)

    @property
    def process_ids(self) -> list[int]:
        """Ids of Apertium's programs while they run, in the order of the pipe."""
        return self._pipeline.process_ids if self._pipeline else []

    def close(self) -> None:
        """End Apertium's processes. The translator can be used again; it starts new ones."""
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None

    def __enter__(self) -> ApertiumTranslator:
        """Use the translator in a ``with`` block that closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the translator."""
        self.close()

    def __del__(self) -> None:
        """Leave no process behind when the translator is forgotten."""
        try:
            if getattr(self, "_pipeline", None) is not None:
                self.close()
        except AttributeError:  # at the interpreter's end modules are gone; the programs end with their pipes
            return


def _modes(source: str, target: str, names: Sequence[str] | None) -> tuple[Mode, ...]:
    folder = data_folder()
    if folder is None:
        raise missing_pair(source, target, "the program `apertium` isn't installed")
    if names is not None:
        return named_chain(names, folder)
    chain = find_chain(source, target, installed_modes(folder))
    if chain is None:
        what = f"no installed Apertium pair translates {source} to {target}"
        raise missing_pair(source, target, what)
    return chain


def _signature(modes: Sequence[Mode], mark_unknown: bool) -> str:
    version = re.sub(r"(?i)^apertium\s+", "", _output("apertium", "-V")) or "unknown"
    packaged = _packaged_versions([mode.path for mode in modes])
    versions = [packaged.get(str(mode.path)) or _content_version(mode.path) for mode in modes]
    chain = " > ".join(f"{mode.name} {version}" for mode, version in zip(modes, versions, strict=True))
    return f"apertium {version} {chain}{' marked' if mark_unknown else ''}"


def _packaged_versions(paths: Sequence[Path]) -> dict[str, str]:
    """Versions of the Debian packages that modes came with, by path; all at once, as each question takes long."""
    found = re.findall(r"(?m)^([^:\n]+)(?::[^\n]*?)?: (/.*)$", _output("dpkg-query", "-S", *map(str, paths)))
    packages = sorted({package for package, _ in found})
    listed = _output("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages) if packages else ""
    versions = dict(line.split(" ", 1) for line in listed.splitlines() if " " in line)
    return {path: versions[package] for package, path in found if versions.get(package)}


def _content_version(path: Path) -> str:
    """A hash of a mode and the data that it names."""
    text = path.read_bytes()
    digest = hashlib.sha256(text)
    for name in re.findall(r"'([^']+)'", text.decode("utf-8", "replace")):
        if Path(name).is_file():
            digest.update(Path(name).read_bytes())
    return f"sha256:{digest.hexdigest()[:12]}"


def _output(*command: str) -> str:
    """What a program prints, stripped; empty if it fails or isn't there."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    state = tuple(path.stat().st_mtime_ns for path in (Path(program), _DPKG) if path.exists())
    return _asked(program, command[1:], state)


@lru_cache(maxsize=256)
def _asked(program: str, options: tuple[str, ...], state: tuple[int, ...]) -> str:
    """Ask once while neither the program nor what is installed changes, and keep it in the cache folder.

    Engines are opened many times in a run, and looking for the packages of two files takes Debian 0.2 s.
    """
    command = [program, *options]
    kept = cache_folder() / "programs" / f"{content_hash([command, state])[:16]}.json"
    known = read_json(kept)
    if known is None:
        known = {"command": command, "printed": subprocess.run(command, capture_output=True, text=True).stdout.strip()}
        if known["printed"]:
            write_json(kept, known)
    return str(known["printed"])
