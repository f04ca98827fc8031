"""Ask any model, or an arm of a run, one question about one's own picture."""

from __future__ import annotations

from pathlib import Path

from passerelle.errors import InputError
from passerelle.evaluation.asking.systems import close_servers, open_system
from passerelle.evaluation.specification import Named
from passerelle.languages.codes import language as known_language
from passerelle.models.families import known_families
from passerelle.pictures.opening import open_picture
from passerelle.progress import quiet
from passerelle.records import Question
from passerelle.runs import ARMS, find_arm

USUAL_LANGUAGE = "fr"


def ask(
    picture: Path,
    question: str,
    model: str,
    language: str = "",
    max_new_tokens: int = 40,
    families: Path | None = None,
) -> str:
    """Return what a model answers to a question about a picture.

    Args:
        picture: A picture file.
        question: The question.
        model: As `passerelle evaluate` names it; of several seeds the first answers.
        language: Of the question, for models that translate or are told to answer in it [that of the run, or French].
        max_new_tokens: Longest answer.
        families: TOML with families of models of one's own.

    Raises:
        ConfigError: No such arm or language.
        InputError: The picture can't be read, the question is empty, or there is no such model.
    """
    if not question.strip():
        raise InputError("the question is empty.")
    code = known_language(language or _language_of(model)).bcp47
    open_picture(picture)
    quiet()
    asked = Question("0", "open", "0", "", code, "native", question)
    with known_families(families):
        opener = open_system(Named("model", model)).members[0]
        try:
            answers, bad = opener.open().answer([asked], {"0": picture}, max_new_tokens)
        finally:
            close_servers()
    if bad:
        raise InputError(next(iter(bad.values())))
    return answers[0].text.strip().partition("\n")[0].strip()


def _language_of(model: str) -> str:
    """Return the language of the run that a model is an arm of."""
    run, _, arm = model.partition(":")
    if not arm or not (Path(run) / ARMS).is_file():
        return USUAL_LANGUAGE
    return find_arm(Path(run), arm.partition(":")[0]).language
