"""The checks by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from passerelle.errors import ConfigError, unknown
from passerelle.quality.base import Check
from passerelle.quality.checks.agreement import AgreementCheck
from passerelle.quality.checks.copied import CopiedCheck
from passerelle.quality.checks.dictionary import DictionaryCheck
from passerelle.quality.checks.embedding import EmbeddingCheck
from passerelle.quality.checks.fluency import FluencyCheck
from passerelle.quality.checks.language import LanguageCheck
from passerelle.quality.checks.language_model import LanguageModelCheck, is_llm
from passerelle.quality.checks.learned import LearnedCheck, estimators
from passerelle.quality.checks.length import LengthCheck
from passerelle.quality.checks.names import NamesCheck
from passerelle.quality.checks.other_ways import BackTranslationCheck, PivotsCheck
from passerelle.quality.checks.picture import PictureCheck
from passerelle.quality.checks.repetition import RepetitionCheck
from passerelle.quality.checks.structure import StructureCheck
from passerelle.quality.checks.unknown import UnknownCheck
from passerelle.quality.checks.word_order import WordOrderCheck
from passerelle.quality.engines import Engines

Factory = Callable[[str, str, Engines], Check]

CHECKS: dict[str, Factory] = {
    "structure": lambda source, target, engines: StructureCheck(),
    "language": lambda source, target, engines: LanguageCheck(source, target),
    "copied": lambda source, target, engines: CopiedCheck(source, target),
    "unknown": lambda source, target, engines: UnknownCheck(source, target),
    "length": lambda source, target, engines: LengthCheck(source, target),
    "repetition": lambda source, target, engines: RepetitionCheck(),
    "names": lambda source, target, engines: NamesCheck(source, target),
    "agreement": lambda source, target, engines: AgreementCheck(source, target),
    "word-order": lambda source, target, engines: WordOrderCheck(source, target),
    "fluency": lambda source, target, engines: FluencyCheck(source, target),
    "dictionary": lambda source, target, engines: DictionaryCheck((source, target)),
    "pivots": lambda source, target, engines: PivotsCheck(engines, (source, target)),
}
"""What makes each default check for a source and a target language (BCP-47), the quick ones first."""

MORE: dict[str, Factory] = {
    "back-translation": lambda source, target, engines: BackTranslationCheck(engines, (source, target)),
    "embedding": lambda source, target, engines: EmbeddingCheck(engines, languages=(source, target)),
    "picture": lambda source, target, engines: PictureCheck(engines, languages=(source, target)),
    "cometkiwi": lambda source, target, engines: LearnedCheck(estimators()["cometkiwi"]),
    "metricx": lambda source, target, engines: LearnedCheck(estimators()["metricx"]),
}
"""The same of those that take long or a model: made where they are named, or a calibration reads them."""

DEAR = frozenset({"pivots", *MORE})
"""Checks that ask an engine or a model: they take most of the time."""


def build_checks(source: str, target: str, engines: Engines, names: Sequence[str] | None = None) -> list[Check]:
    """Make checks.

    Args:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        engines: What the checks that translate share.
        names: Those to make, in this order; the default ones if ``None``. ``llm:MODEL@URL`` is a language model's.

    Raises:
        ConfigError: There is no such check.
    """
    chosen = list(CHECKS) if names is None else list(dict.fromkeys(names))
    known = {**CHECKS, **MORE}
    for name in chosen:
        if name not in known and not is_llm(name):
            raise ConfigError(unknown("check", name, known) + " A language model is llm:MODEL@URL.")
    if len([name for name in chosen if is_llm(name)]) > 1:
        raise ConfigError("one language model at a time can be a check: give llm:MODEL@URL once.")
    return [known[name](source, target, engines) if name in known else LanguageModelCheck(name) for name in chosen]
