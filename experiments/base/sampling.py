"""What the language model is shown of pictures and words: groups that compete, and turns."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Sequence
from pathlib import Path

from experiments.base.encoding import PairEncoder
from experiments.base.matching import draw_groups
from experiments.base.trees import Example
from passerelle.example.samples import make_samples
from passerelle.languages.prompts import english
from passerelle.records import Picture, Sample, Text

YES_NO = 4
"""Yes/no questions about each picture in judging."""


@dataclasses.dataclass(frozen=True)
class Sampler:
    """Draws training examples, half of pictures and half of words.

    Rows of the aligned features are the pictures' view by view, then the words'.

    Attributes:
        encode: Encodes a turn.
        pictures: The pictures.
        words: The words.
        views: Views of each picture.
    """

    encode: PairEncoder
    pictures: Sequence[Picture]
    words: Sequence[Picture]
    views: int

    def groups(self, tokens: int, seed: int) -> list[Example]:
        """Return groups of pictures, each picture with every caption of its group, for about so many tokens."""
        prompt, place = english().caption, self._places()
        found: list[Example] = []
        said = 0
        for epoch in itertools.count():
            drawn = random.Random(seed + 1000 * epoch)
            groups = [group for part in self._epoch(drawn) for group in draw_groups(part, seed=seed + epoch)]
            drawn.shuffle(groups)
            for group in groups:
                rows = [self._row(place[p.id], drawn) for p in group]
                texts = [p.captions["en"].text for p in group]
                found.append([self.encode(prompt, text, row) for row in rows for text in texts])
                said += sum(row.targets for row in found[-1])
            if said > tokens:
                return found
        raise AssertionError("unreachable")

    def turns(self, tokens: int, seed: int) -> list[Example]:
        """Return a caption and `YES_NO` yes/no questions of each, for about so many tokens."""
        place = self._places()
        found: list[Example] = []
        for epoch in itertools.count():
            drawn = random.Random(seed + 1000 * epoch)
            samples: list[Sample] = []
            for part in self._epoch(drawn):
                captions = {p.id: p.captions["en"] for p in part}
                samples += make_samples(part, captions, english(), yes_no=YES_NO, seed=seed + epoch)
            drawn.shuffle(samples)
            for sample in samples:
                row = self._row(place[str(sample.picture)], drawn)
                found.append([self.encode(turn.prompt, turn.reply, row) for turn in sample.turns])
            if sum(map(len, itertools.chain.from_iterable(found))) > tokens:
                return found
        raise AssertionError("unreachable")

    def _places(self) -> dict[str, int]:
        place = {p.id: index for index, p in enumerate(self.pictures)}
        return place | {p.id: index for index, p in enumerate(self.words, self.views * len(self.pictures))}

    def _epoch(self, drawn: random.Random) -> tuple[Sequence[Picture], list[Picture]]:
        some = drawn.sample(self.words, min(len(self.words), len(self.pictures)))
        return self.pictures, [_with_article(word) if drawn.random() < 0.5 else word for word in some]

    def _row(self, place: int, drawn: random.Random) -> Path:
        pictured = place < len(self.pictures)
        return Path(str(place + drawn.randrange(self.views) * len(self.pictures) if pictured else place))


def _with_article(word: Picture) -> Picture:
    name = word.captions["en"].text
    text = f"A{'n' if name[0] in 'aeiou' else ''} {name}."
    return dataclasses.replace(word, captions={"en": Text(text, "en", "native")})
