"""What an audit keeps of each pair: a few numbers, so that a million pairs take little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from passerelle.evaluation.statistics.significance import FloatArray
from passerelle.quality.assessing import Assessment
from passerelle.quality.base import ERROR_CLASSES, ErrorClass, Pair
from passerelle.quality.frequent import shown_field

Places = NDArray[np.int64]
NO_ERROR = -1


class Names:
    """Names by number, in the order in which they come first."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """Return a name's number."""
        return self.numbers.setdefault(name, len(self.numbers))


class Columns:
    """Pairs as numbers, each in its place; texts and clusters by a hash of 64 bits.

    Attributes:
        fields: Names of fields.
        categories: Names of categories.
    """

    def __init__(self) -> None:
        self.fields, self.categories = Names(), Names()
        self._losses, self._errors = array("d"), array("b")
        self._fields, self._categories = array("h"), array("i")
        self._clusters, self._texts = array("q"), array("q")

    def __len__(self) -> int:
        return len(self._losses)

    def add(self, pairs: Sequence[Pair], assessed: Sequence[Assessment]) -> None:
        """Add some pairs behind the others."""
        for pair, found in zip(pairs, assessed, strict=True):
            self._clusters.append(_hash(pair.cluster or str(len(self))))
            self._texts.append(_hash(f"{pair.source}\0{pair.target}"))
            self._fields.append(self.fields.number(shown_field(pair)))
            self._categories.append(self.categories.number(pair.category))
            self._errors.append(NO_ERROR if found.error is None else ERROR_CLASSES.index(found.error))
            self._losses.append(1 - found.probability)

    @cached_property
    def losses(self) -> FloatArray:
        """Of each pair the probability that it isn't accepted [pairs]."""
        return np.frombuffer(self._losses, dtype=np.float64)

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """Of each the hash of its picture or row [pairs]."""
        return np.frombuffer(self._clusters, dtype=np.int64)

    @cached_property
    def texts(self) -> NDArray[np.int64]:
        """Of each the hash of both its texts [pairs]."""
        return np.frombuffer(self._texts, dtype=np.int64)

    def of_errors(self, classes: Iterable[ErrorClass | None]) -> NDArray[np.bool_]:
        """Which pairs have an error of some classes; ``None``: no class is named [pairs]."""
        wanted = [NO_ERROR if name is None else ERROR_CLASSES.index(name) for name in classes]
        return np.isin(np.frombuffer(self._errors, dtype=np.int8), wanted)

    def by_field(self) -> list[tuple[str, Places]]:
        """Return each field's places, the largest first."""
        return _groups(self.fields, np.frombuffer(self._fields, dtype=np.int16))

    def by_category(self) -> list[tuple[str, Places]]:
        """Return each category's places, the largest first; none where there is one without a name."""
        if set(self.categories.numbers) <= {""}:
            return []
        return _groups(self.categories, np.frombuffer(self._categories, dtype=np.int32))


class Equal:
    """The different pairs of texts among some places.

    Attributes:
        places: The places.
        first: Where each stands first [different].
        counts: How often each stands [different].
        lost: What each loses in all its places [different].
    """

    def __init__(self, columns: Columns, places: Places | None = None) -> None:
        self.places = np.arange(len(columns)) if places is None else places
        found = np.unique(columns.texts[self.places], return_index=True, return_inverse=True, return_counts=True)
        _, first, self._which, self.counts = found
        self.first = self.places[first]
        self.lost = np.bincount(self._which, weights=columns.losses[self.places])

    def __len__(self) -> int:
        return len(self.first)

    def are_in(self, chosen: Places) -> NDArray[np.bool_]:
        """Which of the places hold one of the chosen [places]."""
        return np.isin(self._which, chosen)


def _groups(names: Names, numbers: NDArray[np.signedinteger]) -> list[tuple[str, Places]]:
    counts = np.bincount(numbers, minlength=len(names.numbers))
    ordered = sorted(names.numbers, key=lambda name: (-counts[names.numbers[name]], name))
    return [(name, np.flatnonzero(numbers == names.numbers[name])) for name in ordered]


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little", signed=True)
