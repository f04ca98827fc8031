"""Models on this machine that answer questions about picture files; what is behind one, the runner doesn't know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from passerelle.costs.ledger import FlopMeter
from passerelle.errors import InputError
from passerelle.records import Answer, Question
from passerelle.runs import cache_folder

if TYPE_CHECKING:
    from passerelle.evaluation.asking.answering import Answerer
    from passerelle.models.features import FeatureCache
    from passerelle.models.pretrained import PretrainedModel
    from passerelle.models.vision_cache import VisionFeatures
    from passerelle.models.vlm import VisionLanguageModel

Wrap = Callable[["Answerer", str], "Answerer"]
"""Puts what a method does around the model's answerer, for questions in a language."""


class Member(Protocol):
    """One trained model of a system; a system has one for each seed."""

    @property
    def flops(self) -> float:
        """Floating-point operations of its language model so far."""
        ...

    def answer(
        self, questions: Sequence[Question], pictures: Mapping[str, Path], max_new_tokens: int
    ) -> tuple[list[Answer], dict[str, str]]:
        """Answer questions.

        Args:
            questions: In one language.
            pictures: The file of each picture, by key.
            max_new_tokens: Longest answer.

        Returns:
            Answers to all questions that could be asked, and for the keys of unreadable pictures what is wrong.
        """
        ...


@dataclass(frozen=True)
class Opener:
    """A model that isn't loaded yet.

    Attributes:
        signature: What determines its answers: weights, method, engine.
        open: Loads it.
    """

    signature: str
    open: Callable[[], Member]


@dataclass(frozen=True)
class System:
    """Who is examined.

    Attributes:
        name: What results call it.
        members: The model of each seed.
        languages: In which it is asked; all of the run's if empty.
    """

    name: str
    members: tuple[Opener, ...]
    languages: tuple[str, ...] = ()

    def is_asked_in(self, language: str) -> bool:
        """Whether it is asked in a language."""
        return not self.languages or language in self.languages


@dataclass
class _Local(ABC):
    """A model on this machine; `wrap` is what its method puts around it."""

    wrap: Wrap | None = None
    _meter: FlopMeter = field(default_factory=FlopMeter)
    _priors: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def flops(self) -> float:
        """Floating-point operations of its language model so far."""
        return self._meter.flops

    def answer(
        self, questions: Sequence[Question], pictures: Mapping[str, Path], max_new_tokens: int
    ) -> tuple[list[Answer], dict[str, str]]:
        """Answer questions; see `Member.answer`."""
        bad = _unreadable({q.picture: pictures[q.picture] for q in questions if q.picture})
        asked = [q for q in questions if q.picture not in bad]
        if not asked:
            return [], bad
        readable = {q.picture: pictures[q.picture] for q in asked if q.picture}
        inner = self._answerer(readable, max_new_tokens)
        answerer = self.wrap(inner, asked[0].language) if self.wrap else inner
        return answerer.answer(asked), bad

    @abstractmethod
    def _answerer(self, pictures: Mapping[str, Path], max_new_tokens: int) -> Answerer:
        """Return who answers questions about some pictures."""


@dataclass
class LocalModel(_Local):
    """A LLaVA model built like the embedded base: options are scored on shared prefixes, with features that are kept.

    Attributes:
        model: The model.
    """

    model: VisionLanguageModel = field(kw_only=True)
    _cache: FeatureCache | None = None

    def _answerer(self, pictures: Mapping[str, Path], max_new_tokens: int) -> Answerer:
        import torch

        from passerelle.evaluation.asking.answering import BenchmarkAnswerer
        from passerelle.models.features import FeatureCache

        self._cache = self._cache or FeatureCache(self.model, cache_folder() / "features")
        features = self._cache.get(list(pictures.values())) if pictures else torch.empty(0)
        rows = {key: row for row, key in enumerate(pictures)}
        return BenchmarkAnswerer(self.model, features, rows, self._meter, self._priors, max_new_tokens)


@dataclass
class FamilyModel(_Local):
    """A model of any family, or an adapter on one, asked through its own processor.

    Attributes:
        pretrained: The model.
    """

    pretrained: PretrainedModel = field(kw_only=True)
    _vision: VisionFeatures | None = None

    def _answerer(self, pictures: Mapping[str, Path], max_new_tokens: int) -> Answerer:
        from passerelle.evaluation.asking.family_answering import MAX_LENGTH, FamilyAnswerer
        from passerelle.models.conversing import Encoder
        from passerelle.models.vision_cache import VisionFeatures

        self._vision = self._vision or VisionFeatures(self.pretrained, cache_folder() / "vision")
        encoder = Encoder(self.pretrained, MAX_LENGTH)
        return FamilyAnswerer(encoder, self._vision, pictures, max_new_tokens, self._priors, self._meter)


_checked: dict[Path, str] = {}


def _unreadable(pictures: Mapping[str, Path]) -> dict[str, str]:
    """Return what is wrong with pictures that can't be decoded; each file is tried once."""
    from passerelle.pictures.opening import open_picture

    found = {}
    for key, path in pictures.items():
        if path not in _checked:
            try:
                open_picture(path)
                _checked[path] = ""
            except InputError as error:
                _checked[path] = str(error)
        if _checked[path]:
            found[key] = _checked[path]
    return found
