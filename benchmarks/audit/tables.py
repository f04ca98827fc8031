"""Tab-separated tables without quotes: what pairs and verdicts are kept in."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def read(path: Path) -> list[dict[str, str]]:
    """Read a table with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def write(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a table; spaces of any kind become one space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        print("\t".join(columns), file=file)
        for row in rows:
            print("\t".join(" ".join(str(row[name]).split()) for name in columns), file=file)


def between(page: str, name: str) -> tuple[str, str, str]:
    """Split a page in Markdown at what a script wrote there.

    Args:
        page: The page.
        name: Of the marks around it.

    Returns:
        What stands before, its first mark included; what the script wrote; what stands behind, from its last mark on.

    Raises:
        ValueError: The page lacks the marks.
    """
    found = re.fullmatch(rf"(.*<!-- {name}: by [^>]* -->\n)(.*)(<!-- {name}: end -->.*)", page, re.DOTALL)
    if found is None:
        raise ValueError(f"no marks of {name!r} on the page: <!-- {name}: by SCRIPT --> and <!-- {name}: end -->")
    return found[1], found[2].rstrip("\n"), found[3]


def show(made: Mapping[str, str], page: Path | None) -> None:
    """Print tables, and write each between its marks if there is a page for them.

    Args:
        made: In Markdown, by the names of their marks.
        page: Has the marks; ``None``: nothing is written.

    Raises:
        ValueError: The page lacks the marks.
    """
    print("\n\n".join(made.values()))
    if page is not None:
        for name, text in made.items():
            put(page, name, text)


def put(path: Path, name: str, text: str) -> None:
    """Write what a script found between its marks on a page.

    Raises:
        ValueError: The page lacks the marks.
    """
    before, _, after = between(path.read_text(encoding="utf-8"), name)
    path.write_text(f"{before}{text}\n{after}", encoding="utf-8")
