"""MMBench (2307.06281): multiple choice, where a hit needs the right option in every rotation of the options.

The authors' files hold a question under ``index`` and its rotations under ``index`` + 1,000,000 × k. A file without
them is rotated here in the same way. A question whose rotations are hit one and all is right; accuracy over all
rotations is shown beside as ``vanilla``. Likelihoods don't depend on the order of the options, so with ``--method
sum`` and the like nothing is rotated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from passerelle.evaluation.benchmarks.base import BadItem, Benchmark, Item, Measure, needed, picture_of, text_of
from passerelle.evaluation.benchmarks.choices import correct_place, lettered_options
from passerelle.evaluation.benchmarks.scoring import (
    GENERATE,
    PublishedOption,
    choice_measures,
    chosen_options,
    defined,
    mean_measure,
    one_by_one,
    parsers_for,
)
from passerelle.evaluation.metrics.answer_reading import Read
from passerelle.evaluation.parsing import lmms_eval, vlmevalkit
from passerelle.evaluation.parsing.peers import LMMS_EVAL, VLMEVALKIT, chosen_rules
from passerelle.formats.values.missing import may_be_missing
from passerelle.records import Answer

RULES: dict[str, PublishedOption] = {VLMEVALKIT: vlmevalkit.option, LMMS_EVAL: lmms_eval.mmbench_option}
TURN = 1_000_000
"""A rotation's index is its question's plus a multiple of this (VLMEvalKit, lmms-eval)."""


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a row of the TSV."""
    index = needed(row, "index")
    if not index.isdigit():
        raise BadItem(f"index {index!r} is no number")
    answer = text_of(row, "answer")
    options = lettered_options(row, answer)
    item = Item(
        id=index,
        question=needed(row, "question"),
        language=language,
        picture=picture_of(row, "image"),
        options=options,
        correct=correct_place(answer, options),
        hint="" if may_be_missing(hint := text_of(row, "hint")) else hint,
        subtask=text_of(row, "category", "l2-category", "L2-category"),
        group=str(int(index) % TURN),
    )
    return [item]


def complete(items: list[Item], method: str) -> list[Item]:
    """Find pictures that are named by another row's index, and add the rotations that the file lacks."""
    by_id = {item.id: item for item in items}
    found = []
    for item in items:
        named = item.picture if isinstance(item.picture, str) and item.picture.isdigit() else None
        if item.picture is None and item.id != item.group:
            named = item.group
        found.append(replace(item, picture=by_id[named].picture) if named in by_id else item)
    if method != GENERATE:
        return [_without_gaps(item) for item in found if item.id == item.group]
    rotated = {item.group for item in found if item.id != item.group}
    return [turned for item in found for turned in ([item] if item.group in rotated else rotations(item))]


def _without_gaps(item: Item) -> Item:
    """Close the gaps between options, whose likelihoods need no letters."""
    there = _there(item)
    return replace(item, options=tuple(item.options[p] for p in there), correct=there.index(item.correct or 0))


def rotations(item: Item) -> list[Item]:
    """Return a question in all rotations of its options, itself first; letters without an option keep none."""
    there = _there(item)
    turned = []
    for turn in range(len(there)):
        options = list(item.options)
        for place, source in zip(there, there[turn:] + there[:turn], strict=True):
            options[place] = item.options[source]
        correct = there[(there.index(item.correct or 0) - turn) % len(there)]
        turned.append(replace(item, id=str(int(item.id) + turn * TURN), options=tuple(options), correct=correct))
    return turned


def _there(item: Item) -> list[int]:
    """Return the places of the options that are there."""
    return [place for place, option in enumerate(item.options) if option]


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score by CircularEval, and all rotations one by one.

    What lmms-eval's rule takes a letter from wherever it stands counts as unread by it.
    """
    if method != GENERATE:
        return choice_measures(items, answers, method, RULES, rules)
    name, rule = chosen_rules(RULES, rules)
    groups: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(item.group, []).append(place)
    firsts = [replace(items[places[0]], id=group) for group, places in groups.items()]
    circular, vanilla = [], []
    for parser in parsers_for(method):
        read = chosen_options(items, answers, method, parser, rule)
        if parser == "published" and name == LMMS_EVAL:
            guessed = [lmms_eval.mmbench_guesses(a.text, i.options) for a, i in zip(answers, items, strict=True)]
            read = [Read(r.place, r.unread or guess) for r, guess in zip(read, guessed, strict=True)]
        chosen, unread = [each.place for each in read], one_by_one(read)
        right = [place is not None and place == item.correct for place, item in zip(chosen, items, strict=True)]
        texts = [None if p is None else _unturned(p, i) for p, i in zip(chosen, items, strict=True)]
        definition = defined(method, parser, items, answers, name)
        circular += mean_measure(
            "circular",
            firsts,
            [all(right[place] for place in places) for places in groups.values()],
            f"circular|{definition}",
            parser=parser,
            chosen=[tuple(texts[place] for place in places) for places in groups.values()],
            unread=[[unread[place][0] for place in places] for places in groups.values()],
            headline=True,
        )
        vanilla += [
            measure
            for measure in mean_measure("vanilla", items, right, definition, parser=parser, chosen=texts, unread=unread)
            if not measure.subtask
        ]
    return circular + vanilla


def _unturned(place: int, item: Item) -> int:
    """Return where an option of a rotation stands in the question as it was, gaps not counted."""
    there = _there(item)
    return (there.index(place) + int(item.id) // TURN) % len(there)


BENCHMARK = Benchmark(
    name="mmbench",
    title="MMBench",
    kind="choice",
    require=("index", "question", "A", "B", "answer"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/2307.06281",
    prompt="letter",
    rules=tuple(RULES),
    complete=complete,
)
