"""Have answers that rules left unread decided: by people's labels, and by a model that reads them.

Labels go before the model. What a model replied isn't asked again; each reply that isn't one of those allowed leaves
its answer unread. How far a model agrees with people is measured on the answers that people labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from passerelle.endpoints.budget import said_cost
from passerelle.evaluation.asking.labelled import PEOPLE, Key, Labels
from passerelle.evaluation.asking.replying import LLM, Replier
from passerelle.evaluation.benchmarks.base import Decision, Measure
from passerelle.evaluation.benchmarks.scoring import cluster
from passerelle.evaluation.metrics.answer_reading import asked_of
from passerelle.evaluation.metrics.model_reader import LONGEST_REPLY, VERSION, Job
from passerelle.evaluation.results import Everything, Said
from passerelle.evaluation.statistics.shares import share
from passerelle.progress import Progress

_PERCENT = 100.0


class ModelReader:
    """A model behind an OpenAI-compatible endpoint that reads answers.

    Args:
        specification: ``llm:MODEL@URL`` or ``llm{OPTIONS}:MODEL@URL``, with the options of a served model.
        folder: Where replies are kept.

    Attributes:
        name: As signatures name it: the version of what is asked, the model and its place.
        taken: What it took.

    Raises:
        ConfigError: The specification can't be used.
        MissingDependency: httpx isn't installed.
    """

    def __init__(self, specification: str, folder: Path) -> None:
        self._replier = Replier(specification, "reader", folder / "read.jsonl", VERSION, LONGEST_REPLY)
        self.name = f"{LLM}-{VERSION}:{self._replier.model}@{self._replier.place}"
        self.taken = self._replier.taken

    def close(self) -> None:
        """Close the connections."""
        self._replier.close()

    def decide(
        self, jobs: Sequence[Job], watch: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Decision | None]:
        """Read answers; ``None`` where the reply isn't one of those allowed, or the server refuses the question.

        Args:
            jobs: The answers.
            watch: Told (answers read, of how many).

        Raises:
            BudgetSpent: The budget doesn't reach.
            EngineStopped: No reply after all retries.
            ConfigError: The server refuses the key or the model.
        """
        replies = self._replier.replies([(job.item.id, job.prompt()) for job in jobs], watch)
        return [None if reply is None else job.read(reply, self.name) for job, reply in zip(jobs, replies, strict=True)]


@dataclass(frozen=True)
class _Left:
    """An answer that rules left unread, or that people labelled.

    Attributes:
        key: By which people label it.
        job: What a model is asked of it.
        is_left: Whether rules left it unread: only then what is decided of it counts.
        cluster: Its picture.
    """

    key: Key
    job: Job
    is_left: bool
    cluster: str


def decide(said: Everything, reader: ModelReader | None, labels: Labels | None) -> tuple[Everything, dict[str, Any]]:
    """Have unread answers decided.

    Args:
        said: What was said.
        reader: A model that reads them.
        labels: What people said of them; they go before the model.

    Returns:
        The same with what was decided, and who decided how many, at what cost, in which agreement with people.
    """
    known: Mapping[Key, bool] = labels.right if labels else {}
    by_model, left = _ask(said, reader, known)
    found = {
        system: {
            name: {code: _decided(each, left[system, name, code], known, by_model) for code, each in languages.items()}
            for name, languages in benchmarks.items()
        }
        for system, benchmarks in said.items()
    }
    everything = {(one.key, one.job.asked): one for lists in left.values() for each in lists for one in each.values()}
    return found, _record(list(everything.values()), known, by_model, reader, labels)


_Lists = dict[tuple[str, str, str], list[dict[str, _Left]]]


def _ask(
    said: Everything, reader: ModelReader | None, known: Mapping[Key, bool]
) -> tuple[dict[Key, Decision | None], _Lists]:
    """Find what is left unread or was labelled, by seed and question, and have a model read it, each answer once."""
    left: _Lists = {}
    decisions: dict[Key, Decision | None] = {}
    for system, benchmarks in said.items():
        for name, languages in benchmarks.items():
            for code, each in languages.items():
                found = left[system, name, code] = [
                    dict(_left(each, seed, measure, code, name, known))
                    for seed, measure in enumerate(each.by_answer("localised") or ())
                ]
                jobs = {one.key: one.job for seed in found for one in seed.values() if one.key not in decisions}
                if reader is not None and jobs:
                    with Progress(f"{reader.name} reads {system}: {name} ({code})", "answer") as progress:
                        decisions |= zip(jobs, reader.decide(list(jobs.values()), progress), strict=True)
    return decisions, left


def _left(
    said: Said, seed: int, one: Measure, code: str, name: str, known: Mapping[Key, bool]
) -> Iterator[tuple[str, _Left]]:
    """Yield by question what rules left of one seed's answers, and what people labelled of them."""
    if one.unread is None:
        return
    items = {item.id: item for item in said.test.items}
    for unit, unread, chosen in zip(one.units, one.unread.flags, one.chosen or (), strict=True):
        item, text = items[unit], said.seeds[seed].kept[unit].answer.text
        asked = asked_of(item, said.test.benchmark)
        if asked is None or not text.strip():
            continue
        is_left = unread if asked != "equal" else not chosen
        key = (name, code, unit, text)
        if is_left or key in known:
            yield unit, _Left(key, Job(item, asked, text), is_left, cluster(item))


def _decided(
    said: Said,
    left: Sequence[Mapping[str, _Left]],
    known: Mapping[Key, bool],
    by_model: Mapping[Key, Decision | None],
) -> Said:
    if not left:
        return said
    seeds: list[dict[str, Decision]] = []
    for each in left:
        found: dict[str, Decision] = {}
        for unit, one in each.items():
            decision = Decision(PEOPLE, right=known[one.key]) if one.key in known else by_model.get(one.key)
            if one.is_left and decision is not None:
                found[unit] = decision
        seeds.append(found)
    return replace(said, decided=tuple(seeds))


def _record(
    left: Sequence[_Left],
    known: Mapping[Key, bool],
    by_model: Mapping[Key, Decision | None],
    reader: ModelReader | None,
    labels: Labels | None,
) -> dict[str, Any]:
    unread = [one for one in left if one.is_left]
    record: dict[str, Any] = {"left_by_rules": len(unread), "labels": None, "reader": None}
    if labels is not None:
        here = [one for one in left if one.key in known]
        record["labels"] = {
            "people": labels.people,
            "answers": len(known),
            "counted": sum(one.is_left for one in here),
            "of_other_answers": len(known) - len({one.key for one in here}),
            "left_out": dict(labels.left_out),
        }
    if reader is not None:
        asked = [one for one in unread if one.key in by_model]
        record["reader"] = {
            "name": reader.name,
            "asked": len(asked),
            "decided": sum(by_model[one.key] is not None for one in asked),
            "agreement": _agreement(left, known, by_model),
            **vars(reader.taken),
        }
    return record


def _agreement(
    left: Sequence[_Left], known: Mapping[Key, bool], by_model: Mapping[Key, Decision | None]
) -> dict[str, float] | None:
    """Return how often a model and people agree whether an answer is right, in percent; ``None`` without labels."""
    both = [one for one in left if one.key in known and one.key in by_model]
    if not both:
        return None
    same = [_is_right(one, by_model[one.key]) == known[one.key] for one in both]
    found = share(same, [one.cluster for one in both])
    ends = {name: _PERCENT * getattr(found, name) for name in ("value", "low", "high")}
    return {**ends, "answers": len(both)}


def _is_right(one: _Left, decision: Decision | None) -> bool:
    """Whether an answer is right by what a model reads in it; one that it can't read is wrong."""
    if decision is None:
        return False
    if decision.right is not None:
        return decision.right
    return decision.says is not None and decision.says == one.job.item.correct


def sentences(record: Mapping[str, Any]) -> list[str]:
    """Say for people who read what rules couldn't, and how far a model's readings can be trusted."""
    said = []
    if labels := record["labels"]:
        reasons = "".join(f"; {count} left out: {why}" for why, count in labels["left_out"].items())
        elsewhere = f"; {labels['of_other_answers']} are of other answers" if labels["of_other_answers"] else ""
        said.append(
            f"{labels['people']} people labelled {labels['answers']} answers, {labels['counted']} of which rules had "
            f"left unread and count by their labels{elsewhere}{reasons}."
        )
    if reader := record["reader"]:
        agreement = reader["agreement"]
        trust = "agreement with people not measured (--labels FILE, of passerelle review, would)"
        if agreement:
            ends = f"{agreement['value']:.1f}% [{agreement['low']:.1f}, {agreement['high']:.1f}]"
            trust = f"it agrees with people on {ends} of {agreement['answers']} labelled answers"
        said.append(
            f"{reader['name']} read {reader['decided']} of {reader['asked']} answers that rules had left; {trust}; "
            f"{reader['tokens']:,.0f} tokens, {said_cost(reader['engine_eur'])}."
        )
    return said
