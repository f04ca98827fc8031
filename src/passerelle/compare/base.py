"""The embedded base, trained from its packages and measured on what it never saw."""

from __future__ import annotations

import dataclasses
import itertools
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerelle.compare.answers import chunks
from passerelle.compare.data import read_pictures
from passerelle.errors import InputError
from passerelle.evaluation.statistics.scores import score_arm
from passerelle.example.alignment import cross_fit, fit_aligner, imagine, join, start_reader
from passerelle.evaluation.asking.answering import ModelAnswerer
from passerelle.example.matching import draw_groups, matching_loss
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.methods.training import Example, Objective, Schedule, mean_loss, train_stage
from passerelle.example import embedded
from passerelle.models.adapters import add_lora, lora_parameters, projector_parameters
from passerelle.models.features import FeatureCache, compute_features
from passerelle.models.precision import best_dtype
from passerelle.quality.evidence.sentences import SentenceEncoder
from passerelle.models.vlm import VisionLanguageModel
from passerelle.progress import Progress, quiet, say
from passerelle.records import Answer, Picture, Sample, Text
from passerelle.runs import cache_folder, content_hash, write_atomically
from passerelle.example import art4apps
from passerelle.example import openclipart
from passerelle.example import splits
from passerelle.example import wordnet
from passerelle.example.augment import augment
from passerelle.pictures.opening import open_picture
from passerelle.languages.prompts import english
from passerelle.example.questions import draw_items, render
from passerelle.example.samples import make_samples

NEAR_DUPLICATE = 0.9
"""Cosine of mean features above which a training picture is taken for a held-out one."""
RANK = 16
VIEWS = 2
"""Views of each picture: plain, and changed."""
MATCHING_STAGE = Schedule(tokens=240_000, nodes_per_tree=128, trees_per_step=8)
JUDGING_STAGE = Schedule(tokens=420_000, nodes_per_tree=112, trees_per_step=8)
YES_NO = 4
"""Yes/no questions about each picture in judging."""
LEFT_OUT = "symbols/alphabets/english/outlined"
"""Outlined letters repeat the filled ones."""


def own_pictures() -> list[Picture]:
    """Return stamps and emoji, in English."""
    return list(read_pictures("en").values())


def check(split: str, *, shuffled: bool = False, learnt: Path | None = None) -> list[dict[str, Any]]:
    """Measure the base on a split's English questions.

    Args:
        split: ``development`` or ``test``.
        shuffled: Show each question another picture, so that only the text can help.
        learnt: Learnt weights to measure; those that ship otherwise.

    Returns:
        Scores with intervals as plain dicts.
    """
    quiet()
    if learnt is not None and not learnt.is_file():
        raise InputError(f"no learnt weights at {str(learnt)!r}.")
    model = _with_learnt(learnt) if learnt else VisionLanguageModel.load(embedded.assemble())
    pictures = [p for p in own_pictures() if splits.stored().get(p.id) == split]
    with Progress("vision features", "picture") as progress:
        features = FeatureCache(model, cache_folder() / "features").get([p.path for p in pictures], progress)
    questions = [
        q
        for q in render(draw_items(pictures, ["en"]), {p.id: p.captions["en"] for p in pictures}, english())
        if q.options
    ]
    order = list(range(len(pictures)))
    if shuffled:
        random.Random(1).shuffle(order)
    answerer = ModelAnswerer(model, features, {p.id: order[row] for row, p in enumerate(pictures)})
    answers: dict[str, Answer] = {}
    parts = chunks(questions)
    with Progress("questions", "chunk") as progress:
        for index, part in enumerate(parts):
            answers |= {answer.question: answer for answer in answerer.answer(part)}
            progress(index + 1, len(parts))
    scores = score_arm(questions, [answers], rule="pmi", test="english", language="en")
    return [dataclasses.asdict(score) for score in scores]


def _with_learnt(learnt: Path) -> VisionLanguageModel:
    from safetensors.torch import load_file

    model, processor = embedded.join()
    embedded.apply_learnt(model, load_file(learnt))
    return VisionLanguageModel(model.to(best_dtype()), processor)


def held_out_of(own: Sequence[Picture]) -> list[Picture]:
    """Return those of stamps and emoji that the base must never see."""
    return [p for p in own if splits.stored().get(p.id) != "train"]


def training_pictures(model: VisionLanguageModel, own: Sequence[Picture]) -> tuple[list[Picture], Tensor]:
    """Return the base's training pictures, `own` and of other sources, none like a held-out one, and their features."""
    held_out = held_out_of(own)
    others = [p for p in openclipart.read_pictures() + art4apps.read_pictures() if _readable(p)]
    cache = FeatureCache(model, cache_folder() / "features")
    with Progress("vision features", "picture") as progress:
        features = cache.get([p.path for p in (*own, *others)], progress)
    mean = torch.nn.functional.normalize(features.float().mean(1), dim=1)
    row = {picture.id: index for index, picture in enumerate((*own, *others))}
    similarity = mean[[row[p.id] for p in others]] @ mean[[row[p.id] for p in held_out]].T
    best, which = similarity.max(1)
    duplicates = {p.id: held_out[int(w)].id for p, b, w in zip(others, best, which, strict=True) if b > NEAR_DUPLICATE}
    conflicts = splits.held_out_conflicts(others, held_out, duplicates)
    say(f"{len(conflicts)} of {len(others)} other pictures left out: they show what is held out")
    unseen = {p.id for p in held_out}
    kept = [p for p in own if p.id not in unseen and not p.category.startswith(LEFT_OUT)]
    kept += [p for p in others if p.id not in conflicts]
    return kept, features[[row[p.id] for p in kept]]


def _readable(picture: Picture) -> bool:
    try:
        open_picture(picture.path)
    except InputError:
        return False
    return True


def _augmented(model: VisionLanguageModel, pictures: Sequence[Picture], view: int) -> Tensor:
    images = (augment(open_picture(p.path), random.Random(f"{view}/{p.id}")) for p in pictures)
    say(f"features of view {view} of {len(pictures)} pictures")
    return torch.stack(compute_features(model, images))


def build(out: Path, *, seed: int = 0) -> Path:
    """Train projector and adapter from the packages and write them to `out`.

    Pictures are aligned to the embeddings of their captions; the language model learns to read such embeddings
    from pictures that their aligner never saw and from names of things that have no picture.

    Returns:
        `out`.
    """
    quiet()
    joined, processor = embedded.join(seed)
    model = VisionLanguageModel(joined.to(best_dtype()), processor)
    own = own_pictures()
    pictures, plain = training_pictures(model, own)
    features = torch.cat([plain, *(_augmented(model, pictures, view) for view in range(1, VIEWS))])
    words = wordnet.read_words()
    conflicts = splits.held_out_conflicts(words, held_out_of(own), {})
    words = [word for word in words if word.id not in conflicts]
    say(f"{len(pictures)} pictures in {VIEWS} views, {len(words)} words ({len(conflicts)} left out: they are held out)")
    targets = SentenceEncoder()([p.captions["en"].text for p in pictures + words])
    said, named = targets[: len(pictures)], targets[len(pictures) :]

    projector, middle = model.projector, model.projector.linear_1.out_features
    aligner = fit_aligner(features, said, middle, seed=seed)
    aligned = cross_fit(features, said, [p.concept for p in pictures], middle, seed=seed)
    say(f"aligned: held-out pictures lie at a cosine of {_likeness(aligned, said):.2f} to their captions")
    rows, graded = (
        torch.cat([aligned, imagine(named, aligned, said, seed=seed, graded=graded)]).to(torch.bfloat16)
        for graded in (False, True)
    )
    table = model.language_model.embed_tokens.weight.detach().float()[: model.image_token]
    inputs = torch.stack([_mean_input(model, table, p.captions["en"].text) for p in pictures + words])
    reader = start_reader(targets, inputs, table).to(model.model.dtype)
    model.model.model.multi_modal_projector = reader
    settings = [seed, RANK, dataclasses.asdict(MATCHING_STAGE), dataclasses.asdict(JUDGING_STAGE)]
    key = content_hash([*settings, VIEWS, YES_NO, [p.id for p in pictures], [word.id for word in words]])
    checkpoints = cache_folder() / "base-build" / key[:12]
    _train(model, pictures, words, rows, graded, seed, checkpoints)
    join(aligner, model.projector, projector)
    model.model.model.multi_modal_projector = projector
    write_atomically(out, learnt_file(model))
    shutil.rmtree(checkpoints, ignore_errors=True)
    return out


def _likeness(aligned: Tensor, said: Tensor) -> float:
    mean = torch.nn.functional.normalize(aligned.mean(1), dim=1)
    return float((mean * said.repeat(len(mean) // len(said), 1)).sum(1).mean())


def _mean_input(model: VisionLanguageModel, table: Tensor, text: str) -> Tensor:
    return table[model.tokenizer(f" {text.strip(' .').lower()}", add_special_tokens=False)["input_ids"]].mean(0)


def _train(
    model: VisionLanguageModel,
    pictures: Sequence[Picture],
    words: Sequence[Picture],
    rows: Tensor,
    graded: Tensor,
    seed: int,
    checkpoints: Path,
) -> None:
    """Teach the language model to read aligned features, by a reader and an adapter: matching, then judging.

    Args:
        model: Its projector is the reader.
        pictures: The pictures.
        words: The words.
        rows: Aligned features, the pictures' view by view, then the words' [rows, tokens, width].
        graded: The same with words that err by different shares, for judging.
        seed: Seeds adapter, questions and order.
        checkpoints: Folder to save to and to go on from.
    """
    place = {p.id: index for index, p in enumerate(pictures)}
    place |= {p.id: index for index, p in enumerate(words, VIEWS * len(pictures))}
    sampler = _Sampler(model, pictures, words, place)
    add_lora(model, rank=RANK, alpha=2 * RANK, seed=seed)

    def stage(
        name: str, rates: tuple[float, float], schedule: Schedule, examples: list[Example], features: Tensor,
        objective: Objective = mean_loss,
    ) -> None:  # fmt: skip
        groups = [
            ParameterGroup("reader", projector_parameters(model), rates[0]),
            ParameterGroup("adapter", lora_parameters(model), rates[1]),
        ]
        with Progress(name, "step") as watch:
            train_stage(
                model, name, groups, examples, features, schedule,
                checkpoint=checkpoints / name, objective=objective, watch=watch,
            )  # fmt: skip

    groups = sampler.groups(2 * MATCHING_STAGE.tokens, 100 + seed)
    stage("matching", (1e-3, 4e-4), MATCHING_STAGE, groups, rows, matching_loss)
    turns = sampler.turns(2 * JUDGING_STAGE.tokens, 200 + seed)
    stage("judging", (5e-4, 4e-4), JUDGING_STAGE, turns, graded)


@dataclasses.dataclass(frozen=True)
class _Sampler:
    """Draws training examples, half of pictures and half of words.

    Attributes:
        place: Row of the aligned features, by id; a picture's further views follow at equal distances.
    """

    model: VisionLanguageModel
    pictures: Sequence[Picture]
    words: Sequence[Picture]
    place: dict[str, int]

    def _epoch(self, drawn: random.Random) -> tuple[Sequence[Picture], list[Picture]]:
        some = drawn.sample(self.words, min(len(self.words), len(self.pictures)))
        return self.pictures, [_with_article(word) if drawn.random() < 0.5 else word for word in some]

    def _row(self, picture: str, drawn: random.Random) -> int:
        place = self.place[picture]
        return place + drawn.randrange(VIEWS) * len(self.pictures) if place < len(self.pictures) else place

    def groups(self, tokens: int, seed: int) -> list[Example]:
        """Return groups of pictures, each picture with every caption of its group, for about so many tokens."""
        prompt = english().caption
        found: list[Example] = []
        for epoch in itertools.count():
            drawn = random.Random(seed + 1000 * epoch)
            groups = [group for part in self._epoch(drawn) for group in draw_groups(part, seed=seed + epoch)]
            drawn.shuffle(groups)
            for group in groups:
                rows = [self._row(p.id, drawn) for p in group]
                texts = [p.captions["en"].text for p in group]
                found.append([self.model.encode(prompt, text, row) for row in rows for text in texts])
            if sum(len(s.reply) for example in found for s in example) > tokens:
                return found
        raise AssertionError("unreachable")

    def turns(self, tokens: int, seed: int) -> list[Example]:
        """Return a caption and `YES_NO` yes/no questions of each, for about so many tokens."""
        found: list[Example] = []
        for epoch in itertools.count():
            drawn = random.Random(seed + 1000 * epoch)
            samples: list[Sample] = []
            for part in self._epoch(drawn):
                captions = {p.id: p.captions["en"] for p in part}
                samples += make_samples(part, captions, english(), yes_no=YES_NO, seed=seed + epoch)
            drawn.shuffle(samples)
            for sample in samples:
                row = self._row(str(sample.picture), drawn)
                found.append([self.model.encode(turn.prompt, turn.reply, row) for turn in sample.turns])
            if sum(map(len, itertools.chain.from_iterable(found))) > tokens:
                return found
        raise AssertionError("unreachable")


def _with_article(word: Picture) -> Picture:
    name = word.captions["en"].text
    text = f"A{'n' if name[0] in 'aeiou' else ''} {name}."
    return dataclasses.replace(word, captions={"en": Text(text, "en", "native")})


def learnt_file(model: VisionLanguageModel) -> bytes:
    """Return projector and adapter as the safetensors file that ships; the adapter's scale is folded into B."""
    from safetensors.torch import save

    tensors = {f"projector.{n}": p.detach().to(torch.bfloat16) for n, p in model.projector.named_parameters()}
    for name, module in model.model.named_modules():
        if hasattr(module, "lora_A"):
            down, up = module.lora_A["default"].weight, module.lora_B["default"].weight
            tensors[f"adapter.{name}.A"] = down.detach().to(torch.bfloat16)
            tensors[f"adapter.{name}.B"] = (up.detach().float() * module.scaling["default"]).to(torch.bfloat16)
    return save({key: value.contiguous() for key, value in tensors.items()})
