"""The YAML of a comparison: a model, a language, data, tests, and arms: methods with their settings and their data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from passerelle.adaptation.settings import METHODS, AdaptSettings, complete_adaptation
from passerelle.comparison.entries import (
    Answers,
    DataEntry,
    QualitySettings,
    Screen,
    Sizes,
    TestEntry,
    read_screen,
    read_sizes,
    share_of,
)
from passerelle.comparison.untrained import ELSEWHERE, UNTRAINED, ZERO_SHOT, check_untrained
from passerelle.config import Seeds, Settings, load_settings, merge, parse_settings
from passerelle.costs.limits import Limits
from passerelle.costs.prices import prices_beside
from passerelle.errors import ConfigError, unknown
from passerelle.evaluation.specification import read_served
from passerelle.languages.codes import language
from passerelle.languages.knowledge import languages_beside
from passerelle.models.families import families_beside
from passerelle.translation.both_ways import ENGLISH, TranslationSettings

MACHINE = "machine"
"""The text of an arm that learns from the English data as the engine translates them."""
ENGLISH_DATA = "english"
"""The data that machine text is translated from."""
_ARM_KEYS = ("method", "text", "screen", "translation", "budgets")
"""Keys of an arm that are no settings of an adaptation."""
_OWN = ("model_name_or_path", "language", "output_dir", "seed", "data")
"""Settings of an adaptation that the comparison itself sets."""
_OLDER = {
    "model_name_or_path": "model",
    "target": "language",
    "benchmarks": "tests, a list as [{benchmark: pope=pope-{language}.jsonl}]",
    "test": "tests",
    "budget": "train, as {max_tokens: 45000}",
    "rule": "answers",
    "lora": "settings of the arm",
    "two_stage": "settings of the arm",
}
_WORDS = "see docs/reference/experiments.md"


class Experiment(Settings):
    """A comparison.

    Attributes:
        name: Names the run folder.
        model: The base: a folder, a name on the Hub, or ``embedded``.
        language: The language to adapt to.
        translation: The engines, wherever this comparison translates.
        data: Files to learn from by name; ``english`` is what machine text is translated from, and replayed.
        tests: The benchmarks.
        arms: Name of each arm and what it changes: ``method`` (its name, unless given), ``text`` (a name in `data`, or
            ``machine``), ``screen`` (``gate``, ``random``, ``repair`` or ``{repair: [KIND, …]}``), any setting of an
            adaptation; of an arm that trains nothing ``model``, where it is another than the base; of one that was
            adapted elsewhere ``model`` and, where it is known, ``training_seconds``.
        train: Settings of an adaptation that all trained arms share: the budget among them.
        quality: How machine text is screened.
        budgets: Numbers of examples that each trained arm is trained at, for its learning curve; the arm itself has the
            last.
        seeds: Training seeds; arms that aren't trained run once.
        against: The arm that the others are compared with, beside zero-shot [pipeline, or else the first].
        answers: How options are chosen: ``generate``, or the likelihood of each by a rule.
        english: Whether English is asked too: what the base can, and what of it every arm keeps.
        limit: Only so many questions of each test.
        examples: Pictures that the report shows.
        review: The ``applied.json`` of `passerelle review apply`: machine text gets its corrections.
        families: TOML with families of models of one's own [``families.toml`` beside the experiment].
        languages: Folder with files of languages of one's own [``languages`` beside the experiment].
        reader: A model that reads the answers that rules can't: ``llm:MODEL@URL``.
        labels: People's labels of answers, as `passerelle review export` writes them; they go before the reader.
        limits: What it may spend in all, in euros and hours; what would go beyond is left out, and named.
        prices: TOML with prices of one's own [``prices.toml`` beside the experiment].
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    model: str = Field(min_length=1)
    language: str
    translation: TranslationSettings = TranslationSettings()
    data: dict[str, DataEntry] = {}
    tests: tuple[TestEntry, ...] = Field(min_length=1)
    arms: dict[str, dict[str, Any]] = Field(min_length=1)
    train: dict[str, Any] = {}
    quality: QualitySettings = QualitySettings()
    budgets: Sizes = ()
    seeds: Seeds = (1,)
    against: str = ""
    answers: Answers = "generate"
    english: bool = True
    limit: int | None = Field(default=None, ge=1)
    examples: int = Field(default=48, ge=0)
    review: Path | None = None
    families: Path | None = None
    languages: Path | None = None
    reader: str = ""
    labels: Path | None = None
    prices: Path | None = None
    limits: Limits | None = None

    @field_validator("arms", "data", mode="before")
    @classmethod
    def _as_mapping(cls, given: Any, info: ValidationInfo) -> Any:
        if isinstance(given, list) and info.field_name == "arms":
            given = dict.fromkeys(given)
        if not isinstance(given, dict):
            return given
        plain = (
            {"path": value} if isinstance(value, str) and info.field_name == "data" else value or {}
            for value in given.values()
        )
        return dict(zip(given, plain, strict=True))

    @model_validator(mode="after")
    def _fits(self) -> Experiment:
        if MACHINE in self.data:
            raise ValueError(f"data.{MACHINE}: the comparison makes it itself from data.english; give another name.")
        for name in self.arms:
            self._check_arm(name)
        if self.against and self.against not in self.arms:
            raise ValueError(unknown("arm", self.against, self.arms))
        _refuse_own("train", self.train)
        return self

    def _check_arm(self, name: str) -> None:
        given, method = self.arms[name], self.method(name)
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"an arm's name has letters, digits, - and _ only, unlike {name!r}.")
        if method not in (known := (*UNTRAINED, *METHODS, ELSEWHERE)):
            allowed = unknown("method", method, known)
            raise ValueError(f"arm {name!r}: {allowed} Another name needs its method: {name}: {{method: lora}}.")
        if method in (*UNTRAINED, ELSEWHERE):
            check_untrained(name, method, given)
            return
        if read_served(self.model):
            raise ValueError(
                f"arm {name!r}: {method} trains, and a served model can't be trained here. Adapt its folder with "
                f"passerelle adapt, and take what the server calls it then: {{method: {ELSEWHERE}, model: openai:…}}."
            )
        _refuse_own(f"arm {name!r}", given)
        try:
            sizes = self.sizes(name)
        except ValueError as error:
            raise ValueError(f"arm {name!r}: {error}") from None
        if sizes and "max_train_samples" in {**self.train, **given}:
            raise ValueError(f"arm {name!r}: its budgets say how many examples it has; leave max_train_samples out.")
        if "model" in given:
            raise ValueError(
                f"arm {name!r}: what is trained is the comparison's model. Arms that train nothing "
                f"({', '.join(UNTRAINED)}, {ELSEWHERE}) have a model of their own where they name one."
            )
        if "translation" in given:
            raise ValueError(f"arm {name!r}: only a pipeline has a translation of its own.")
        for text in self.texts(name):
            if text not in (MACHINE, *self.data):
                raise ValueError(f"arm {name!r}: {unknown('text', text, (MACHINE, *self.data))}")
            if text == MACHINE and "english" not in self.data:
                raise ValueError(f"arm {name!r} learns from machine text, but data.english is missing.")
        try:
            screen = self.screen(name)
        except ValueError as error:
            raise ValueError(f"arm {name!r}: {error}") from None
        if screen and MACHINE not in self.texts(name):
            raise ValueError(f"arm {name!r}: only machine text is screened; it learns from {self.texts(name)}.")

    def method(self, arm: str) -> str:
        """Return an arm's method."""
        return str(self.arms[arm].get("method", arm))

    def texts(self, arm: str) -> tuple[str, ...]:
        """Return the names of what an arm learns from; nothing if it isn't trained."""
        if arm not in self.trained:
            return ()
        usual = MACHINE if "english" in self.data else next(iter(self.data), MACHINE)
        given = self.arms[arm].get("text", usual)
        return tuple(given) if isinstance(given, list | tuple) else (str(given),)

    def screen(self, arm: str) -> Screen | None:
        """Return what an arm's machine text goes through; ``None`` if nothing."""
        return read_screen(self.arms[arm].get("screen"))

    def screened(self, arm: str) -> str:
        """Return how an arm's machine text is screened: ``gate``, ``random``, ``repair``; empty if it isn't."""
        screen = self.screen(arm)
        return screen.how if screen else ""

    def sizes(self, arm: str) -> tuple[int, ...]:
        """Return the numbers of examples that an arm is trained at, the last its own; none where it has no curve."""
        return read_sizes(self.arms[arm].get("budgets", self.budgets)) if arm in self.trained else ()

    def engine(self, arm: str) -> TranslationSettings:
        """Return the translation settings of a pipeline: those of all, with its own put in."""
        own = self.arms[arm].get("translation") or {}
        return self.translation.changed(own, f"arm {arm!r}: translation")

    @property
    def target(self) -> str:
        """The target language's BCP-47 code, however the file names it."""
        return language(self.language).bcp47

    @property
    def trained(self) -> tuple[str, ...]:
        """The arms that the comparison trains."""
        return tuple(name for name in self.arms if self.method(name) not in (*UNTRAINED, ELSEWHERE))

    def own_model(self, arm: str) -> str:
        """Return the model that an arm brings with it; nothing where it is the base, or is trained from it."""
        return str(self.arms[arm].get("model", ""))

    def is_elsewhere(self, arm: str) -> bool:
        """Whether an arm was adapted before, by whatever made it."""
        return self.method(arm) == ELSEWHERE

    def keeps_english(self, arm: str) -> bool:
        """Whether an arm is asked in English as itself: wrapped in anything, or untouched, it is its model there."""
        return self.method(arm) not in UNTRAINED or (self.method(arm) == ZERO_SHOT and bool(self.own_model(arm)))

    @property
    def reference(self) -> str:
        """The arm that the others are compared with."""
        found = next((name for name in self.arms if self.method(name) == "pipeline"), "")
        return self.against or found or next(iter(self.arms))

    def adaptation(
        self, arm: str, seed: int, folder: Path, data: list[dict[str, Any]], size: int | None = None
    ) -> AdaptSettings:
        """Return the settings of a trained arm.

        Args:
            arm: Its name.
            seed: Training seed.
            folder: Where it is written.
            data: What it learns from, as in an adaptation.
            size: How many examples it has, of an arm with budgets [the last of them]. Limits on steps or tokens are
                those of the last; smaller sizes have their share.

        Raises:
            ConfigError: A setting of it is unknown or out of range.
        """
        own: dict[str, Any] = {"model_name_or_path": self.model, "language": self.target, "data": data}
        own |= {"output_dir": str(folder), "seed": seed, "method": self.method(arm)}
        changed = {key: value for key, value in self.arms[arm].items() if key not in _ARM_KEYS}
        filled = complete_adaptation(merge(merge(self.train, changed), own))
        if sizes := self.sizes(arm):
            size, stages = size or sizes[-1], len(filled["stages"])
            for limit, least in (("max_steps", stages), ("max_tokens", 1)):
                filled[limit] = share_of(filled.get(limit, 0), size, sizes[-1], least)
            filled["max_train_samples"] = size
        return parse_settings(AdaptSettings, filled, f"arm {arm!r}")

    def replays_english(self, arm: str) -> bool:
        """Whether an arm's mix has a share of English."""
        probe = [{"path": "x", "language": self.target}]
        share = self.adaptation(arm, self.seeds[0], Path("x"), probe).mix.english
        return bool(share)


def _refuse_own(where: str, given: dict[str, Any]) -> None:
    if taken := next((key for key in _OWN if key in given), ""):
        more = " Name the file under data, and the arm's text by that name." if taken == "data" else ""
        raise ValueError(f"{where}: {taken!r} is set by the comparison itself; leave it out.{more}")


SMOKE: dict[str, Any] = {
    "limit": 2,
    "train": {
        "max_steps": 2, "max_tokens": 0, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1,
    },
    "examples": 4,
}  # fmt: skip
"""What `--smoke` changes: everything runs, a few steps and a few questions."""


def load_experiment(path: Path, changes: dict[str, Any] | None = None, arms: list[str] | None = None) -> Experiment:
    """Read and check the YAML file of a comparison.

    Args:
        path: The file.
        changes: Settings that replace those of the file, nested as in it.
        arms: Only these.

    Raises:
        ConfigError: No such file, not YAML, an unknown key or arm, a value out of range, a file of an older version.
    """
    experiment = _checked(load_settings(Experiment, path, changes, complete=_of_this_version))
    if experiment.families is None:
        experiment = experiment.model_copy(update={"families": families_beside(path)})
    if experiment.languages is None:
        experiment = experiment.model_copy(update={"languages": languages_beside(path)})
    if experiment.prices is None:
        experiment = experiment.model_copy(update={"prices": prices_beside(path)})
    if arms is not None:
        if not arms:
            raise ConfigError(f"name at least one arm of {', '.join(experiment.arms)}.")
        for arm in arms:
            if arm not in experiment.arms:
                raise ConfigError(unknown("arm", arm, experiment.arms))
        against = experiment.against if experiment.against in arms else ""
        kept = {arm: experiment.arms[arm] for arm in experiment.arms if arm in arms}
        experiment = experiment.model_copy(update={"arms": kept, "against": against})
    return experiment


def parse_experiment(content: dict[str, Any], where: str) -> Experiment:
    """Check a comparison's settings and return them typed; `where` names their file in errors."""
    return _checked(parse_settings(Experiment, _of_this_version(content), where))


def as_experiment(given: Path | str | Mapping[str, Any] | Experiment) -> Experiment:
    """Return a comparison that is given as its file, as what would be in one, or as it is.

    Raises:
        ConfigError: As `load_experiment`.
    """
    if isinstance(given, Experiment):
        return given
    return parse_experiment(dict(given), "experiment") if isinstance(given, Mapping) else load_experiment(Path(given))


def _checked(experiment: Experiment) -> Experiment:
    """Return the experiment.

    Raises:
        ConfigError: An arm's settings are wrong, or there is nothing to adapt to.
    """
    if experiment.target == ENGLISH:
        raise ConfigError("the base is English already: choose another language.")
    for arm in experiment.arms:
        if arm in experiment.trained:
            experiment.replays_english(arm)  # says what is wrong with its settings
        else:
            experiment.engine(arm)
    return experiment


def _of_this_version(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content as it is.

    Raises:
        ConfigError: It is of an older version.
    """
    found = [f"{old} is now {new}" for old, new in _OLDER.items() if old in content]
    if isinstance(content.get("data"), list):
        found.append("data is a mapping now, as {english: en.json, human: fr.json}")
    if "model" not in content and not found and "tests" not in content:
        found.append("it names its model, its data and its tests now")
    if found:
        raise ConfigError(f"this file is of an older version: {'; '.join(found)}; {_WORDS}.")
    return content
