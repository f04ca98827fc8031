"""The check ``llm``: what errors a language model behind a server lists, each with its category and severity."""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from passerelle.errors import ConfigError
from passerelle.evaluation.asking.replying import LLM, Replier, Taken
from passerelle.languages.codes import language
from passerelle.quality.base import Check, ErrorClass, Finding, Pair
from passerelle.quality.checks.by_language import by_languages
from passerelle.quality.kinds import kinds
from passerelle.runs import cache_folder, content_hash
from passerelle.translation.prompting.numbered import object_of

VERSION = "1"
"""Raised when the same reply is read differently."""
LONGEST_REPLY = 512
"""Tokens: a dozen errors."""
_LONGEST_QUOTE = 80
_REFUSED = Finding(math.nan, "the server refuses the text")
_UNREAD = Finding(math.nan, "the model's reply is no list of errors")


@dataclass(frozen=True)
class _Words:
    """What is asked, and how replies are read (``passerelle/data/error_prompt.toml``)."""

    prompt: str
    weights: dict[str, float]
    synonyms: dict[str, str]
    digest: str


@cache
def _words() -> _Words:
    text = files("passerelle.data").joinpath("error_prompt.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    told = [table["prompt"], {name: kind.says for name, kind in kinds().items()}]
    return _Words(table["prompt"], table["weights"], table["synonyms"], content_hash(told)[:8])


@dataclass(frozen=True)
class Listed:
    """An error that a model lists.

    Attributes:
        severity: ``minor``, ``major`` or ``critical``.
        kind: One of `kinds`; empty where the model names none of them.
        text: The words that it is in; empty if it names none.
    """

    severity: str
    kind: str
    text: str


def is_llm(name: str) -> bool:
    """Whether the name of a check is a model's: ``llm:MODEL@URL``, or with options."""
    return re.match(rf"{LLM}[:{{]", name) is not None


def prompt_for(pair: Pair) -> str:
    """Return what a model is asked about a pair."""
    return _words().prompt.format(
        source=language(pair.source_language).name,
        target=language(pair.target_language).name,
        text=pair.source,
        translation=pair.target,
        kinds="\n".join(f"{name}: {kind.says}" for name, kind in kinds().items()),
    )


def read_errors(reply: str) -> list[Listed] | None:
    """Read a model's list of errors.

    Args:
        reply: A JSON object; a fence around it, and reasoning before it, is left out.

    Returns:
        The errors; ``None`` where the reply is no such list.
    """
    found, fault = object_of(reply)
    if fault:  # words around it
        found, _ = object_of(reply[reply.find("{") : reply.rfind("}") + 1])
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, list):
        return None
    listed = [_listed(error) for error in errors]
    return [error for error in listed if error is not None] if None not in listed else None


def _listed(error: Any) -> Listed | None:
    if not isinstance(error, dict):
        return None
    severity = str(error.get("severity", "")).strip().lower()
    if severity not in _words().weights:
        return None
    text = error.get("text")
    shown = " ".join(text.split()) if isinstance(text, str) else ""
    # A model may reply anything: what isn't shown on a line doesn't reach a terminal.
    return Listed(severity, _kind(str(error.get("category", ""))), "".join(filter(str.isprintable, shown)))


def _kind(category: str) -> str:
    """Return the kind that a model means; empty where it is none."""
    for part in reversed(re.split(r"[/:,]", category.lower())):
        name = "-".join(re.findall(r"[a-z]+", part))
        name = _words().synonyms.get(name, name)
        if name in kinds():
            return name
    return ""


def finding_of(errors: Sequence[Listed]) -> Finding:
    """Return the finding that errors make.

    The score is 1 without errors; a minor one takes 1/25, a major one 5/25, a critical one all. The values are the
    counts by severity.
    """
    weights = _words().weights
    counts = Counter(error.severity for error in errors)
    values = {severity: float(counts[severity]) for severity in weights}
    score = max(0.0, 1 - sum(weights[error.severity] for error in errors) / max(weights.values()))
    if not errors:
        return Finding(score, values=values)
    worst = max(errors, key=lambda error: (weights[error.severity], bool(error.kind)))
    what = worst.kind.replace("-", " ") or "error"
    quoted = f' in "{worst.text[:_LONGEST_QUOTE]}"' if worst.text else ""
    error: ErrorClass | None = kinds()[worst.kind].classes[0] if worst.kind else None
    return Finding(score, f"{worst.severity}: {what}{quoted}", error, values)


class LanguageModelCheck:
    """Asks a language model behind a server for a translation's errors; each pair is one request, paid once.

    Attributes:
        model: The model's name.
        taken: What it took, earlier runs included.
        keeps_itself: Replies are kept where they are paid, so that what they took is known; findings aren't kept again.
    """

    name = LLM
    keeps_itself = True

    def __init__(self, specification: str) -> None:
        """Get ready; nothing is sent yet.

        Args:
            specification: ``llm:MODEL@URL`` or ``llm{OPTIONS}:MODEL@URL``, with the options of a served model.

        Raises:
            ConfigError: The specification can't be used.
            MissingDependency: httpx isn't installed.
        """
        kept = cache_folder() / "served" / f"errors-{_words().digest}.jsonl"
        self._replier = Replier(specification, "check", kept, _words().digest, LONGEST_REPLY)
        self.model = self._replier.model

    @property
    def taken(self) -> Taken:
        """What it took."""
        return self._replier.taken

    @property
    def signature(self) -> str:
        """Prompt, model, its place and how it is asked; never the key."""
        return f"{self._asked}{self._replier.place} {content_hash(self._replier.signature)[:8]}"

    @property
    def _asked(self) -> str:
        return f"{LLM} {VERSION} {_words().digest} {self.model} at "

    def need_fitted(self, signature: str) -> None:
        """Make sure that a calibration was fitted on what this model says to the same words, wherever it stands.

        Args:
            signature: Of the check that it was fitted on.

        Raises:
            ConfigError: It was another one.
        """
        if not signature.startswith(self._asked):
            raise ConfigError(
                f"the calibration was fitted with {signature!r}, not with {self.signature!r}: name that model, or fit "
                "a calibration with this one (passerelle quality fit LABELS --check …)."
            )

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; unknown, with the reason, where the reply can't be read.

        Raises:
            BudgetSpent: The budget doesn't reach; what came is kept.
            EngineStopped: No reply after all retries; the same.
            ConfigError: The server refuses the key or the model.
        """
        return by_languages(pairs, lambda ours, source, target: self._assess(ours))

    def close(self) -> None:
        """Close the connections."""
        self._replier.close()

    def _assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        replies = self._replier.replies([(pair.field, prompt_for(pair)) for pair in pairs])
        return [_REFUSED if reply is None else _read(reply) for reply in replies]


def _read(reply: str) -> Finding:
    errors = read_errors(reply)
    return _UNREAD if errors is None else finding_of(errors)


def taken_by(checks: Iterable[Check]) -> dict[str, Taken]:
    """Return what the language models among checks took, by the check's name."""
    return {check.name: check.taken for check in checks if isinstance(check, LanguageModelCheck)}
