"""Rows that aren't in the output: why, and how they were."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Row
from passerelle.formats.images import Problem
from passerelle.translation.protection.safe import Outcome


@dataclass(frozen=True)
class Reject:
    """A row that isn't in the output.

    Attributes:
        number: The row's number.
        id: Its id; empty where it couldn't be read.
        reason: A code; `docs/reference/formats.md` and `docs/reference/protection.md` list them.
        detail: What was wrong, for people.
        place: Where in the row; empty if all of it.
        raw: The row as it stands in the file.
    """

    number: int
    id: str
    reason: str
    detail: str
    place: str
    raw: bytes

    @property
    def is_bad_input(self) -> bool:
        """Whether the row itself is bad, not its translation."""
        return not self.place

    @classmethod
    def of_bad(cls, row: BadRow) -> Reject:
        """Reject a row that couldn't be read."""
        return cls(row.number, "", row.reason, row.detail, "", row.raw)

    @classmethod
    def of_image(cls, row: Row, problem: Problem) -> Reject:
        """Reject a row for one of its images."""
        return cls(row.number, row.id, *problem, "", row.raw)

    @classmethod
    def of_text(cls, row: Row, place: str, outcome: Outcome) -> Reject:
        """Reject a row for a text that couldn't be translated."""
        return cls(row.number, row.id, outcome.reason, outcome.detail, place, row.raw)

    def write(self, out: BinaryIO) -> None:
        """Write it as a line of JSON. Bytes that aren't UTF-8 are kept as base64."""
        entry: dict[str, object] = {"row": self.number, "id": self.id, "reason": self.reason, "detail": self.detail}
        entry["place"] = self.place
        try:
            entry["source"] = self.raw.decode()
        except UnicodeDecodeError:
            entry["source_base64"] = base64.b64encode(self.raw).decode()
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        out.write(line.encode("utf-8", "backslashreplace"))


def rejected_rows(translated: Path) -> frozenset[int]:
    """Return the numbers of the source's rows that aren't in a translation, by the file of rejects beside it."""
    return frozenset(reject_reasons(translated))


def reject_reasons(translated: Path) -> dict[int, str]:
    """Return why rows of the source aren't in a translation, by their numbers; none without the file of rejects.

    Raises:
        InputError: The file of rejects isn't one.
    """
    rejects = translated.with_name(f"{translated.name}.rejects.jsonl")
    if not rejects.is_file():
        return {}
    try:
        rows = [json.loads(line) for line in rejects.read_bytes().split(b"\n") if line]
        return {int(row["row"]): str(row["reason"]) for row in rows}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{str(rejects)!r} is no file of rejects: {error!r}. Move it away.") from None
