"""What a model is asked: an item in the words of its language."""

from __future__ import annotations

from passerelle.errors import ConfigError
from passerelle.evaluation.benchmarks.base import Benchmark, Item
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.evaluation.parsing.published import LETTERS
from passerelle.languages.knowledge import known, languages_with
from passerelle.records import Question, QuestionKind


def instruction(language: str, name: str) -> str:
    """Return an instruction of a language: ``hint``, ``letter``, ``short``, ``yes_no`` or ``caption``.

    Raises:
        ConfigError: It isn't known in this language.
    """
    text = _instruction(language, name)
    if not text:
        raise ConfigError(
            f"what asks for an answer isn't known in {language!r} (instructions.{name}). Known languages: "
            f"{', '.join(languages_with('instructions'))}. Write it into a file languages/{language}.toml of your own "
            f"(passerelle languages {language} --start languages/{language}.toml begins one), and name its folder by "
            "--languages."
        )
    return text


def _instruction(language: str, name: str) -> str:
    found = known(language).instructions
    return str(getattr(found, name)) if found else ""


def _hint_word(language: str) -> str:
    """Return what stands before a context; nothing where it isn't known, as the context speaks for itself."""
    found = known(language).instructions
    return found.hint if found else ""


def question_of(item: Item, benchmark: Benchmark, method: str) -> Question:
    """Make the question that a model is asked.

    Options are listed with their letters where a letter is to be generated; where likelihoods are compared they are
    the continuations of the question.

    Args:
        item: The item.
        benchmark: Its benchmark.
        method: ``generate``, or the rule by which options are scored.
    """
    scored = method != GENERATE and bool(item.options)
    kind: QuestionKind = "open"
    if scored:
        kind = "choice" if method.startswith("pmi") else "options"
    return Question(
        id=item.id,
        kind=kind,
        picture=str(item.picture or ""),
        source=benchmark.name,
        language=item.language,
        origin=item.origin,
        prompt=prompt_of(item, benchmark, scored),
        options=item.options if scored else (),
        correct=item.correct,
        reference=item.references[0] if item.references else "",
    )


def prompt_of(item: Item, benchmark: Benchmark, scored: bool, *, is_asked: bool = True) -> str:
    """Return the words of a question: hint, question, options, instruction.

    Args:
        item: The question.
        benchmark: Its benchmark.
        scored: Whether the likelihoods of its options are compared.
        is_asked: Whether a model is to be asked this; what somebody else asked may lack the instruction.

    Raises:
        ConfigError: A model is to be asked, and the instruction isn't known in the language.
    """
    lines = [f"{_hint_word(item.language)} {item.hint}".strip()] if item.hint else []
    lines += [item.question] if item.question else []
    if scored:
        return "\n".join(lines)
    if item.options and benchmark.kind == "choice":
        lines += [f"{letter}. {option}" for letter, option in zip(LETTERS, item.options, strict=False) if option]
    # An open question among choices, as MMMU has them, isn't asked for a letter.
    name = "short" if benchmark.prompt == "letter" and not item.options else benchmark.prompt
    if name:
        lines.append(instruction(item.language, name) if is_asked else _instruction(item.language, name))
    return "\n".join(filter(None, lines))
