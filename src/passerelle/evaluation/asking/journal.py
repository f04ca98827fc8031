"""Answers on disk, a line each: what is answered isn't asked again, whatever stops a run."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from passerelle.records import Answer, Question
from passerelle.runs import content_hash, storage

_COSTS = {
    "flops": 3, "tokens": 3, "sentences": 3, "characters": 3, "engine_eur": 9, "untranslated": 3,
    "processor_seconds": 6, "device_seconds": 6, "others_core_seconds": 6,
    "spared_seconds": 6, "spared_processor_seconds": 6, "spared_device_seconds": 6,
    "written_bytes": 3,
}  # fmt: skip
"""What an answer takes beside time, with the digits after the point that are kept."""


@dataclass(frozen=True)
class Kept:
    """An answer with what it took.

    Attributes:
        answer: The answer.
        seconds: Its share of the time of the batch that it was in, as if nothing had been known.
        flops: Its share of the batch's floating-point operations in the language model.
        tokens: Its share of the tokens that these computed.
        sentences: Its share of the sentences that were translated for the batch.
        characters: Its share of their characters.
        engine_eur: Its share of what the engine's owner takes for them.
        untranslated: Its share of the texts that the engine couldn't translate.
        translated_by: The signature of the engines both ways; empty where nothing was translated.
        texts: Digests of the texts that were charged with its batch, where it is the batch's first answer: what a run
            that goes on must not charge again.
        processor_seconds: Its share of the processor time of this process and its children, as `seconds`.
        device_seconds: Its share of an accelerator's.
        others_core_seconds: Its share of what other processes computed meanwhile.
        spared_seconds: What of `seconds` wasn't spent, since translations were in the memory.
        spared_processor_seconds: What of `processor_seconds` wasn't.
        spared_device_seconds: What of `device_seconds` wasn't.
        written_bytes: Its share of what was sent to disks meanwhile; ``None`` where that isn't known.
        flops_by_part: `flops` by part of the model and pass.
        by_itself: Whether it was asked alone, so that `seconds` is how long one has to wait for it.
        is_measured: Whether processors' and devices' time are known; older versions didn't measure them.
    """

    answer: Answer
    seconds: float
    flops: float = 0.0
    tokens: float = 0.0
    sentences: float = 0.0
    characters: float = 0.0
    engine_eur: float = 0.0
    untranslated: float = 0.0
    translated_by: str = ""
    texts: tuple[str, ...] = ()
    processor_seconds: float = 0.0
    device_seconds: float = 0.0
    others_core_seconds: float = 0.0
    spared_seconds: float = 0.0
    spared_processor_seconds: float = 0.0
    spared_device_seconds: float = 0.0
    written_bytes: float | None = 0.0
    flops_by_part: dict[str, float] = field(default_factory=dict)
    by_itself: bool = False
    is_measured: bool = True


def key_of(question: Question, signature: str, max_new_tokens: int) -> str:
    """Return a hash of all that determines an answer: the model, the question's words, options and picture."""
    asked = (question.kind, question.prompt, question.options, question.picture)
    return content_hash([signature, max_new_tokens, *asked])[:24]


class Journal:
    """A file of answers.

    Args:
        path: JSON Lines; made when the first answer is added. A torn last line is cut off, a damaged one isn't known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Kept] = {}
        self._read()

    def _read(self) -> None:
        try:
            data = self._path.read_bytes()
        except OSError:
            return
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].split(b"\n"):
            if found := _kept(line):
                self._known |= [found]
        if whole < len(data):
            os.truncate(self._path, whole)

    def get(self, key: str) -> Kept | None:
        """Return the answer of a key, if it is known."""
        return self._known.get(key)

    def add(self, keys: Sequence[str], kept: Iterable[Kept]) -> list[Kept]:
        """Add answers and flush them to the disk; return them as another run reads them, rounded.

        Raises:
            StorageError: The disk is full.
        """
        lines, added = [], []
        for key, each in zip(keys, kept, strict=True):
            known = {name: amount for name in _COSTS if (amount := getattr(each, name)) is not None}
            cost = {name: round(amount, _COSTS[name]) for name, amount in known.items()}
            parts = {part: round(flops, 3) for part, flops in each.flops_by_part.items() if flops}
            stored = replace(each, seconds=round(each.seconds, 6), flops_by_part=parts, **cost)
            self._known[key] = stored
            added.append(stored)
            row = {"key": key, **asdict(each.answer), "seconds": stored.seconds, "cost": cost}
            if each.translated_by:
                row["translated_by"] = each.translated_by
            if each.texts:
                row["texts"] = each.texts
            if parts:
                row["flops_by_part"] = parts
            if each.by_itself:
                row["by_itself"] = True
            lines.append(json.dumps(row, ensure_ascii=False) + "\n")
        with storage(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
        return added


class PaidOnce:
    """Replies that are asked for where none is known, each on the disk when it comes; several threads may use it.

    Each is told of once, whoever wants it and however often: as what it took, known or not.

    Args:
        journal: Where they are kept.
        charge: Is told of each, and whether it was known.
    """

    def __init__(self, journal: Journal, charge: Callable[[Kept, bool], None]) -> None:
        self._journal, self._charge = journal, charge
        self._lock = threading.Lock()
        self._asked: dict[str, threading.Lock] = {}
        self._charged: set[str] = set()
        self._under_way = 0

    def get(self, key: str, send: Callable[[], Kept]) -> Kept:
        """Return the reply of a key: the one that is known, else what is sent for.

        Args:
            key: Of all that determines the reply.
            send: Asks for it; its time is shared with the requests that are under way beside it.
        """
        with self._lock:
            asked = self._asked.setdefault(key, threading.Lock())
        with asked:  # who wants the same waits for it
            known = self._journal.get(key)
            if known is None:
                return self._sent(key, send)
            with self._lock:
                self._tell(key, known, True)
            return known

    def _sent(self, key: str, send: Callable[[], Kept]) -> Kept:
        with self._lock:
            self._under_way += 1
            others = self._under_way
        try:
            came = send()
        finally:
            with self._lock:
                self._under_way -= 1
        with self._lock:
            (kept,) = self._journal.add([key], [replace(came, seconds=came.seconds / others)])
            self._tell(key, kept, False)
        return kept

    def _tell(self, key: str, kept: Kept, known: bool) -> None:
        if key not in self._charged:
            self._charged.add(key)
            self._charge(kept, known)


def _kept(line: bytes) -> tuple[str, Kept] | None:
    """Return the key and the answer of a line; ``None`` where it isn't one that a journal wrote."""
    try:
        row = json.loads(line)
        numbers = {name: tuple(row[name]) for name in ("logprobs", "priors", "tokens")}
        given = row.get("cost", {})
        cost: dict[str, Any] = {name: float(given.get(name, 0.0)) for name in _COSTS}
        if "written_bytes" not in given:
            cost["written_bytes"] = None
        cost["flops_by_part"] = {str(part): float(flops) for part, flops in row.get("flops_by_part", {}).items()}
        cost |= {"by_itself": row.get("by_itself") is True, "is_measured": "processor_seconds" in given}
        answer = Answer(question=row["question"], text=row["text"], **numbers)
        by = str(row.get("translated_by", ""))
        texts = tuple(map(str, row.get("texts", ())))
        return str(row["key"]), Kept(answer, float(row["seconds"]), **cost, translated_by=by, texts=texts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
