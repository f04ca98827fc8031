"""What a model is asked: an item in the words of its language."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from passerelle.errors import ConfigError, unknown
from passerelle.evaluation.benchmarks.base import Benchmark, Item
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.evaluation.parsing.published import LETTERS
from passerelle.records import Question, QuestionKind


@cache
def instructions(language: str) -> dict[str, str]:
    """Return the instructions of a language.

    Raises:
        ConfigError: ``data/benchmark_prompts.toml`` has none.
    """
    text = resources.files("passerelle").joinpath("data/benchmark_prompts.toml").read_text("utf-8")
    table: dict[str, dict[str, str]] = tomllib.loads(text)
    if language not in table:
        raise ConfigError(unknown("language of prompts", language, table) + " Add it to data/benchmark_prompts.toml.")
    return table[language]


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


def prompt_of(item: Item, benchmark: Benchmark, scored: bool) -> str:
    """Return the words of a question: hint, question, options, instruction."""
    lines = [f"{instructions(item.language)['hint']} {item.hint}"] if item.hint else []
    lines += [item.question] if item.question else []
    if scored:
        return "\n".join(lines)
    if item.options and benchmark.kind == "choice":
        lines += [f"{letter}. {option}" for letter, option in zip(LETTERS, item.options, strict=False) if option]
    # An open question among choices, as MMMU has them, isn't asked for a letter.
    name = "short" if benchmark.prompt == "letter" and not item.options else benchmark.prompt
    lines += [instructions(item.language)[name]] if name else []
    return "\n".join(lines)
