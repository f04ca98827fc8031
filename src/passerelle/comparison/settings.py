"""The YAML of a comparison on one's own model: what all arms share, and what each arm changes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from passerelle.adaptation.settings import METHODS, AdaptSettings, complete_adaptation
from passerelle.config import Seeds, Settings, load_settings, merge, parse_settings
from passerelle.errors import ConfigError, unknown
from passerelle.languages.codes import language

ZERO_SHOT = "zero-shot"
UNTRAINED = (ZERO_SHOT, "prompted", "pipeline")
"""Methods that train nothing."""

MARK = "model_name_or_path"
"""The key that tells such a file from an experiment on the embedded data."""

_OWN = ("model_name_or_path", "language", "output_dir", "seed")
"""Settings of an adaptation that the study itself sets."""

SMOKE: dict[str, Any] = {
    "limit": 2,
    "train": {"max_steps": 2, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1},
}
"""What `--smoke` changes: everything runs, a few steps and a few questions."""


class StudySettings(Settings):
    """A comparison of methods on one model.

    Attributes:
        name: Names the run folder.
        model_name_or_path: The base: a folder, a name on the Hub, or ``embedded``.
        language: Code of the target language.
        arms: Name of each arm and what it changes: ``method`` (its name, unless given), any setting of an adaptation.
        benchmarks: As `passerelle evaluate --benchmark` takes them.
        images: Folder of the benchmarks' pictures [that of their files].
        data: What trained arms learn from, as in an adaptation.
        train: Settings that all trained arms share, as in an adaptation: the budget among them.
        seeds: Training seeds; arms that aren't trained run once.
        against: The arm that the others are compared with, beside zero-shot [pipeline, or else the first].
        answers: How options are chosen: ``generate``, or the likelihood of each by a rule.
        english: Whether English is asked too: what the base can, and what of it every arm keeps.
        limit: Only so many questions of each benchmark.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    model_name_or_path: str = Field(min_length=1)
    language: str
    arms: dict[str, dict[str, Any]] = Field(min_length=1)
    benchmarks: tuple[str, ...] = Field(min_length=1)
    images: Path | None = None
    data: tuple[dict[str, Any], ...] = ()
    train: dict[str, Any] = {}
    seeds: Seeds = (1,)
    against: str = ""
    answers: Literal["generate", "sum", "mean", "pmi", "pmi-mean"] = "generate"
    english: bool = True
    limit: int | None = Field(default=None, ge=1)

    @field_validator("arms", mode="before")
    @classmethod
    def _as_mapping(cls, given: Any) -> Any:
        if isinstance(given, list):
            given = dict.fromkeys(given)
        return {name: changes or {} for name, changes in given.items()} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _fits(self) -> StudySettings:
        for name in self.arms:
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"an arm's name has letters, digits, - and _ only, unlike {name!r}.")
            if self.method(name) not in (*UNTRAINED, *METHODS):
                raise ValueError(f"arm {name!r}: {unknown('method', self.method(name), (*UNTRAINED, *METHODS))}")
        if self.against and self.against not in self.arms:
            raise ValueError(unknown("arm", self.against, self.arms))
        for where, given in (("train", self.train), *self.arms.items()):
            if taken := next((key for key in _OWN if key in given), ""):
                raise ValueError(f"{where}.{taken}: the comparison sets it itself; leave it out.")
        return self

    def method(self, arm: str) -> str:
        """Return an arm's method."""
        return str(self.arms[arm].get("method", arm))

    @property
    def target(self) -> str:
        """The target language's code, however the file names it."""
        return language(self.language).bcp47

    @property
    def trained(self) -> tuple[str, ...]:
        """The arms that are trained."""
        return tuple(name for name in self.arms if self.method(name) not in UNTRAINED)

    @property
    def reference(self) -> str:
        """The arm that the others are compared with."""
        found = next((name for name in self.arms if self.method(name) == "pipeline"), "")
        return self.against or found or next(iter(self.arms))

    def adaptation(self, arm: str, seed: int, folder: Path) -> AdaptSettings:
        """Return the settings of a trained arm.

        Args:
            arm: Its name.
            seed: Training seed.
            folder: Where it is written.

        Raises:
            ConfigError: A setting of it is unknown or out of range.
        """
        own: dict[str, Any] = {"model_name_or_path": self.model_name_or_path, "language": self.target}
        own |= {"output_dir": str(folder), "seed": seed, "method": self.method(arm)}
        shared = merge({"data": list(self.data)}, self.train)
        return parse_settings(
            AdaptSettings, complete_adaptation(merge(merge(shared, self.arms[arm]), own)), f"arm {arm!r}"
        )


def is_study(path: Path) -> bool:
    """Whether a YAML file is of a comparison on one's own model; what isn't a mapping is none."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(content, dict) and MARK in content


def load_study(path: Path, changes: dict[str, Any] | None = None, arms: list[str] | None = None) -> StudySettings:
    """Read and check the YAML file of a comparison on one's own model.

    Args:
        path: The file.
        changes: Settings that replace those of the file, nested as in it.
        arms: Only these.

    Raises:
        ConfigError: No such file, not YAML, an unknown key or arm, a value out of range.
    """
    study = load_settings(StudySettings, path, changes)
    if arms is not None:
        for arm in arms:
            if arm not in study.arms:
                raise ConfigError(unknown("arm", arm, study.arms))
        against = study.against if study.against in arms else ""
        study = study.model_copy(update={"arms": {arm: study.arms[arm] for arm in arms}, "against": against})
    language(study.language)  # says what is wrong with it, also where no arm is trained
    for arm in study.trained:
        study.adaptation(arm, study.seeds[0], Path(study.name))
    return study
