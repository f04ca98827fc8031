"""A glossary: terms that stay as they are, or have one fixed translation."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.formats.values.spreadsheet import is_text, told
from passerelle.runs import content_hash

_WORD = re.compile(r"\w+")
_COLUMNS = ("term", "translation")


class Glossary:
    """Terms with their translations; a term is found as whole words, the longest first.

    The rule of case: a term that holds a capital letter is found only as it is written. One without is found in
    any case, and where the text begins it with a capital, so does its translation.

    Attributes:
        digest: Hash of the terms, for the key of what was translated with them.
    """

    def __init__(self, terms: Mapping[str, str]) -> None:
        """Take terms with their translations.

        Args:
            terms: Translation by term; an empty one keeps the term as it is.

        Raises:
            InputError: A term has no letter or digit at its start.
        """
        self._terms = {" ".join(term.split()): translation.strip() for term, translation in terms.items()}
        self._by_first: dict[str, list[tuple[re.Pattern[str], str, str]]] = {}
        for term in sorted(self._terms, key=lambda term: (-len(term), term)):
            first = _WORD.match(term)
            if first is None:
                raise InputError(
                    f"the glossary's term {term!r} doesn't begin with a letter or a digit. "
                    "Give the words alone, without quotes or punctuation before them."
                )
            flags = re.IGNORECASE if term == term.lower() else re.NOFLAG
            pattern = r"[ \u00a0]".join(map(re.escape, term.split())) + (r"(?!\w)" if term[-1].isalnum() else "")
            entry = (re.compile(pattern, flags), term, self._terms[term])
            self._by_first.setdefault(first[0].lower(), []).append(entry)
        self.digest = content_hash(self._terms)[:16]

    @classmethod
    def read(cls, path: Path) -> Glossary:
        """Read a CSV file with the columns ``term`` and ``translation``, as a spreadsheet writes it.

        Raises:
            InputError: The file is missing, isn't UTF-8, lacks its header, or gives a term twice differently.
        """
        if not path.is_file():
            raise InputError(f"can't read the glossary {str(path)!r}: there is no such file. Give a CSV file.")
        sheet = told(path)
        try:
            with sheet.open(path) as file:
                return cls(_terms(path, sheet.reader(file)))
        except UnicodeError as error:
            raise InputError(f"can't read the glossary {str(path)!r}: {error}. Give a CSV file in UTF-8.") from None

    def __len__(self) -> int:
        """Number of terms."""
        return len(self._terms)

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Find the terms of a text.

        Yields:
            Start, end and what stands in the translation, from left to right.
        """
        place = 0
        for word in _WORD.finditer(text):
            if word.start() < place:
                continue
            for pattern, term, translation in self._by_first.get(word[0].lower(), ()):
                match = pattern.match(text, word.start())
                if match:
                    yield match.start(), match.end(), _cased(match[0], term, translation)
                    place = match.end()
                    break


def _cased(found: str, term: str, translation: str) -> str:
    if not translation:
        return found
    if term == term.lower() and found[:1].isupper():
        return found.isupper() and len(found) > 1 and translation.upper() or translation[:1].upper() + translation[1:]
    return translation


def _terms(path: Path, rows: Any) -> dict[str, str]:
    terms: dict[str, str] = {}
    try:
        header = tuple(cell.strip().lower() for cell in next(rows, []))
        if header != _COLUMNS:
            raise InputError(
                f"the glossary {str(path)!r} begins with {','.join(header)!r}. "
                "Its first line must be 'term,translation'."
            )
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(_COLUMNS):
                raise InputError(
                    f"{path}, line {rows.line_num}: {len(row)} columns. Allowed: term and translation; "
                    "quote what holds a comma."
                )
            if not all(map(is_text, row)):
                raise InputError(
                    f"can't read the glossary {str(path)!r}: line {rows.line_num} isn't in UTF-8. Save it as CSV UTF-8."
                )
            term, translation = row[0].strip(), row[1].strip() if len(row) > 1 else ""
            if terms.setdefault(term, translation) != translation:
                raise InputError(
                    f"{path}, line {rows.line_num}: the term {term!r} is given twice, as {terms[term]!r} and as "
                    f"{translation!r}. Keep one."
                )
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}. Quote cells with double quotes.") from None
    return terms
