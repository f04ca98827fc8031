"""Training samples about pictures: what is this, is this a …, which of these."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence

from passerelle.languages.prompts import Prompts
from passerelle.records import Picture, Sample, Text, Turn


def make_samples(
    pictures: Sequence[Picture],
    captions: Mapping[str, Text],
    prompts: Prompts,
    *,
    yes_no: int = 2,
    which: int = 0,
    seed: int = 11,
) -> list[Sample]:
    """Make one sample a picture: a caption turn, yes/no turns (half of them yes) and which-of-these turns.

    Args:
        pictures: Training pictures; distractors are drawn from them, half from the same category.
        captions: Caption by picture id; pictures without one are left out.
        prompts: The prompts of the language.
        yes_no: Yes/no turns a picture; yes and no in turn, an odd last one by chance.
        which: Which-of-these turns a picture.
        seed: Seeds the draw; each picture's draw depends on its own id only.
    """
    known = sorted((p for p in pictures if p.id in captions), key=lambda p: p.id)
    by_category: dict[tuple[str, str], list[Picture]] = {}
    for picture in known:
        by_category.setdefault((picture.source, picture.category), []).append(picture)
    samples = []
    for picture in known:
        drawn = random.Random(hashlib.sha256(f"{seed}/{picture.id}".encode()).digest())
        own = captions[picture.id]

        def other(near: bool, picture: Picture = picture, drawn: random.Random = drawn) -> str:
            pool = by_category[picture.source, picture.category] if near else known
            for _ in range(20):
                candidate = drawn.choice(pool)
                if candidate.concept != picture.concept:
                    return captions[candidate.id].text
            return captions[drawn.choice(known).id].text

        turns = [Turn(prompts.caption, own.text)]
        for index in range(yes_no):
            alone = index == yes_no - 1 and index % 2 == 0
            positive = drawn.random() < 0.5 if alone else index % 2 == 0
            asked = own.text if positive else other(near=drawn.random() < 0.5)
            turns.append(Turn(prompts.ask_whether(asked), prompts.yes if positive else prompts.no))
        for _ in range(which):
            options = [own.text, *(other(near=drawn.random() < 0.5) for _ in range(3))]
            drawn.shuffle(options)
            turns.append(Turn(prompts.ask_which(options), own.text))
        samples.append(Sample(picture.id, picture.id, tuple(turns), prompts.language, own.origin))
    return samples
