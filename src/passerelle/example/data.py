"""The example's data: which pictures are learnt from and asked about, and what is said of them in a language."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Literal

from passerelle.errors import InputError, UserError, unknown
from passerelle.example import emoji, splits, tuxpaint
from passerelle.example.questions import draw_items, render
from passerelle.example.samples import make_samples
from passerelle.languages.codes import language
from passerelle.languages.prompts import Prompts, english, find_prompts, languages_with_prompts
from passerelle.records import Picture, Question, Sample
from passerelle.runs import cache_folder

Side = Literal["train", "development", "test"]
SYMBOLS = "symbols/"
MOST_SYMBOLS = 40
"""Training takes this many of the stamps that are letters, digits and coins, so that they don't dominate."""
STAMPS_TO_EMOJI = 2
"""Of the pictures asked about, in their order, so many stamps come to one emoji."""
FEWEST = 20
YES_NO = 1
"""Yes/no turns a training picture beside its caption."""
SEED = 100


@dataclass(frozen=True)
class ExampleData:
    """Stamps and emoji with captions in English and in a target language.

    Attributes:
        target: BCP-47 code of the target language.
        pictures: All pictures.
    """

    target: str
    pictures: Sequence[Picture]

    @classmethod
    def read(cls, target: str) -> ExampleData:
        """Read the pictures that are installed.

        Raises:
            ConfigError: The target isn't a language.
            MissingDependency: Pictures or fonts aren't installed.
            UserError: The target is English.
            InputError: Too few captions, or no questions, in the target language.
        """
        code = language(target).bcp47
        if code == "en":
            raise UserError("the base is English already: choose another language.")
        if find_prompts(code) is None:
            raise InputError(
                f"the example has no questions in this language: {unknown('language', code, languages_with_prompts())} "
                f"Write them into a file languages/{code}.toml of your own, below [prompts]."
            )
        drawn = cache_folder() / "pictures"
        found = tuxpaint.read_pictures(code, drawn / "stamps") + emoji.read_pictures(code, drawn / "emoji")
        data = cls(code, found)
        counts = [len(data.side(side)) for side in ("train", "test")]
        if min(counts) < FEWEST:
            raise InputError(
                f"only {counts[0]} training and {counts[1]} test pictures have a caption in {code!r}: too few to "
                "compare anything."
            )
        return data

    def side(self, side: Side) -> list[Picture]:
        """Return a side's pictures that have a caption in the target language, sorted by id."""
        stored = splits.stored()
        known = (picture for picture in self.pictures if stored.get(picture.id) == side)
        return sorted((p for p in known if self.target in p.captions), key=lambda p: p.id)

    @cached_property
    def train(self) -> list[Picture]:
        """The pictures that are learnt from, of letters and digits only a few."""
        pictures = self.side("train")
        symbols = [p for p in pictures if p.category.startswith(SYMBOLS)]
        kept = {p.id for p in sorted(symbols, key=_shuffled)[:MOST_SYMBOLS]}
        return [p for p in pictures if not p.category.startswith(SYMBOLS) or p.id in kept]

    def asked(self, side: Side) -> list[Picture]:
        """Return the pictures of a side that are asked about: shuffled, two stamps and one emoji in turn."""
        by_source = {
            source: sorted((p for p in self.side(side) if p.source == source), key=_shuffled)
            for source in ("stamps", "emoji")
        }
        stamps = by_source["stamps"]
        groups = [stamps[start : start + STAMPS_TO_EMOJI] for start in range(0, len(stamps), STAMPS_TO_EMOJI)]
        mixed: list[Picture] = []
        for group, one in zip_longest(groups, by_source["emoji"]):
            mixed += [*(group or []), *([one] if one else [])]
        return mixed

    def samples(self, code: str) -> list[Sample]:
        """Return what is learnt, in English or in the target language as people wrote it."""
        captions = {p.id: p.captions[code] for p in self.pictures if code in p.captions}
        return make_samples(self.train, captions, self._prompts(code), yes_no=YES_NO, seed=SEED)

    def questions(self, side: Side, code: str) -> list[Question]:
        """Return what is asked about a side's pictures, in English or in the target language as people wrote it."""
        captions = {p.id: p.captions[code] for p in self.pictures if code in p.captions}
        place = {picture.id: number for number, picture in enumerate(self.asked(side))}
        items = draw_items(self.side(side), ["en", self.target])
        return sorted(render(items, captions, self._prompts(code)), key=lambda question: place[question.picture])

    def _prompts(self, code: str) -> Prompts:
        found = english() if code == "en" else find_prompts(code)
        assert found is not None, "was looked up when the data were read"
        return found


def _shuffled(picture: Picture) -> str:
    return hashlib.sha256(f"order/{picture.id}".encode()).hexdigest()
