"""Between which two languages a check works: pairs of others are beyond it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from passerelle.errors import ConfigError
from passerelle.languages.codes import language
from passerelle.quality.base import UNKNOWN, Finding, Pair


@dataclass(frozen=True)
class Direction:
    """A source and a target language.

    Attributes:
        source: BCP-47 code.
        target: BCP-47 code.
    """

    source: str
    target: str

    @classmethod
    def of(cls, source: str, target: str) -> Direction:
        """Make a direction from any codes or names.

        Raises:
            ConfigError: A language is unknown.
        """
        return cls(language(source).bcp47, language(target).bcp47)

    def __str__(self) -> str:
        return f"{self.source}-{self.target}"

    def is_of(self, pair: Pair) -> bool:
        """Whether a pair is in these languages, both of its sides with text."""
        if not pair.source.strip() or not pair.target.strip():
            return False
        try:
            return Direction.of(pair.source_language, pair.target_language) == self
        except ConfigError:
            return False

    def assess(self, pairs: Sequence[Pair], one: Callable[[Pair], Finding]) -> list[Finding]:
        """Assess the pairs of these languages one by one; the others are `UNKNOWN`."""
        return [one(pair) if self.is_of(pair) else UNKNOWN for pair in pairs]
