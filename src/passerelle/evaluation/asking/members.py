"""Models that answer questions about picture files; what is behind one, the runner doesn't know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from passerelle.costs.flops import FlopMeter, added, scaled
from passerelle.costs.ledger import Charge
from passerelle.errors import InputError
from passerelle.evaluation.asking.wrapping import Plain, Wrapping
from passerelle.records import Answer, Question
from passerelle.runs import cache_folder
from passerelle.translation.memory.metered import ChargedTexts

if TYPE_CHECKING:
    from passerelle.models.conversing import Encoder
    from passerelle.models.pretrained import PretrainedModel
    from passerelle.models.vision_cache import VisionFeatures


class Spent(NamedTuple):
    """What a member has spent so far.

    Attributes:
        flops: Floating-point operations, those of the features of pictures among them.
        tokens: Tokens that its language model computed.
        translation: What translating for it cost, and what its server's owner takes; the time that it would have taken
            more if neither translations nor features had been known.
        flops_by_part: `flops` by part of the model and pass.
    """

    flops: float = 0.0
    tokens: int = 0
    translation: Charge = Charge()
    flops_by_part: Mapping[str, float] = MappingProxyType({})

    def since(self, before: Spent) -> Spent:
        """Return what was spent since an earlier moment."""
        parts = added(self.flops_by_part, scaled(before.flops_by_part, -1))
        translation = self.translation - before.translation
        return Spent(self.flops - before.flops, self.tokens - before.tokens, translation, parts)


class Member(Protocol):
    """One trained model of a system; a system has one for each seed."""

    @property
    def spent(self) -> Spent:
        """What it has spent so far."""
        ...

    @property
    def charged_texts(self) -> ChargedTexts:
        """The texts whose translation it is charged for; what earlier runs charged can be taken over."""
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
            Answers to all questions that could be asked, and for the keys of pictures that can't be shown what is
            wrong.
        """
        ...


@dataclass(frozen=True)
class Opener:
    """A model that isn't loaded yet.

    Attributes:
        signature: What determines its answers: weights, method, how its texts are translated.
        open: Loads it.
        translated_by: Gives the signature of the engines both ways, by whose work it answers in a language; empty
            where it answers without any.
    """

    signature: str
    open: Callable[[], Member]
    translated_by: Callable[[str], str] = lambda language: ""


@dataclass(frozen=True)
class System:
    """Who is examined.

    Attributes:
        name: What results call it.
        members: The model of each seed.
        languages: In which it is asked; all of the run's if empty.
        kept_as: The name that its answers are kept by, where it was called otherwise before.
    """

    name: str
    members: tuple[Opener, ...]
    languages: tuple[str, ...] = ()
    kept_as: str = ""

    def is_asked_in(self, language: str) -> bool:
        """Whether it is asked in a language."""
        return not self.languages or language in self.languages


@dataclass
class LocalModel:
    """A model of any family on this machine, or an adapter on one, asked through its own processor.

    Attributes:
        pretrained: The model.
        wrapping: What its method puts around it.
    """

    pretrained: PretrainedModel
    wrapping: Wrapping = field(default_factory=Plain)
    _meter: FlopMeter = field(default_factory=FlopMeter)
    _priors: dict[tuple[str, str], float] = field(default_factory=dict)
    _vision: VisionFeatures | None = None
    _encoder: Encoder | None = None

    @property
    def spent(self) -> Spent:
        """What it has spent so far."""
        if self._vision is None:
            return Spent(self._meter.flops, self._meter.tokens, self.wrapping.charged, self._meter.flops_by_part)
        features, charged = self._vision.costs, self.wrapping.charged
        flops, parts = self._meter.flops + features.flops, added(self._meter.flops_by_part, features.flops_by_part)
        return Spent(flops, self._meter.tokens, charged + Charge.of(features.spared), parts)

    @property
    def charged_texts(self) -> ChargedTexts:
        """The texts whose translation it is charged for."""
        return self.wrapping.charged_texts

    @cached_property
    def _modules(self) -> Mapping[Any, str]:
        return self.pretrained.modules_by_part()

    def answer(
        self, questions: Sequence[Question], pictures: Mapping[str, Path], max_new_tokens: int
    ) -> tuple[list[Answer], dict[str, str]]:
        """Answer questions; see `Member.answer`."""
        from passerelle.evaluation.asking.family_answering import MAX_LENGTH, FamilyAnswerer
        from passerelle.models.conversing import Encoder
        from passerelle.models.fitting import require_own_processor
        from passerelle.models.vision_cache import VisionFeatures

        self._encoder = self._encoder or Encoder(self.pretrained, MAX_LENGTH)  # remembers pictures
        self._meter.tell_apart(self._modules)
        if self._vision is None and any(q.picture for q in questions):
            require_own_processor(self.pretrained)
        asked, bad = that_can_be_shown(questions, pictures, self._encoder.refusal)
        if not asked:
            return [], bad
        self._vision = self._vision or VisionFeatures(self.pretrained, cache_folder() / "vision")
        inner = FamilyAnswerer(self._encoder, self._vision, pictures, max_new_tokens, self._priors, self._meter)
        return self.wrapping.wrap(inner, asked[0].language).answer(asked), bad


def that_can_be_shown(
    questions: Sequence[Question], pictures: Mapping[str, Path], refusal: Callable[[Path], str] = lambda path: ""
) -> tuple[list[Question], dict[str, str]]:
    """Leave out questions about pictures that can't be decoded, or that the model can't take.

    Args:
        questions: The questions.
        pictures: The file of each picture, by key.
        refusal: Says why the model can't take a picture that can be decoded; empty where it can.

    Returns:
        The other questions, and for the keys of the pictures that were left out what is wrong.
    """
    keys = dict.fromkeys(question.picture for question in questions if question.picture)
    bad = {key: why for key in keys if (why := _unreadable(pictures[key]) or refusal(pictures[key]))}
    return [question for question in questions if question.picture not in bad], bad


@cache
def _unreadable(path: Path) -> str:
    """Return what is wrong with a picture that can't be decoded; each file is tried once."""
    from passerelle.pictures.opening import open_picture

    try:
        open_picture(path)
    except InputError as error:
        return str(error)
    return ""
