"""What an expert says about an item, checked: one model for each task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from passerelle.errors import InputError
from passerelle.quality.base import ErrorClass

MAX_CHARACTERS = 4000
"""Longest text that an expert may write."""
MAX_SPANS = 100

Task = Literal["judge", "translation", "write", "label"]
TASKS: tuple[Task, ...] = get_args(Task)
Reason = Literal["picture", "correct", "natural", "wrong-language"]
REASONS: tuple[Reason, ...] = get_args(Reason)
Severity = Literal["minor", "major"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]


class Judgment(BaseModel):
    """What all tasks have in common.

    Attributes:
        skipped: The expert can't say; the item counts as finished and says nothing.
        comment: For the organisers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    skipped: bool = False
    comment: _Text = ""

    def missing(self) -> str:
        """Name what is still needed to finish; empty if nothing is."""
        return ""


class Judge(Judgment):
    """Which of two answers is better, or whether one alone is good, and why."""

    verdict: Literal["left", "right", "tie", "good", "bad"] | None = None
    reasons: tuple[Reason, ...] = Field(default=(), max_length=len(REASONS))

    def missing(self) -> str:
        """Name what is still needed to finish."""
        return "" if self.verdict else "verdict"


class Span(BaseModel):
    """A marked error: code points of the translation, `end` not included; both at its end: something is missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    severity: Severity = "minor"
    category: ErrorClass | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, given: Any) -> Any:
        """Read a mark that was made when what is left out and what is added were one class."""
        if isinstance(given, Mapping) and given.get("category") == "dropped-or-added":
            return {**given, "category": "dropped" if given.get("start") == given.get("end") else "added"}
        return given


class Translation(Judgment):
    """Error spans, a score from 0 to 100, and a better translation: Error Span Annotation (2406.11580)."""

    spans: tuple[Span, ...] = Field(default=(), max_length=MAX_SPANS)
    score: int | None = Field(default=None, ge=0, le=100)
    correction: _Text = ""

    def missing(self) -> str:
        """Name what is still needed to finish."""
        return "" if self.score is not None else "score"


class Write(Judgment):
    """A caption, and a question with its answer, in the expert's own language."""

    caption: _Text = ""
    question: _Text = ""
    answer: _Text = ""

    def missing(self) -> str:
        """Name what is still needed to finish: a caption, and both or none of question and answer."""
        if not self.caption.strip():
            return "caption"
        if bool(self.question.strip()) != bool(self.answer.strip()):
            return "answer" if self.question.strip() else "question"
        return ""


class Label(Judgment):
    """Whether an answer is right."""

    label: Literal["right", "wrong"] | None = None

    def missing(self) -> str:
        """Name what is still needed to finish."""
        return "" if self.label else "label"


MODELS: dict[str, type[Judgment]] = {"judge": Judge, "translation": Translation, "write": Write, "label": Label}


def read_judgment(task: str, content: Mapping[str, Any], shown: Mapping[str, Any]) -> Judgment:
    """Check what a page sent.

    Args:
        task: The item's task.
        content: As it came.
        shown: What the expert sees: spans must lie in it, and a verdict must be one that was offered.

    Raises:
        InputError: Unknown keys or values, a text too long, a span outside of the translation.
    """
    try:
        judgment = MODELS[task].model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise InputError(f"{place}: {problem['msg']}") from None
    if isinstance(judgment, Translation):
        length = len(shown["translation"])
        for span in judgment.spans:
            if span.end > length or (span.start >= span.end and span.start != length):
                raise InputError(f"spans: {span.start} to {span.end} isn't inside of the {length} characters")
    if isinstance(judgment, Judge):
        offered = ("left", "right", "tie") if len(shown["answers"]) == 2 else ("good", "bad")
        if judgment.verdict is not None and judgment.verdict not in offered:
            raise InputError(f"verdict: {judgment.verdict!r} wasn't offered")
    return judgment


def is_finished(judgment: Judgment) -> bool:
    """Say whether a judgment may count as finished."""
    return judgment.skipped or not judgment.missing()
