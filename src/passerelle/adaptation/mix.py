"""Which samples a stage is shown, in which order: shares of English and of text, an image floor, weights by origin."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from passerelle.adaptation.settings import DataSettings, MixSettings
from passerelle.errors import InputError
from passerelle.formats.conversations import Conversation, Message
from passerelle.models.conversing import Encoded

ENGLISH = "en"


@dataclass(frozen=True)
class Weighted:
    """A conversation and how often it is drawn relative to others."""

    conversation: Conversation
    weight: float


def without_pictures(conversation: Conversation) -> Conversation:
    """Return the conversation as text alone: what a language stage learns from."""
    messages = (Message(m.role, tuple(part for part in m.parts if part is not None)) for m in conversation.messages)
    kept = tuple(message for message in messages if message.parts or message.role != "system")
    return replace(conversation, messages=kept, images=())


def weigh(conversations: Iterable[Conversation], entry: DataSettings, mix: MixSettings) -> list[Weighted]:
    """Give a file's conversations their weights: that of the file times that of their origin."""
    return [Weighted(c, entry.weight * mix.origins.get(c.origin, 1.0)) for c in conversations]


def draw(
    pool: Sequence[Weighted], count: int, samples: Literal["all", "text", "pictures"], mix: MixSettings, seed: int
) -> list[Conversation]:
    """Draw the samples of a stage, in the order of training.

    Args:
        pool: All conversations.
        count: How many samples.
        samples: Which the stage takes.
        mix: Shares.
        seed: Seeds the draw.

    Raises:
        InputError: The pool lacks what a share asks for.
    """
    given = [
        w if samples != "text" else replace(w, conversation=without_pictures(w.conversation))
        for w in pool
        if samples != "pictures" or w.conversation.images
    ]
    english = [w for w in given if w.conversation.language == ENGLISH]
    target = [w for w in given if w.conversation.language != ENGLISH]
    share = mix.english if mix.english is not None else (len(english) / len(given) if given else 0.0)
    wanted = round(count * share)
    drawn = random.Random(seed)
    chosen = [
        *_draw_kind(target, count - wanted, samples, mix, drawn, "in the target language"),
        *_draw_kind(english, wanted, samples, mix, drawn, "in English"),
    ]
    drawn.shuffle(chosen)
    return chosen


def _draw_kind(
    given: Sequence[Weighted], count: int, samples: str, mix: MixSettings, drawn: random.Random, what: str
) -> list[Conversation]:
    """Draw in one language, pictures and text by their shares."""
    if not count:
        return []
    if not given:
        kind = {"text": "text", "pictures": "samples with pictures", "all": "samples"}[samples]
        raise InputError(f"the data holds no {kind} {what}, but the stage asks for {count}.")
    pictured = [w for w in given if w.conversation.images]
    text = [w for w in given if not w.conversation.images]
    if samples != "all":
        return _cycle(given, count, drawn)
    share = mix.text_only if mix.text_only is not None else len(text) / len(given)
    share = min(share, 1 - mix.image_floor)
    if share < 1 and not pictured:
        floor = f"{mix.image_floor:.0%}"
        raise InputError(
            f"the data holds no pictures {what}, and mix.image_floor is {floor}: add some, or set it to 0."
        )
    texts = round(count * share)
    if texts and not text:
        text = [replace(w, conversation=without_pictures(w.conversation)) for w in pictured]
    return [*_cycle(text, texts, drawn), *_cycle(pictured, count - texts, drawn)]


def _cycle(given: Sequence[Weighted], count: int, drawn: random.Random) -> list[Conversation]:
    """Draw `count`, round after round: in each as often as its weight says, fractions by chance."""
    chosen: list[Conversation] = []
    mean = sum(w.weight for w in given) / max(1, len(given))
    while len(chosen) < count:
        round_: list[Conversation] = []
        for w in given:
            times, rest = divmod(w.weight / mean, 1)
            round_ += [w.conversation] * (int(times) + (drawn.random() < rest))
        drawn.shuffle(round_)
        chosen += round_
    return chosen[:count]


def realised(rows: Iterable[Encoded]) -> dict[str, Any]:
    """Return what was drawn, by language, origin and kind, in samples and in tokens."""
    samples: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for row in rows:
        for name in (
            f"language {row.language}",
            f"origin {row.origin}",
            "with pictures" if row.images else "text only",
            "all",
        ):
            samples[name] += 1
            tokens[name] += len(row)
    return {"samples": dict(sorted(samples.items())), "tokens": dict(sorted(tokens.items()))}
