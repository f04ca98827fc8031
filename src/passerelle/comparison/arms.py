"""The arms of a comparison: what each is called, how it is trained, who answers for it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from passerelle.adaptation.run import adapt, adaptation_key
from passerelle.adaptation.settings import AdaptSettings
from passerelle.comparison.settings import MACHINE, Experiment
from passerelle.comparison.texts import Texts
from passerelle.comparison.untrained import ELSEWHERE, PIPELINE, PROMPTED, UNTRAINED, ZERO_SHOT
from passerelle.costs.book import part
from passerelle.costs.limits import LimitReached, require_allowance
from passerelle.errors import PasserelleError, StorageError, first_line
from passerelle.evaluation.asking.members import Opener, System
from passerelle.evaluation.asking.systems import open_system
from passerelle.evaluation.asking.wrapping import PLAIN
from passerelle.evaluation.specification import Named, short_name
from passerelle.progress import say
from passerelle.runs import ArmRecord, write_atomically
from passerelle.translation.both_ways import ENGLISH

_TITLES = {
    ZERO_SHOT: ("Zero-shot", "{model} on the questions in {language}"),
    PROMPTED: ("Prompted", "{model}, asked in English to answer in {language}"),
    PIPELINE: ("Translation pipeline", "{language} → English → {model} → English → {language}, by {engine}"),
    "lora": ("LoRA", "Adapters on the language model, trained on {text}"),
    "two-stage": ("Two-stage", "Language model on {text} without pictures, then projector with them"),
    "full": ("Full finetuning", "All weights of the language model, trained on {text}"),
    "text-regularized": ("LoRA, text-regularized", "LoRA on {text}, text without pictures in the mix"),
    ELSEWHERE: ("Adapted elsewhere", "{model}, as it was adapted before"),
    "merged": ("LoRA, merged", "LoRA on {text}, then its language model merged with the base's"),
}
_SCREENED = {
    "": "machine-translated {language}",
    "gate": "the machine-translated {language} that the gate keeps",
    "random": "as much machine-translated {language}, drawn at random",
    "repair": "machine-translated {language} with its {kinds} repaired",
}
_VERSIONS = {"": "machine text", "gate": "gated text", "random": "random drop", "repair": "repaired {kinds}"}


@dataclass
class ArmRun:
    """What became of an arm.

    Attributes:
        name: Its name.
        records: What `adapt` did, by seed; empty for an arm that isn't trained.
        error: Why it failed; empty if it didn't.
        left_out: Whether it didn't fail, but a limit left no room for it.
        size: How many examples it has, where it is a smaller arm of a learning curve; `name` is the whole one's.
    """

    name: str
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    error: str = ""
    left_out: bool = False
    size: int | None = None

    @property
    def system(self) -> str:
        """What answers call it."""
        return self.name if self.size is None else f"{self.name} at {self.size}"

    @property
    def left_bytes(self) -> int | None:
        """What training it left on the disk with one seed, on average; ``None`` where nothing was trained."""
        sizes = [
            sum(path.stat().st_size for path in Path(model).parent.rglob("*") if path.is_file())
            for model in self.models.values()
        ]
        return round(sum(sizes) / len(sizes)) if sizes else None

    @property
    def models(self) -> dict[str, str]:
        """The folder of what was adapted, by seed."""
        return {str(seed): _output(record) for seed, record in self.records.items()}


def _output(record: dict[str, Any]) -> str:
    outputs = record["outputs"]
    return str(next(outputs[kind] for kind in ("merged", "adapter", "model") if kind in outputs))


def title_of(experiment: Experiment, arm: str) -> str:
    """Return an arm's name for a reader."""
    method = experiment.method(arm)
    title = _TITLES[method][0]
    if method == ELSEWHERE:
        return title if arm == method else f"{title}, {arm}"
    if method in UNTRAINED:
        engine = experiment.engine(arm).label if experiment.arms[arm].get("translation") and arm != method else ""
        own = experiment.own_model(arm)
        return ", ".join(filter(None, (title, short_name(own) if own else "", engine)))
    texts = experiment.texts(arm)
    machine = _VERSIONS[experiment.screened(arm)].format(kinds=_repaired_kinds(experiment, arm))
    named = [machine if text == MACHINE else f"{text} text" for text in texts]
    return f"{title}, {' and '.join(named)}"


def _repaired_kinds(experiment: Experiment, arm: str) -> str:
    """Return which texts are repaired, in words."""
    screen = experiment.screen(arm)
    return " and ".join(f"{kind}s" for kind in screen.only) if screen and screen.only else "text"


def description_of(experiment: Experiment, arm: str, language: str) -> str:
    """Return what an arm does, in a line."""
    kinds = _repaired_kinds(experiment, arm)
    machine = _SCREENED[experiment.screened(arm)].format(language=language, kinds=kinds)
    texts = [machine if text == MACHINE else f"{text} {language}" for text in experiment.texts(arm)]
    method, own = experiment.method(arm), experiment.own_model(arm)
    engine = experiment.engine(arm).label if method == PIPELINE else ""
    base = "base" if method == PIPELINE else "The base"
    shown = own if method == ELSEWHERE else short_name(own) if own else base
    return _TITLES[method][1].format(
        language=language, engine=engine[:1].upper() + engine[1:], text=" and ".join(texts), model=shown
    )


def train_arm(experiment: Experiment, arm: str, texts: Texts, folder: Path, size: int | None = None) -> ArmRun:
    """Train an arm with every seed, unless an earlier run did; whatever goes wrong is the arm's own.

    Args:
        experiment: The settings.
        arm: Its name.
        texts: What it learns from.
        folder: The run folder.
        size: How many examples it has, for one of its budgets but the last.

    Raises:
        StorageError: The disk is full: no arm could go on.
    """
    run = ArmRun(arm, size=size)
    for seed in experiment.seeds if arm in experiment.trained else ():
        say(f"{run.system} (seed {seed})")
        try:
            require_allowance()
            with part("load and save", arm):
                run.records[seed] = adapt(_settings(experiment, arm, seed, texts, folder, size))
        except StorageError:
            raise
        except Exception as error:  # a library may raise anything, and the other arms are worth having
            run.error = failure(error, folder / "arms" / f"{run.system}.failed.txt")
            run.left_out = isinstance(error, LimitReached)
            say(f"{run.system} (seed {seed}): {'' if run.left_out else 'failed: '}{run.error}")
            break
    return run


def _settings(
    experiment: Experiment, arm: str, seed: int, texts: Texts, folder: Path, size: int | None = None
) -> AdaptSettings:
    """Return an arm's settings; its folder's name holds a hash of what determines it, so that others stay beside it."""
    settings = experiment.adaptation(arm, seed, folder, texts.data(arm), size)
    place = folder / "arms" / f"{arm}-seed{seed}-{adaptation_key(settings)[:8]}"
    return settings.model_copy(update={"output_dir": place})


def is_trained(experiment: Experiment, arm: str, texts: Texts, folder: Path) -> dict[str, str] | None:
    """Return the models of an arm that an earlier run trained with these texts; ``None`` if one is missing."""
    from passerelle.runs import read_json

    models = {}
    for seed in experiment.seeds:
        record = read_json(_settings(experiment, arm, seed, texts, folder).output_dir / "run.json")
        if record is None:
            return None
        models[str(seed)] = _output(record)
    return models


def failure(error: Exception, report: Path) -> str:
    """Say in a line why an arm failed; of what isn't an error of this package the traceback is kept in a file."""
    if isinstance(error, PasserelleError):
        return str(error)
    write_atomically(report, "".join(traceback.format_exception(error)))
    return f"{type(error).__name__}: {first_line(error)} (see {report.name})"


def record_of(experiment: Experiment, run: ArmRun) -> ArmRecord:
    """Return what other commands need to open an arm by its name."""
    method = experiment.method(run.name)
    if method not in UNTRAINED:
        own = {"": experiment.own_model(run.name)} if method == ELSEWHERE else run.models
        return ArmRecord(run.name, PLAIN, experiment.target, own, error=run.error)
    wrapped = PLAIN if method == ZERO_SHOT else method
    engine = experiment.engine(run.name).model_dump(mode="json") if method == PIPELINE else {}
    model = experiment.own_model(run.name) or experiment.model
    return ArmRecord(run.name, wrapped, experiment.target, {"": model}, engine, run.error)


def systems_of(experiment: Experiment, runs: Iterable[ArmRun]) -> list[System]:
    """Return who is examined. Only the base and what was trained are asked in English: the others do nothing there."""
    found = []
    if experiment.english and ZERO_SHOT not in experiment.arms:
        base = open_system(Named(ZERO_SHOT, experiment.model))
        found.append(replace(base, languages=(ENGLISH,)))
    for run in runs:
        if run.error:
            continue
        method = experiment.method(run.name)
        if method in UNTRAINED:
            model = experiment.own_model(run.name) or experiment.model
            what = model if method == ZERO_SHOT else f"{method}:{model}"
            engine = experiment.engine(run.name) if method == PIPELINE else None
            languages = () if method == ZERO_SHOT else (experiment.target,)
            found.append(replace(open_system(Named(run.name, what), engine), languages=languages))
        elif method == ELSEWHERE:
            found.append(open_system(Named(run.name, experiment.own_model(run.name))))
        else:
            kept_as = "" if run.size is None else f"{run.name}-{run.size}"
            found.append(replace(trained_system(run.system, run.models), kept_as=kept_as))
    return found


def trained_system(name: str, models: dict[str, str]) -> System:
    """Return a trained arm: a member for each seed."""
    members: list[Opener] = []
    for model in models.values():
        members += open_system(Named(name, model)).members
    return System(name, tuple(members))
