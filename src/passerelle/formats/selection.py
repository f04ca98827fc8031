"""Which rows are written, and with which texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from passerelle.errors import InputError


class Numbered(Protocol):
    """What stands at one place of a file."""

    @property
    def number(self) -> int:
        """Its number there, as `Row` has it."""
        ...

    @property
    def id(self) -> str:
        """What messages call it."""
        ...


_Piece = TypeVar("_Piece", bound=Numbered)


class Selection(Generic[_Piece]):
    """The rows to write, taken one after the other while the source is read again."""

    def __init__(self, rows: Iterable[tuple[_Piece, Mapping[str, str]]]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    @property
    def next(self) -> _Piece | None:
        """The next row to be written; ``None`` after the last."""
        return None if self._next is None else self._next[0]

    def take(self, number: int) -> Mapping[str, str] | None:
        """Return the new texts of the row with this number; ``None`` if it is left out."""
        if self._next is None or self._next[0].number != number:
            return None
        texts = self._next[1]
        self._next = next(self._rows, None)
        return texts

    def finish(self) -> None:
        """Make sure that every row was written.

        Raises:
            InputError: A row wasn't met in the source.
        """
        if self._next is not None:
            raise InputError(
                f"row {self._next[0].number} (id {self._next[0].id!r}) isn't where it was: the rows were given in "
                "another order, or the file changed since it was read. Run the same command again."
            )
