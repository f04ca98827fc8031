"""Between lmms-eval's model interface and this package's models: prompts and pictures in, texts or losses out."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from passerelle.errors import InputError
from passerelle.evaluation.asking.asking import chunks
from passerelle.evaluation.asking.members import Member
from passerelle.evaluation.asking.systems import open_system
from passerelle.evaluation.specification import parse_named
from passerelle.records import Answer, Question, QuestionKind

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        prompt: What is asked.
        picture: A decoded picture, or nothing.
        language: Of the prompt.
        options: What is to be scored; empty where a text is to be generated.
    """

    prompt: str
    picture: Any
    language: str
    options: tuple[str, ...] = ()


class Bridge:
    """Answers lmms-eval's requests.

    Args:
        model: What ``passerelle evaluate`` takes as a model.
        opened: A model that is open already.
    """

    def __init__(self, model: str, opened: Member | None = None) -> None:
        self._member = opened or open_system(parse_named(model, default="model")).members[0].open()

    def generate(self, asked: Sequence[Asked], max_new_tokens: int) -> list[str]:
        """Generate an answer to each request.

        Raises:
            InputError: A picture can't be read.
        """
        return self._answer(asked, "open", max_new_tokens, lambda answer: answer.text)

    def losses(self, asked: Sequence[Asked]) -> list[float]:
        """Return the mean loss per token of each request's option, in nats; lmms-eval takes the smallest.

        Raises:
            InputError: A picture can't be read.
        """
        return self._answer(asked, "options", 1, lambda answer: -answer.logprobs[0] / answer.tokens[0])

    def _answer(
        self, asked: Sequence[Asked], kind: QuestionKind, max_new_tokens: int, pick: Callable[[Answer], T]
    ) -> list[T]:
        found: dict[str, T] = {}
        with tempfile.TemporaryDirectory() as folder:
            pictures: dict[str, Path] = {}
            questions = [_question(str(n), each, kind, Path(folder), pictures) for n, each in enumerate(asked)]
            for code in dict.fromkeys(question.language for question in questions):
                for chunk in chunks([question for question in questions if question.language == code]):
                    answers, bad = self._member.answer(chunk, pictures, max_new_tokens)
                    if bad:
                        raise InputError(next(iter(bad.values())))
                    found |= {answer.question: pick(answer) for answer in answers}
        return [found[str(number)] for number in range(len(asked))]


def _question(name: str, asked: Asked, kind: QuestionKind, folder: Path, pictures: dict[str, Path]) -> Question:
    key = ""
    if asked.picture is not None:
        buffer = io.BytesIO()
        asked.picture.convert("RGB").save(buffer, format="PNG")
        key = hashlib.sha256(buffer.getvalue()).hexdigest()[:24]
        if key not in pictures:
            pictures[key] = folder / f"{key}.png"
            pictures[key].write_bytes(buffer.getvalue())
    return Question(name, kind, key, "lmms-eval", asked.language, "native", asked.prompt, asked.options)
