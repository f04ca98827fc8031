"""An experiment file: YAML that states what differs from the defaults, typed and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from passerelle.errors import ConfigError, unknown

ARM_NAMES = (
    "english",
    "zero-shot",
    "prompted",
    "pipeline",
    "lora-mt",
    "lora-filtered",
    "lora-random",
    "lora-repaired",
    "lora-human",
    "two-stage-mt",
    "two-stage-human",
)
DEFAULT_ARMS = ("english", "zero-shot", "prompted", "pipeline", "lora-mt", "lora-human", "two-stage-mt")
HUB_NAME = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"
"""Pattern of a name on the Hugging Face Hub: ORG/NAME."""
Kind = Literal["choice-random", "choice-category", "yes-no", "caption"]


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _each_once(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed is named twice; its runs would count as two.")
    return seeds


Seeds = Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_each_once)]
"""Training seeds: at least one, each once."""


class TestSettings(Settings):
    """Which part of the held-out pictures is asked about, and what is asked in each test.

    Attributes:
        split: Which held-out pictures: every choice of a setting is made on ``development``.
        stamps: Most stamps that are asked about; the test split holds 346.
        emoji: Most emoji; the split holds 418.
        human: Kinds of question in the human test: the target language as natives wrote it.
        machine: Kinds in the machine-translated test.
        english: Kinds in the English test of adapted models (retention).
    """

    split: Literal["test", "development"] = "test"
    stamps: int = Field(default=1000, ge=0)
    emoji: int = Field(default=1000, ge=0)
    human: tuple[Kind, ...] = ("choice-random", "choice-category", "yes-no", "caption")
    machine: tuple[Kind, ...] = ("choice-random", "choice-category", "yes-no")
    english: tuple[Kind, ...] = ("choice-random", "choice-category")


class AdapterSettings(Settings):
    """LoRA: rank, alpha and the highest learning rate."""

    rank: int = Field(default=16, ge=1, le=256)
    alpha: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1.5e-3, gt=0, lt=1)


class LoraSettings(AdapterSettings):
    """The lora arms: adapter on the language model, and optionally the projector with it.

    Attributes:
        projector_learning_rate: 0 leaves the projector as it is.
    """

    projector_learning_rate: float = Field(default=0.0, ge=0, lt=1)


class TwoStageSettings(Settings):
    """The two-stage arms.

    Attributes:
        language_share: Share of the budget that the language stage gets.
        language: Adapter of the language stage.
        projector_learning_rate: Highest learning rate of the vision stage.
    """

    language_share: float = Field(default=0.4, gt=0, lt=1)
    language: AdapterSettings = AdapterSettings(learning_rate=2e-4)
    projector_learning_rate: float = Field(default=3e-5, gt=0, lt=1)


class BudgetSettings(Settings):
    """What every trained arm may spend: the same for all.

    Attributes:
        tokens: Tokens that the language model computes in training, over all stages.
        pictures: Most training pictures.
        yes_no: Yes/no turns a picture beside its caption.
        nodes_per_tree: Tokens of one training row.
        trees_per_step: Rows of one step.
    """

    tokens: int = Field(default=45_000, ge=320)
    pictures: int = Field(default=10_000, ge=8)
    yes_no: int = Field(default=1, ge=0, le=8)
    nodes_per_tree: int = Field(default=96, ge=64, le=2048)
    trees_per_step: int = Field(default=8, ge=1, le=64)


S = TypeVar("S", bound="Settings")


class QualitySettings(Settings):
    """What becomes of machine-translated training data before the arms that select or repair it learn from it.

    Attributes:
        keep_share: Share of the training pictures whose captions the gate keeps; the random control keeps as many.
        good: Texts whose estimated probability is at least this aren't repaired.
        calibration: ``out-of-fold`` fits the estimate anew, so that no caption is judged by a model that saw its
            human version; ``shipped`` takes the one that comes with Passerelle, which saw them all.
    """

    keep_share: float = Field(default=0.6, gt=0, le=1)
    good: float = Field(default=0.7, ge=0, le=1)
    calibration: Literal["out-of-fold", "shipped"] = "out-of-fold"


def _checked(arm: str) -> str:
    if arm not in ARM_NAMES:
        raise ValueError(unknown("arm", arm, ARM_NAMES))
    return arm


class Experiment(Settings):
    """One comparison.

    Attributes:
        name: Names the run folder.
        target: Code of the language to adapt to.
        seeds: Training seeds; arms that aren't trained run once.
        arms: Which arms to run.
        against: The arm that the others are compared with.
        rule: How choices are scored; chosen on the development split.
        examples: Test pictures shown in the report.
        review: The ``applied.json`` of `passerelle review apply`: arms that train on machine text get its corrections.
    """

    name: str = Field(default="demo", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    target: str = "fr"
    seeds: Seeds = (1,)
    arms: tuple[str, ...] = DEFAULT_ARMS
    against: str = "pipeline"
    rule: Literal["sum", "mean", "pmi", "pmi-mean"] = "pmi"
    test: TestSettings = TestSettings()
    budget: BudgetSettings = BudgetSettings()
    lora: LoraSettings = LoraSettings()
    two_stage: TwoStageSettings = TwoStageSettings()
    quality: QualitySettings = QualitySettings()
    examples: int = Field(default=48, ge=0)
    review: Path | None = None

    @field_validator("against")
    @classmethod
    def _known_arm(cls, arm: str) -> str:
        return _checked(arm)

    @field_validator("arms")
    @classmethod
    def _known_arms(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        if not arms:
            raise ValueError(f"name at least one arm of {', '.join(ARM_NAMES)}.")
        chosen = set(map(_checked, arms))
        return tuple(name for name in ARM_NAMES if name in chosen)


SMOKE: dict[str, Any] = {
    "test": {"stamps": 6, "emoji": 4},
    "budget": {"tokens": 1280, "pictures": 24, "trees_per_step": 2},
    "quality": {"calibration": "shipped"},
    "examples": 4,
}
"""What `--smoke` changes: everything runs, on a handful of pictures."""


def load_experiment(path: Path, changes: dict[str, Any] | None = None) -> Experiment:
    """Read and check an experiment file.

    Args:
        path: The YAML file.
        changes: Settings that replace those of the file (command-line options), nested as in the file.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, a value out of range.
    """
    return load_settings(Experiment, path, changes)


def load_settings(
    kind: type[S],
    path: Path,
    changes: dict[str, Any] | None = None,
    complete: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> S:
    """Read a YAML file and check it.

    Args:
        kind: The settings that it must hold.
        path: The file.
        changes: Settings that replace those of the file, nested as in the file.
        complete: Fills in what the file leaves out.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, a value out of range.
    """
    if not path.is_file():
        near = sorted(p.as_posix() for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        there = f" There are: {', '.join(near)}." if near else ""
        raise ConfigError(f"no experiment file {str(path)!r}.{there}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {str(error).strip()}") from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: an experiment is a mapping of settings, not a {type(content).__name__}.")
    return parse_settings(kind, complete(merge(content, changes or {})), str(path))


def merge(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `settings` with `changes` put in, mapping by mapping."""
    merged = dict(settings)
    for key, value in changes.items():
        known = merged.get(key)
        merged[key] = merge(known, value) if isinstance(value, dict) and isinstance(known, dict) else value
    return merged


def parse_experiment(content: dict[str, Any], where: str) -> Experiment:
    """Check an experiment's settings and return them typed; `where` names their file in errors."""
    return parse_settings(Experiment, content, where)


def parse_settings(kind: type[S], content: dict[str, Any], where: str) -> S:
    """Check settings and return them typed; `where` names their file in errors.

    Raises:
        ConfigError: An unknown key, a missing one, or a value out of range.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = [_explain(kind, problem) for problem in error.errors()]
        raise ConfigError(f"{where}: " + "; ".join(lines)) from None


def _explain(kind: type[BaseModel], problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return unknown("key", place, _keys(kind, problem["loc"][:-1]))
    if problem["type"] == "missing":
        return f"{place} is missing."
    message: str = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message} (given: {problem['input']!r})" if place not in ("", "arms") else message


def _keys(kind: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the keys that are allowed at a place, written in full."""
    model: Any = kind
    for part in location:
        if part in model.model_fields:  # a place in a list or a mapping is none
            model = _settings_in(model.model_fields[part].annotation) or model
    prefix = "".join(f"{part}." for part in location)
    return [prefix + key for key in model.model_fields]


def _settings_in(annotation: Any) -> Any:
    """Return the settings class in a type such as ``tuple[X, ...]``, ``dict[str, X]`` or ``X | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_settings_in(inner) for inner in get_args(annotation)]
    return next((kind for kind in found if kind is not None), None)
