"""The arms of the study: what each is, how it is run, what it cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from passerelle.compare.answers import answer_all
from passerelle.compare.data import Data
from passerelle.config import Experiment
from passerelle.costs.ledger import Phase
from passerelle.costs.prices import prices
from passerelle.errors import TrainingError
from passerelle.methods import lora, two_stage
from passerelle.evaluation.asking.answering import Answerer, ModelAnswerer, PipelineAnswerer, PromptedAnswerer
from passerelle.methods.base import Method, Training
from passerelle.adaptation.loop import StageRecord
from passerelle.models.vlm import VisionLanguageModel
from passerelle.progress import Progress, say
from passerelle.records import Answer, Question
from passerelle.runs import content_hash, write_json
from passerelle.languages.prompts import english
from passerelle.languages.codes import language

METHODS: dict[str, Method] = {"lora": lora.adapt, "two-stage": two_stage.adapt}
"""The methods that train."""

VERSION = 1
"""Raised when the same settings would give other answers, so that older ones aren't reused."""


TrainingText = Literal["human", "machine", "filtered", "random", "repaired"]
"""The versions of the training text; see `Data.samples`."""


SCREENED = ("filtered", "random", "repaired")
"""Those that the quality checks make, or that are made as a control of them."""


@dataclass(frozen=True)
class Arm:
    """One method with its data; `text` is what a trained one learns from."""

    title: str
    description: str
    method: str | None = None
    text: TrainingText | None = None


ARMS: dict[str, Arm] = {
    "english": Arm("English", "The base on the English questions: what French is held against"),
    "zero-shot": Arm("Zero-shot", "The base on the questions in {language}"),
    "prompted": Arm("Prompted", "The base, asked in English to answer in {language}"),
    "pipeline": Arm("Translation pipeline", "{language} → {engine} → base → {engine} → {language}"),
    "lora-mt": Arm("LoRA, machine text", "LoRA on machine-translated {language}", "lora", "machine"),
    "lora-filtered": Arm(
        "LoRA, filtered text", "LoRA on the machine-translated {language} that the gate keeps", "lora", "filtered"
    ),
    "lora-random": Arm(
        "LoRA, random drop", "LoRA on as much machine-translated {language}, drawn at random", "lora", "random"
    ),
    "lora-repaired": Arm(
        "LoRA, repaired text", "LoRA on machine-translated and repaired {language}", "lora", "repaired"
    ),
    "lora-human": Arm("LoRA, human text", "LoRA on {language} written by people", "lora", "human"),
    "two-stage-mt": Arm(
        "Two-stage, machine text",
        "Language model on machine-translated {language} text, then projector on image data",
        "two-stage",
        "machine",
    ),
    "two-stage-human": Arm(
        "Two-stage, human text",
        "Language model on {language} text written by people, then projector on image data",
        "two-stage",
        "human",
    ),
}


@dataclass
class ArmRun:
    """One arm with one seed: its answers to each test and its costs."""

    name: str
    seed: int
    status: str = "done"
    error: str | None = None
    phases: list[Phase] = field(default_factory=list)
    answers: dict[str, dict[str, Answer]] = field(default_factory=dict)
    stages: list[StageRecord] = field(default_factory=list)


@dataclass
class Bench:
    """Where arms are run: data, features, the base and the run folder."""

    data: Data
    base: Path
    features: Any
    rows: dict[str, int]
    folder: Path

    @property
    def experiment(self) -> Experiment:
        """The settings."""
        return self.data.experiment

    def run(self, name: str, seed: int) -> ArmRun:
        """Run one arm with one seed, or as much of it as isn't done yet."""
        arm, run = ARMS[name], ArmRun(name, seed)
        folder = self.arm_folder(name, seed)
        title = f"{name}" + (f" (seed {seed})" if arm.method else "")
        try:
            model = self._adapt(arm, run, folder, title)
            for test, questions in self.questions_for(name).items():
                self._answer(name, model, run, folder, test, questions, title)
        except TrainingError as error:
            run.status, run.error = "failed", str(error)
            say(f"{title}: failed: {error}")
        return run

    def arm_folder(self, name: str, seed: int) -> Path:
        """Return the folder of an arm; its name holds a hash of what determines the arm."""
        arm, experiment = ARMS[name], self.experiment
        determines: list[Any] = [VERSION, name, self.base.name, self.data.target]
        if arm.method:
            settings = {"lora": experiment.lora, "two-stage": experiment.two_stage}[arm.method]
            first = [dataclasses.asdict(s) for s in self.data.samples(arm.text or "human", 0)]
            determines += [seed, settings.model_dump(), experiment.budget.model_dump(), first]
        if name == "pipeline":
            determines.append(self.data.translation.signature)
        suffix = f"-seed{seed}" if arm.method else ""
        return self.folder / "arms" / f"{name}{suffix}-{content_hash(determines)[:10]}"

    def _adapt(self, arm: Arm, run: ArmRun, folder: Path, title: str) -> VisionLanguageModel:
        model = VisionLanguageModel.load(self.base)
        if arm.method is None or arm.text is None:
            return model

        def stage(name: str) -> Phase:
            run.phases.append(Phase(name))
            return run.phases[-1]

        data = self.data.training(arm.text, self.features, self.rows)
        job = Training(
            model, data, self.experiment, run.seed, folder, stage, lambda name: Progress(f"{title}: {name}", "step")
        )
        run.stages = METHODS[arm.method](job)
        run.phases[:0] = self._data_costs(arm.text, run.stages)
        settings = self.experiment.model_dump(mode="json")
        write_json(folder / "arm.json", {"arm": run.name, "seed": run.seed, "experiment": settings})
        return model

    def _data_costs(self, text: TrainingText, stages: Sequence[StageRecord]) -> list[Phase]:
        """Return what making the samples that were seen costs: a translation by people or machine, checks, repair."""
        captions = {picture.captions["en"].text for picture in self.data.train}
        if text == "human":
            minutes = prices().translation_minutes(captions)
            return [Phase("training data, people's translation", expert_minutes=minutes)]
        seen = max(stage.samples for stage in stages)
        epochs = -(-seen // len(self.data.samples(text, 0)))
        texts = {
            said
            for epoch in range(epochs)
            for sample in self.data.originals(text, epoch)
            for turn in sample.turns
            for said in (turn.prompt, turn.reply)
        }
        asked = texts | captions if text == "filtered" else texts
        seconds = len(asked) * self.data.translation.forward.seconds_per_sentence
        made = [Phase("training data, translation", seconds, sentences=len(asked))]
        screened = self.data.screening.cost(text, len(texts)) if text in SCREENED else None
        return made if screened is None else [*made, screened]

    def questions_for(self, name: str) -> dict[str, list[Question]]:
        """Return the tests that an arm takes, each with the kinds of question that it asks."""
        tests, wanted = self.data.tests, self.experiment.test
        if name == "english":
            return {"english": tests["english"]}
        kinds = {"human": wanted.human, "machine": wanted.machine}
        if ARMS[name].method:
            kinds["english"] = wanted.english
        return {test: [q for q in tests[test] if q.kind in chosen] for test, chosen in kinds.items() if chosen}

    def answerer(self, name: str, model: VisionLanguageModel) -> tuple[Answerer, ModelAnswerer]:
        """Return who answers for an arm, and the model's answerer inside of it."""
        inner = ModelAnswerer(model, self.features, self.rows)
        if name == "prompted":
            wanted = language(self.data.target).name
            return PromptedAnswerer(inner, english().in_language.format(language=wanted)), inner
        if name == "pipeline":
            return PipelineAnswerer(
                inner,
                lambda questions: self.data.translate_questions(questions, "en", "machine"),
                self.data.translation.forward,
            ), inner
        return inner, inner

    def _answer(
        self,
        name: str,
        model: VisionLanguageModel,
        run: ArmRun,
        folder: Path,
        test: str,
        questions: list[Question],
        title: str,
    ) -> None:
        answerer, inner = self.answerer(name, model)

        phase = Phase(f"answers, {test} test")
        digest = content_hash([dataclasses.asdict(question) for question in questions])[:10]
        path = folder / f"answers-{test}-{digest}.jsonl"
        with Progress(f"{title}: {test} test", "chunk") as progress:
            charge = self.data.translation.start_charging() if name == "pipeline" else None
            run.answers[test] = answer_all(answerer, questions, path, phase, inner.meter, charge=charge, watch=progress)
        run.phases.append(phase)
