"""Engines that share this machine's memory: few stay loaded, and what one is called is known without loading it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from passerelle.config import HUB_NAME
from passerelle.errors import RunError
from passerelle.runs import cache_folder, content_hash, read_json, write_json
from passerelle.translation.base import Translator
from passerelle.translation.engines.registry import open_engine
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.metered import is_paid
from passerelle.translation.memory.whole_texts import rules

_MOST_LOADED = 2
"""Engines that stay loaded: those of one pipeline."""
_SERVED = "openai"
"""The engine that loads nothing, whatever it is named like."""
_LIBRARIES = ("ctranslate2", "torch", "transformers")
_opened: dict[str, Translator] = {}
"""Engines that are open, the one that was asked last at the end."""


class LentEngine:
    """An engine that is opened when it is asked; closed when others need its memory, and opened again.

    Whatever else an engine has, such as what it has spent, is that of the engine that is opened.

    Args:
        spec: As `passerelle.translation.engines.registry.make_engine` takes it.
        options: Options of the engine.
        source: BCP-47 code of the language that it reads.
        target: BCP-47 code of the language that it writes.
        memory: The memory that it works beside.

    Attributes:
        source: The same.
        target: The same.
    """

    def __init__(
        self, spec: str, options: Mapping[str, Any], source: str, target: str, memory: TranslationMemory
    ) -> None:
        self.source, self.target = source, target
        self._spec, self._options, self._memory = spec, dict(options), memory
        self._key = content_hash([spec, options, source, target, str(memory.path)])

    @cached_property
    def signature(self) -> str:
        """The engine's signature: it is opened for it only where its files, or the libraries, aren't as they were.

        Raises:
            ConfigError: Unknown engine or option.
            InputError: The model can't be loaded.
            MissingDependency: Something is missing; says what to type.
        """
        record = self._record
        known = read_json(record) if record else None
        return str(known["signature"]) if known else self._engine().signature

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself.

        Raises:
            RunError: The engine isn't what it was taken for, or can't go on.
        """
        engine = self._engine()
        if engine.signature != self.signature and self._record:
            raise RunError(
                f"{self._spec!r} is now {engine.signature}, and was {self.signature}. Give the same command again: "
                "what the other one did is asked anew."
            )
        return engine.translate(texts)

    def __getattr__(self, name: str) -> Any:
        """Return what the opened engine has."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._engine(), name)

    def _engine(self) -> Translator:
        """Return the engine, loaded if need be; what it was called then is written down."""
        engine = _opened.pop(self._key, None)
        if engine is None:
            engine = open_engine(self._spec, self.source, self.target, self._options, self._memory)
            if self._record:
                write_json(self._record, {"signature": engine.signature, "engine": self._spec})
        _opened[self._key] = engine
        _close_others()
        return engine

    @property
    def _record(self) -> Path | None:
        """The file that tells the signature; ``None`` of an engine that is quickly opened, or hangs on more than files.

        Its name has all that the signature hangs on: files by size and time, versions, the code, the machine.
        """
        name, _, place = self._spec.partition(":")
        folder = None if name == _SERVED else _folder_of(place.strip())
        if folder is None:
            return None
        files = {str(path): path.stat() for path in sorted(folder.rglob("*")) if path.is_file()}
        stats = [(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in files.items()]
        machine = [socket.gethostname(), os.environ.get("CUDA_VISIBLE_DEVICES", ""), *map(_version, _LIBRARIES)]
        how = [self._spec, self._options, self.source, self.target, rules()]
        return cache_folder() / "engines" / f"{content_hash([how, stats, machine])[:16]}.signature.json"


def close_engines() -> None:
    """End what the open engines keep running, and give their memory back; they are opened again when they are asked."""
    while _opened:
        _close(_opened.pop(next(iter(_opened))))


def _close_others() -> None:
    """Close the engines that were asked longest ago; one that keeps account of a budget holds no model, and stays."""
    loaded = [key for key, engine in _opened.items() if not is_paid(engine)]
    for key in loaded[:-_MOST_LOADED]:
        _close(_opened.pop(key))


def _close(engine: Translator) -> None:
    close = getattr(engine, "close", None)
    if close is not None:
        close()


def _folder_of(place: str) -> Path | None:
    """Return the folder of the model that an engine loads, in the Hub's own cache too; ``None`` where there is none."""
    folder = Path(place).expanduser()
    if place and folder.is_dir():
        return folder
    if not re.fullmatch(HUB_NAME, place):
        return None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = try_to_load_from_cache(place, "config.json")
    return Path(found).parent if isinstance(found, str) else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
