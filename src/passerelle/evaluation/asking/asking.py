"""Ask one model one benchmark: known answers from the journal, the others in chunks of whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from passerelle.costs.clocks import Stopwatch, Took
from passerelle.costs.flops import ByPart, added, scaled
from passerelle.costs.limits import require_allowance
from passerelle.evaluation.asking.answering import group_by_picture
from passerelle.evaluation.asking.journal import Journal, Kept, key_of
from passerelle.evaluation.asking.members import Member, Spent
from passerelle.evaluation.asking.prompts import question_of
from passerelle.evaluation.reading import Missing, Test
from passerelle.records import Answer, Question

Cost = Literal[
    "seconds", "flops", "tokens", "sentences", "characters", "engine_eur", "untranslated",
    "processor_seconds", "device_seconds", "others_core_seconds",
    "spared_seconds", "spared_processor_seconds", "spared_device_seconds", "written_bytes",
]  # fmt: skip
QUESTIONS_PER_CHUNK = 64
"""About so many questions are lost at most when a run is stopped."""
BY_THEMSELVES = 10
"""So many questions of a test that has several chunks are asked one by one: how long one waits for an answer."""


@dataclass
class Answered:
    """What a model said to a benchmark.

    Attributes:
        kept: Answers by question id.
        missing: Questions that it couldn't be asked.
        fresh: How many were asked now.
    """

    kept: dict[str, Kept] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    fresh: int = 0

    def total(self, what: Cost) -> float:
        """Return what answering took, earlier runs included; what wasn't measured counts as nothing."""
        return float(sum(getattr(each, what) or 0.0 for each in self.kept.values()))

    def flops_by_part(self) -> ByPart:
        """Return the operations of all answers by part of the model and pass."""
        return added(*(each.flops_by_part for each in self.kept.values()))

    def waits(self) -> list[float]:
        """Return the seconds that one waited for each answer that was asked for by itself."""
        return [each.seconds for each in self.kept.values() if each.by_itself]

    @property
    def is_measured(self) -> bool:
        """Whether processors' and devices' time of all answers are known."""
        return all(each.is_measured for each in self.kept.values())

    @property
    def tells_written(self) -> bool:
        """Whether it is known of all answers what was written meanwhile."""
        return all(each.written_bytes is not None for each in self.kept.values())

    def texts(self) -> Iterator[str]:
        """Yield digests of the texts that were translated for the answers and charged with them."""
        for each in self.kept.values():
            yield from each.texts


def ask(
    open_member: Callable[[], Member],
    signature: str,
    test: Test,
    journal: Journal,
    watch: Callable[[int, int], None] | None = None,
    translated_by: str = "",
) -> Answered:
    """Answer a benchmark, or the part of it that has no answer yet.

    Args:
        open_member: Gives the model; called only if something is to be asked.
        signature: The model's.
        test: The benchmark in one language.
        journal: Where answers are kept.
        watch: Told (questions done, of how many).
        translated_by: The signature of the engines by whose work it answers; part of what determines its answers.
    """
    if translated_by:
        signature = f"{signature}|{translated_by}"
    longest = test.benchmark.max_new_tokens
    questions = [question_of(item, test.benchmark, test.method) for item in test.items]
    keys = {question.id: key_of(question, signature, longest) for question in questions}
    answered = Answered()
    todo = []
    for question in questions:
        known = journal.get(keys[question.id])
        if known is None:
            todo.append(question)
        else:
            answered.kept[question.id] = known
    if not todo:
        return answered
    member = open_member()
    member.charged_texts.recall(answered.texts())
    done = len(questions) - len(todo)
    for chunk in chunks(todo):
        require_allowance()
        before, charged, watch_of_chunk = member.spent, len(member.charged_texts.new), Stopwatch()
        answers, bad = member.answer(chunk, test.pictures, longest)
        took = watch_of_chunk.took()
        spent = member.spent.since(before)
        shared = 1 / max(1, len(answers))
        fresh = [_kept(answer, took, spent, shared, translated_by, len(chunk) == 1) for answer in answers]
        if fresh:
            fresh[0] = replace(fresh[0], texts=tuple(member.charged_texts.new[charged:]))
        answered.kept |= {
            each.answer.question: each for each in journal.add([keys[a.question] for a in answers], fresh)
        }
        answered.fresh += len(fresh)
        said = {answer.question for answer in answers}
        answered.missing += [Missing(q.id, bad[q.picture]) for q in chunk if q.picture in bad and q.id not in said]
        done += len(chunk)
        if watch:
            watch(done, len(questions))
    return answered


def _kept(answer: Answer, took: Took, spent: Spent, share: float, translated_by: str, by_itself: bool) -> Kept:
    """Return an answer with its share of what its chunk took."""
    translation, own = spent.translation, took * share
    return Kept(
        answer,
        seconds=max(0.0, own.seconds + translation.seconds * share),
        flops=spent.flops * share,
        flops_by_part=scaled(spent.flops_by_part, share),
        tokens=spent.tokens * share,
        sentences=translation.sentences * share,
        characters=translation.characters * share,
        engine_eur=max(0.0, translation.engine_eur) * share,
        untranslated=translation.untranslated * share,
        translated_by=translated_by,
        processor_seconds=max(0.0, own.processor_seconds + translation.processor_seconds * share),
        device_seconds=max(0.0, own.device_seconds + translation.device_seconds * share),
        others_core_seconds=own.others_core_seconds,
        spared_seconds=translation.seconds * share,
        spared_processor_seconds=translation.processor_seconds * share,
        spared_device_seconds=translation.device_seconds * share,
        written_bytes=own.written_bytes,
        by_itself=by_itself,
    )


def chunks(questions: Sequence[Question]) -> list[list[Question]]:
    """Divide questions into chunks of about one size; questions about one picture stay together.

    Where there is more than one chunk, a few questions are asked one by one before.
    """
    alone = list(questions[:BY_THEMSELVES]) if len(questions) > QUESTIONS_PER_CHUNK else []
    found: list[list[Question]] = []
    for asked in group_by_picture(questions[len(alone) :]).values():
        if not found or len(found[-1]) >= QUESTIONS_PER_CHUNK:
            found.append([])
        found[-1] += asked
    return [[question] for question in alone] + found
