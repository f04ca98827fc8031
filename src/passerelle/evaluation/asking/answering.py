"""Answer questions with a model: options scored on shared prefixes, captions generated in batches.

Every arm ends in an `Answerer`; what scores the answers knows no method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from passerelle.costs.ledger import FlopMeter
from passerelle.models.prefix_tree import TEXT, TokenSequence, collate, grow_trees, tree_of
from passerelle.models.vlm import VisionLanguageModel
from passerelle.records import CHOICE_KINDS, Answer, Question
from passerelle.translation.base import Translator

NODES_PER_TREE = 128
TREES_PER_BATCH = 8
CAPTION_TOKENS = 16
"""Longest caption that is generated: the longest human one of nine in ten is shorter."""


class Answerer(Protocol):
    """What every method ends in."""

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer each question, in their order."""
        ...

    def recall(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        """Learn what answering these questions has cost before, so that a resumed run goes on exactly as it was."""
        ...


@dataclass
class ModelAnswerer:
    """Answers with a model, whose pictures' features are at hand.

    Attributes:
        model: The model.
        features: Vision features [pictures, tokens, hidden].
        rows: Row of each picture in `features`, by id.
        meter: Counts tokens and operations.
        priors: Log-likelihood of each (prompt, option) without a picture; filled as needed.
    """

    model: VisionLanguageModel
    features: Tensor
    rows: Mapping[str, int]
    meter: FlopMeter = field(default_factory=FlopMeter)
    priors: dict[tuple[str, str], float] = field(default_factory=dict)

    nodes_per_tree: ClassVar[int] = NODES_PER_TREE
    trees_per_batch: ClassVar[int] = TREES_PER_BATCH

    @torch.inference_mode()
    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer each question: options get likelihoods with and without the picture, captions a text."""
        answers = self._score([q for q in questions if q.options])
        answers |= self._caption([q for q in questions if not q.options])
        return [answers[id(question)] for question in questions]

    def recall(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        """Take the priors of earlier answers over."""
        for question, answer in zip(questions, answers, strict=True):
            if question.kind in CHOICE_KINDS:
                self.priors |= {(question.prompt, o): p for o, p in zip(question.options, answer.priors, strict=True)}

    def _score(self, questions: Sequence[Question]) -> dict[int, Answer]:
        divided = self._divide(questions)
        groups = [[sequence for q in asked for sequence in self._sequences(q)] for asked in divided]
        owners = [q for asked in divided for q in asked for _ in q.options]
        sequences = [sequence for group in groups for sequence in group]
        logprobs = self.log_likelihoods(groups)
        found: dict[int, list[tuple[float, int]]] = {}
        for question, sequence, logprob in zip(owners, sequences, logprobs, strict=True):
            found.setdefault(id(question), []).append((logprob, len(sequence.reply)))
        self._fill_priors(questions)
        return {
            id(q): Answer(
                question=q.id,
                logprobs=tuple(logprob for logprob, _ in found[id(q)]),
                priors=self._priors_of(q),
                tokens=tuple(count for _, count in found[id(q)]),
            )
            for q in questions
        }

    def _divide(self, questions: Sequence[Question]) -> list[list[Question]]:
        """Return the questions that are scored on one tree of prefixes, in the order in which they are."""
        return list(group_by_picture(questions).values())

    def _sequences(self, question: Question) -> list[TokenSequence]:
        return [self.model.encode(question.prompt, o, self._row(question.picture)) for o in question.options]

    def _row(self, picture: str) -> int:
        """Return the row of a picture's features; that of no picture is `TEXT`."""
        return self.rows[picture] if picture else TEXT

    def _priors_of(self, question: Question) -> tuple[float, ...]:
        if question.kind not in CHOICE_KINDS:
            return ()
        return tuple(self.priors[question.prompt, option] for option in question.options)

    def _fill_priors(self, questions: Sequence[Question]) -> None:
        wanted = {(q.prompt, option): None for q in questions if q.kind in CHOICE_KINDS for option in q.options}
        missing = [pair for pair in wanted if pair not in self.priors]
        groups = [[self.model.encode(prompt, option)] for prompt, option in missing]
        self.priors |= dict(zip(missing, self.log_likelihoods(groups), strict=True))

    @torch.inference_mode()
    def log_likelihoods(self, groups: Sequence[Sequence[TokenSequence]]) -> list[float]:
        """Return the log-likelihood of each sequence's reply, in nats, groups flattened."""
        trees = grow_trees(groups, self.model.image_token, self.nodes_per_tree)
        totals: list[float] = []
        for start in range(0, len(trees), self.trees_per_batch):
            chosen = trees[start : start + self.trees_per_batch]
            part = [[s for group in tree for s in groups[group]] for tree in chosen]
            batch = collate(part, self.model.image_token, self.model.end_token)
            logprobs = self.meter.run(batch.nodes, partial(self.model.target_logprobs, batch, self.features))
            totals += torch.zeros(batch.sequences).index_add(0, batch.owners, logprobs).tolist()
        return totals

    def _caption(self, questions: Sequence[Question]) -> dict[int, Answer]:
        if not questions:
            return {}
        features = self.features[[self.rows[q.picture] for q in questions]]
        prompts = [q.prompt for q in questions]
        tokens = len(prompts) * (len(self.model.encode(prompts[0], "", 0)) + CAPTION_TOKENS // 2)
        texts = self.meter.run(tokens, lambda: self.model.generate(prompts, features, CAPTION_TOKENS))
        return {id(q): Answer(q.id, text=first_line(text)) for q, text in zip(questions, texts, strict=True)}


GENERATION_BATCH = 16
SHARED = 0.8
"""Questions about one picture share a tree if it has at most this part of the nodes that their own trees have."""


@dataclass
class BenchmarkAnswerer(ModelAnswerer):
    """Answers benchmarks: answers of any length, whole, in batches of like lengths, with a picture or without.

    Attributes:
        max_new_tokens: Longest answer.
    """

    max_new_tokens: int = CAPTION_TOKENS

    # Fuller rows than the comparison's, of like lengths: a fifth less padding.
    nodes_per_tree: ClassVar[int] = 256
    trees_per_batch: ClassVar[int] = 4

    def _divide(self, questions: Sequence[Question]) -> list[list[Question]]:
        """Divide by picture where that saves tokens, as it does if pictures come before prompts; small trees first."""
        sized: list[tuple[int, list[Question]]] = []
        for asked in group_by_picture(questions).values():
            alone = [(self._nodes([question]), [question]) for question in asked]
            together = self._nodes(asked)
            worthwhile = together <= SHARED * sum(nodes for nodes, _ in alone)
            sized += [(together, asked)] if worthwhile else alone
        return [asked for _, asked in sorted(sized, key=lambda each: each[0])]

    def _nodes(self, questions: Sequence[Question]) -> int:
        sequences = [sequence for question in questions for sequence in self._sequences(question)]
        tree, _ = tree_of(sequences, self.model.image_token)
        return len(tree)

    def _caption(self, questions: Sequence[Question]) -> dict[int, Answer]:
        found: dict[int, Answer] = {}
        for pictured in (True, False):
            asked = [question for question in questions if bool(question.picture) is pictured]
            asked.sort(key=lambda q: len(self.model.encode(q.prompt, "", self._row(q.picture))))
            for start in range(0, len(asked), GENERATION_BATCH):
                found |= self._generate(asked[start : start + GENERATION_BATCH], pictured)
        return found

    def _generate(self, questions: Sequence[Question], pictured: bool) -> dict[int, Answer]:
        features = self.features[[self.rows[q.picture] for q in questions]] if pictured else None
        prompts = [q.prompt for q in questions]
        longest = len(self.model.encode(prompts[-1], "", 0 if pictured else TEXT))
        tokens = len(prompts) * (longest + self.max_new_tokens // 2)
        texts = self.meter.run(tokens, lambda: self.model.generate(prompts, features, self.max_new_tokens))
        return {id(q): Answer(q.id, text=text) for q, text in zip(questions, texts, strict=True)}


def group_by_picture(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """Return the questions about each picture, pictures and questions in their order."""
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.picture, []).append(question)
    return groups


def first_line(text: str) -> str:
    """Return an answer's first line, where a caption ends."""
    return text.strip().partition("\n")[0].strip()


@dataclass
class PromptedAnswerer:
    """Asks in English to answer in the language."""

    answerer: Answerer
    instruction: str

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer the questions with the instruction behind each prompt."""
        return self.answerer.answer(self._instructed(questions))

    def recall(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        """Pass on to the model's answerer."""
        self.answerer.recall(self._instructed(questions), answers)

    def _instructed(self, questions: Sequence[Question]) -> list[Question]:
        return [replace(question, prompt=f"{question.prompt} {self.instruction}") for question in questions]


@dataclass
class PipelineAnswerer:
    """Translates questions into English, lets the English model answer, translates captions back.

    Options are translated too, for scoring; yes and no come from a lexicon.
    """

    answerer: Answerer
    into_english: Callable[[Sequence[Question]], list[Question]]
    from_english: Translator

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer the questions by way of English."""
        answers = self.answerer.answer(self.into_english(questions))
        captions = [index for index, question in enumerate(questions) if not question.options]
        texts = self.from_english.translate([answers[index].text for index in captions])
        for index, text in zip(captions, texts, strict=True):
            answers[index] = replace(answers[index], text=text)
        return answers

    def recall(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        """Pass on to the model's answerer, in English."""
        self.answerer.recall(self.into_english(questions), answers)
