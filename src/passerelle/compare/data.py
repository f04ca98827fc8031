"""The data of a comparison: pictures, their captions in three versions, training samples and tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from passerelle.compare.reviewed import Review, read_review, with_corrections
from passerelle.compare.screening import Screening
from passerelle.config import Experiment
from passerelle.costs.ledger import Phase
from passerelle.errors import InputError, UserError
from passerelle.methods.base import TrainingData
from passerelle.records import Origin, Picture, Question, Sample, Text
from passerelle.runs import cache_folder, content_hash
from passerelle.example import emoji
from passerelle.example import splits
from passerelle.example import tuxpaint
from passerelle.languages.prompts import Prompts, english, find_prompts
from passerelle.example.questions import draw_items, render, translate_questions
from passerelle.example.samples import make_samples, translate_samples
from passerelle.translation.engines.apertium import ApertiumTranslator
from passerelle.languages.codes import language
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.metered import MeteredTranslator

SYMBOLS = "symbols/"
TIMED_CAPTIONS = 200
MOST_SYMBOLS = 40
"""Training takes this many of the stamps that are letters, digits and coins, so that they don't dominate."""


@dataclass
class Translation:
    """Both directions of the engine."""

    forward: MeteredTranslator
    backward: MeteredTranslator

    @classmethod
    def open(cls, target: str, pictures: Iterable[Picture] = ()) -> Translation:
        """Open the engine from English to `target` and back.

        Args:
            target: Code of the target language.
            pictures: Their captions are what the engine's time is measured on.

        Raises:
            MissingDependency: The engine, or a pair of it, isn't installed; says what to type.
        """
        # Not the users' memory: what people import there would pass for the engine's work here.
        memory = TranslationMemory(cache_folder() / "compare-translations.sqlite")
        captioned = [p for p in pictures if target in p.captions]
        known = [p.captions for p in sorted(captioned, key=_shuffled)[:TIMED_CAPTIONS]]
        return cls(
            MeteredTranslator(ApertiumTranslator("en", target), memory, [c["en"].text for c in known]),
            MeteredTranslator(ApertiumTranslator(target, "en"), memory, [c[target].text for c in known]),
        )

    @property
    def signature(self) -> str:
        """Engine, pairs and versions of both directions."""
        return f"{self.forward.signature}; {self.backward.signature}"

    def start_charging(self) -> Callable[[Phase], None]:
        """Return what charges a phase for the sentences since the last call, each different one once.

        The clock's share of it, the time that the engine really took for those not yet in the memory, is taken out.
        """
        engines = (self.forward, self.backward)
        for engine in engines:
            engine.start_count()

        def charge(phase: Phase) -> None:
            for engine in engines:
                sentences, seconds = engine.since_last()
                phase.sentences += sentences
                phase.seconds += sentences * engine.seconds_per_sentence - seconds

        return charge


@dataclass
class Data:
    """All that the arms of one experiment share.

    Attributes:
        experiment: The settings.
        pictures: Every picture of both sources, by id.
        translation: The engine.
        prompts: The target language's prompts.
        review: Experts' corrections, which what trains on machine text gets.
        folder: The run folder, for what is made once and kept.
    """

    experiment: Experiment
    pictures: dict[str, Picture]
    translation: Translation
    prompts: Prompts
    review: Review | None = None
    folder: Path | None = None
    _samples: dict[tuple[str, int], list[Sample]] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Code of the target language."""
        return self.prompts.language

    def side(self, side: str) -> list[Picture]:
        """Return a side's pictures that have a caption in the target language, sorted by id."""
        stored = splits.stored()
        return [
            picture
            for identifier, picture in sorted(self.pictures.items())
            if stored.get(identifier) == side and self.target in picture.captions
        ]

    @cached_property
    def train(self) -> list[Picture]:
        """Training pictures, of letters and digits only a few."""
        pictures = self.side("train")
        symbols = [p for p in pictures if p.category.startswith(SYMBOLS)]
        kept = {p.id for p in sorted(symbols, key=_shuffled)[:MOST_SYMBOLS]}
        chosen = [p for p in pictures if not p.category.startswith(SYMBOLS) or p.id in kept]
        limit = self.experiment.budget.pictures
        return chosen if len(chosen) <= limit else sorted(sorted(chosen, key=_shuffled)[:limit], key=lambda p: p.id)

    @cached_property
    def test(self) -> list[Picture]:
        """Test pictures of this experiment: the split's, or as many of it as the experiment asks for."""
        chosen = []
        limits = {"stamps": self.experiment.test.stamps, "emoji": self.experiment.test.emoji}
        for source, limit in limits.items():
            pictures = [p for p in self.side(self.experiment.test.split) if p.source == source]
            chosen += sorted(pictures, key=_shuffled)[:limit]
        if not chosen:
            raise InputError("the test is empty: raise test.stamps or test.emoji in the experiment.")
        return sorted(chosen, key=lambda p: p.id)

    def captions(self, language_code: str) -> dict[str, Text]:
        """Return the captions that people wrote in a language, by picture id."""
        return {p.id: p.captions[language_code] for p in self.pictures.values() if language_code in p.captions}

    def samples(self, text: str, epoch: int) -> list[Sample]:
        """Return an epoch's training samples in a version of the target language.

        Args:
            text: ``human``; ``machine``; ``filtered``, the machine's on the pictures that the gate keeps; ``random``,
                the same on as many drawn at random; ``repaired``, the machine's after repair.
            epoch: Each epoch draws other yes/no turns.
        """
        if (text, epoch) not in self._samples:
            if text == "human":
                made = self._make_samples(self.train, self.target, epoch)
            else:
                lexicon = {english().yes: self.prompts.yes, english().no: self.prompts.no}
                origin: Origin = "repaired" if text == "repaired" else "machine"
                translate = self.screening.repaired if text == "repaired" else self.translation.forward.translate
                corrected = with_corrections(translate, self.review, self.target)
                made = translate_samples(self.originals(text, epoch), corrected, self.target, origin, lexicon)
            self._samples[text, epoch] = made
        return self._samples[text, epoch]

    def originals(self, text: str, epoch: int) -> list[Sample]:
        """Return the English samples that a version of the training text is translated from."""
        kept = {"filtered": lambda: self.screening.kept, "random": lambda: self.screening.drawn}.get(text)
        pictures = self.train if kept is None else [p for p in self.train if p.id in kept()]
        return self._make_samples(pictures, "en", epoch)

    def _make_samples(self, pictures: Sequence[Picture], language_code: str, epoch: int) -> list[Sample]:
        prompts = english() if language_code == "en" else self.prompts
        yes_no = self.experiment.budget.yes_no
        return make_samples(pictures, self.captions(language_code), prompts, yes_no=yes_no, seed=100 + epoch)

    @cached_property
    def screening(self) -> Screening:
        """The gate and the repair of the training text."""
        assert self.folder is not None, "a run folder keeps what the gate says"
        translate = self.translation.forward.translate
        return Screening(self.train, self.target, translate, self.experiment.quality, self.folder)

    def training(self, text: str, features: Any, rows: dict[str, int]) -> TrainingData:
        """Return what an arm trains on."""
        return TrainingData(lambda epoch: self.samples(text, epoch), features, rows)

    @cached_property
    def tests(self) -> dict[str, list[Question]]:
        """The tests: ``english``, ``human`` and ``machine``, with the same ids."""
        return self.questions(self.side(self.experiment.test.split), self.test)

    def questions(self, pool: Sequence[Picture], asked: Sequence[Picture]) -> dict[str, list[Question]]:
        """Return the three versions of the questions about `asked`, with distractors from `pool`."""
        wanted = {picture.id for picture in asked}
        items = [i for i in draw_items(pool, ["en", self.target]) if i.picture.id in wanted]
        in_english = render(items, self.captions("en"), english())
        return {
            "english": in_english,
            "human": render(items, self.captions(self.target), self.prompts),
            "machine": self.translate_questions(in_english, self.target, "machine"),
        }

    def translate_questions(self, questions: Sequence[Question], into: str, origin: Origin) -> list[Question]:
        """Translate questions by the engine, into the target language or into English."""
        engine = self.translation.forward if into == self.target else self.translation.backward
        prompts = self.prompts if into == self.target else english()
        return translate_questions(questions, engine.translate, into, origin, (prompts.yes, prompts.no))

    def summary(self) -> dict[str, Any]:
        """Return counts and hashes for the results."""
        from passerelle.evaluation.metrics.captions import corpus_chrf

        human, machine = self.tests["human"], self.tests["machine"]
        pairs = [(m.reference, h.reference) for m, h in zip(machine, human, strict=True) if h.kind == "caption"]
        quality = corpus_chrf([m for m, _ in pairs], [h for _, h in pairs]) if pairs else None
        return {
            "pictures": {
                "train": len(self.train),
                "development": len(self.side("development")),
                "test": len(self.test),
            },
            "questions": len(human),
            "hashes": {
                "splits": splits.digest(),
                **{f"test {name}": content_hash(list(map(vars, qs)))[:16] for name, qs in self.tests.items()},
            },
            "machine_translation": {
                "signature": self.translation.signature,
                "chrf": round(quality.score, 2) if quality else None,
                "reference": "the human captions of the test",
            },
        }


def _shuffled(picture: Picture) -> str:
    return hashlib.sha256(f"order/{picture.id}".encode()).hexdigest()


def read_pictures(target: str) -> dict[str, Picture]:
    """Return the stamps and the emoji, with captions in English and in `target`."""
    drawn = cache_folder() / "pictures"
    pictures = tuxpaint.read_pictures(target, drawn / "stamps") + emoji.read_pictures(target, drawn / "emoji")
    return {picture.id: picture for picture in pictures}


def prepare(experiment: Experiment, folder: Path | None = None) -> Data:
    """Read pictures and captions and open the engine.

    Args:
        experiment: The settings.
        folder: The run folder, which arms with selected or repaired text need.

    Raises:
        ConfigError: The target isn't a language, or is English.
        MissingDependency: Pictures, fonts, the engine or a pair of it aren't installed.
        InputError: The target language has too few captions.
    """
    target = language(experiment.target).bcp47
    if target == "en":
        raise UserError("the base is English already: choose another --target.")
    pictures = read_pictures(target)
    translation = Translation.open(target, pictures.values())
    prompts = find_prompts(target) or translated_prompts(target, translation)
    review = None if experiment.review is None else read_review(experiment.review)
    data = Data(experiment, pictures, translation, prompts, review, folder)
    counts: Mapping[str, int] = {side: len(data.side(side)) for side in ("train", "test")}
    if min(counts.values()) < 20:
        raise InputError(
            f"only {counts['train']} training and {counts['test']} test pictures have a caption in "
            f"{target!r}: too few to compare anything."
        )
    return data


def translated_prompts(target: str, translation: Translation) -> Prompts:
    """Return the English prompts in a language that the data file doesn't have, by the engine."""
    source = english()
    mark = "XQZ"
    texts = [source.yes, source.no, source.caption, source.yes_no.format(caption=mark)]
    yes, no, caption, yes_no = translation.forward.translate(texts)
    pattern = yes_no.replace(mark, "{caption}") if mark in yes_no else "{caption} ?"
    return Prompts(target, yes, no, caption, pattern, "{a}, {b}, {c}, {d} ?", frozenset())
