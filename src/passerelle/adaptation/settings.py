"""The YAML file of `passerelle adapt`: what differs from the method's defaults, typed and checked."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from passerelle.config import HUB_NAME, Settings, load_settings, merge
from passerelle.errors import ConfigError, unknown
from passerelle.models.families import families_beside
from passerelle.models.merging.rules import MergeSettings
from passerelle.models.pretrained import AttentionName
from passerelle.records import Origin

METHODS = ("lora", "two-stage", "full", "text-regularized", "merged")
"""The methods that ship, each a file of stages under data/methods."""

TrainedPart = Literal["language", "projector", "tower", "head"]
Optim = Literal["adamw_torch_fused", "adamw_8bit"]


class DataSettings(Settings):
    """One file of conversations.

    Attributes:
        path: JSON in LLaVA's layout, or JSONL or Parquet with messages.
        images: Folder of its pictures [the file's].
        images_anywhere: Take pictures that lie outside of that folder, too.
        language: Of the replies; ``en`` is replayed so that English isn't forgotten.
        origin: How its text came to be.
        weight: How often its samples are drawn, relative to those of the other files.
    """

    path: Path
    images: Path | None = None
    images_anywhere: bool = False
    language: str
    origin: Origin = "machine"
    weight: float = Field(default=1.0, gt=0)


class MixSettings(Settings):
    """What the samples of a stage are drawn from. Shares count samples.

    Attributes:
        english: Share of English samples; by default what the files hold.
        text_only: Share of samples without a picture; drawn from those with one, if need be, their pictures left out.
        image_floor: Least share of samples with a picture, in stages on all data: without pictures, vision is
            forgotten (2603.14493).
        origins: Factors on the weight of samples by origin.
    """

    english: float | None = Field(default=None, ge=0, lt=1)
    text_only: float | None = Field(default=None, ge=0, le=1)
    image_floor: float = Field(default=0.1, ge=0, le=1)
    origins: dict[Origin, float] = {"native": 2.0, "human-translation": 1.5, "repaired": 1.0, "machine": 1.0}

    @model_validator(mode="after")
    def _fits(self) -> MixSettings:
        if self.text_only is not None and self.text_only > 1 - self.image_floor:
            floor = f"image_floor {self.image_floor:g}"
            raise ValueError(f"text_only {self.text_only:g} leaves less than {floor} to pictures: lower one.")
        return self


class PartSettings(Settings):
    """How one part of the model is trained.

    Attributes:
        how: By LoRA, or all weights.
        learning_rate: Highest learning rate.
        weight_decay: AdamW's.
        last_layers: Train only so many last layers; ``None``: all.
        rank: LoRA's rank.
        alpha: LoRA's alpha.
        dropout: LoRA's dropout.
        dora: Decompose weights into magnitude and direction (DoRA, 2402.09353).
        rslora: Scale by alpha/√rank (rsLoRA, 2312.03732).
        targets: Full-name pattern of the adapted modules [all linear layers of the part's transformer layers].
        experts: Put LoRA on the experts of a mixture, too; on none of them unless asked for.
    """

    how: Literal["lora", "full"]
    learning_rate: float = Field(gt=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    last_layers: int | None = Field(default=None, ge=1)
    rank: int = Field(default=16, ge=1, le=1024)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    dora: bool = False
    rslora: bool = False
    targets: str = ""
    experts: bool = False

    @field_validator("targets")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}.") from None
        return value

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> PartSettings:
        of_lora = ("rank", "alpha", "dropout", "dora", "rslora", "targets", "experts")
        of_other = ("last_layers",) if self.how == "lora" else of_lora
        idle = [name for name in of_other if getattr(self, name) != type(self).model_fields[name].default]
        if idle:
            other = "full" if self.how == "lora" else "lora"
            raise ValueError(f"{', '.join(idle)} goes with how: {other}, not with {self.how}: leave it out.")
        if self.experts and (self.dropout or self.dora):
            raise ValueError("experts have neither dropout nor dora: leave these out, or the experts.")
        return self


class StageSettings(Settings):
    """One stage: what is trained, on which samples, for which share of the steps.

    Attributes:
        name: Names its files.
        samples: ``text``: pictures left out; ``pictures``: only those with one; ``all``.
        share: Share of the steps, relative to the other stages.
        train: Parts of the model and how each is trained.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    samples: Literal["all", "text", "pictures"] = "all"
    share: float = Field(default=1.0, gt=0)
    train: dict[TrainedPart, PartSettings] = Field(min_length=1)


class AlarmSettings(Settings):
    """What is watched on held samples while training.

    Attributes:
        every: Steps from one look to the next; 0: never.
        samples: Held samples a language; they aren't trained on.
        question: An open question in the target language, in a form that isn't trained, about a held picture.
        stop_if: Conditions that end the stage and bring the best weights back: ``english_drop > 5`` (English loss, in
            percent of the base's), ``fidelity < 50`` (percent of answers in the target language, once it was above).
    """

    every: int = Field(default=0, ge=0)
    samples: int = Field(default=16, ge=1)
    question: str = ""
    stop_if: tuple[str, ...] = ()

    @field_validator("stop_if")
    @classmethod
    def _can_be_read(cls, conditions: tuple[str, ...]) -> tuple[str, ...]:
        for condition in conditions:
            parse_condition(condition)
        return conditions


class MergingSettings(MergeSettings):
    """Merging after training; the rest is in `MergeSettings`.

    Attributes:
        method: linear, ties, dare or direction-magnitude.
    """

    method: str = "linear"


class AdaptSettings(Settings):
    """One adaptation. Names that transformers' trainer has too mean what they mean there.

    Attributes:
        model_name_or_path: The base: a folder, a name on the Hub, or ``embedded``.
        output_dir: Where everything is written.
        language: Code of the target language.
        data: What is learnt from.
        method: One of the methods that ship; `stages` of one's own replace its stages.
        max_steps: Optimizer steps over all stages; 0: as many as `max_tokens` or `num_train_epochs` say.
        max_tokens: Tokens to train on over all stages, about: steps are as many as samples of the mean length need; 0:
            `num_train_epochs` over the target-language samples.
        max_train_samples: Only so many samples in the target language, and as large a share of those in English: the
            first in an order by the seed, so that fewer are among more [all].
        group_by_picture: Put samples about the same picture into the same batch where they come near each other: the
            picture is computed once for all of them, but a batch shows fewer pictures.
        learning_rate: Replaces the method's own for all parts.
        merge_weights: Write the merged model too, not only the adapter.
        dataloader_num_workers: Processes that open pictures and tokenise before the first step [as many as fit where
            there are many samples].
        optim: AdamW with moments in fp32, or in eight bits (2110.02861), by bitsandbytes.
        attn_implementation: How the language model computes attention: ``sdpa``, ``eager`` or ``flash_attention_2``
            [``sdpa`` where it has it].
        gradient_checkpointing: Keep only the inputs of the model's layers for the backward pass and compute the layers
            again there: less memory, about a third more work, the same losses [where a GPU's memory asks for it].
        use_liger_kernel: Compute norms, rotary positions and gated layers by Liger's kernels (2410.10989) on a GPU.
        check_memory: End before the first step of a stage where memory can't hold it.
        threads: Threads of torch on this machine's processor [as many as cores are free; ``OMP_NUM_THREADS`` where it
            is set].
        auto_batch: Halve a batch that memory doesn't hold, and go on.
        fsdp: Divide the weights of the language model's layers, their gradients and moments among the processes (FSDP,
            2304.11277), for a model that one device doesn't hold; without a launcher it changes nothing.
        load_in_4bit: Keep the language model's frozen weights in four bits (NF4) under LoRA (QLoRA, 2305.14314).
        load_in_8bit: The same in eight bits.
        push_to_hub: ``ORG/NAME`` on the Hugging Face Hub to put what was adapted; nothing is sent unless asked for.
        hub_private_repo: Whether that place is made a private one.
        families: TOML with families of models of one's own [``families.toml`` beside the settings' file].
    """

    model_name_or_path: str
    output_dir: Path
    language: str
    data: tuple[DataSettings, ...] = Field(min_length=1)
    method: str = "lora"
    stages: tuple[StageSettings, ...] = Field(min_length=1)
    mix: MixSettings = MixSettings()
    merge: MergingSettings | None = None
    alarms: AlarmSettings = AlarmSettings()
    max_length: int = Field(default=2048, ge=16)
    max_steps: int = Field(default=0, ge=0)
    max_tokens: int = Field(default=0, ge=0)
    num_train_epochs: float = Field(default=1.0, gt=0)
    max_train_samples: int | None = Field(default=None, ge=1)
    per_device_train_batch_size: int = Field(default=8, ge=1)
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    group_by_picture: bool = False
    learning_rate: float | None = Field(default=None, gt=0, lt=1)
    warmup_ratio: float = Field(default=0.05, ge=0, lt=1)
    lr_scheduler_type: Literal["cosine", "linear", "constant"] = "cosine"
    max_grad_norm: float = Field(default=1.0, gt=0)
    seed: int = Field(default=1, ge=0)
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    optim: Optim = "adamw_torch_fused"
    attn_implementation: AttentionName | None = None
    save_steps: int = Field(default=50, ge=1)
    report_to: tuple[Literal["tensorboard", "wandb", "mlflow", "trackio"], ...] = ()
    trust_remote_code: bool = False
    merge_weights: bool = False
    dataloader_num_workers: int | None = Field(default=None, ge=0, le=64)
    gradient_checkpointing: bool | None = None
    use_liger_kernel: bool = False
    check_memory: bool = True
    threads: int | None = Field(default=None, ge=1)
    auto_batch: bool = False
    fsdp: bool = False
    load_in_4bit: bool = False
    load_in_8bit: bool = False
    push_to_hub: str = Field(default="", pattern=rf"^$|^{HUB_NAME}$")
    hub_private_repo: bool = True
    families: Path | None = None

    @property
    def bits(self) -> Literal[0, 4, 8]:
        """Bits of a frozen weight of the language model; 0: as `dtype` says."""
        return 4 if self.load_in_4bit else 8 if self.load_in_8bit else 0

    @model_validator(mode="after")
    def _can_be_quantised(self) -> AdaptSettings:
        if self.load_in_4bit and self.load_in_8bit:
            raise ValueError("load_in_4bit or load_in_8bit, not both.")
        kinds = {how.how for stage in self.stages for how in stage.train.values()}
        if self.bits and (kinds != {"lora"} or len(self.stages) > 1 or self.merge or self.merge_weights):
            raise ValueError(
                f"load_in_{self.bits}bit goes with one stage of LoRA, whose adapter is kept apart: weights of "
                f"{self.bits} bits are neither trained nor merged."
            )
        return self

    @model_validator(mode="after")
    def _can_be_divided(self) -> AdaptSettings:
        if self.fsdp and self.bits:
            raise ValueError(f"fsdp doesn't divide weights of {self.bits} bits: give one of the two.")
        if self.fsdp and self.auto_batch:
            raise ValueError("fsdp needs batches that are the same for all processes: leave auto_batch out.")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> AdaptSettings:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages need different names: {', '.join(names)}.")
        if not any(entry.language != "en" for entry in self.data):
            raise ValueError(f"no data file is in the target language: give one with language {self.language!r}.")
        return self


def parse_condition(condition: str) -> tuple[str, str, float]:
    """Return name, comparison and threshold of a condition.

    Raises:
        ValueError: It can't be read.
    """
    found = re.fullmatch(r"\s*(\w+)\s*([<>])\s*(-?\d+(?:\.\d+)?)\s*", condition)
    if not found or found[1] not in ("english_drop", "fidelity"):
        raise ValueError(f"{condition!r} isn't like 'english_drop > 5' or 'fidelity < 50'.")
    return found[1], found[2], float(found[3])


def method_defaults(name: str) -> dict[str, Any]:
    """Return the settings of a method that ships.

    Raises:
        ConfigError: There is none of this name.
    """
    if name not in METHODS:
        raise ConfigError(unknown("method", name, METHODS))
    text = resources.files("passerelle.data").joinpath("methods", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def load_adaptation(path: Path, changes: dict[str, Any] | None = None) -> AdaptSettings:
    """Read and check the YAML file of an adaptation; its method's defaults are filled in.

    Args:
        path: The file.
        changes: Settings that replace those of the file, nested as in it.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, a value out of range.
    """
    settings = load_settings(AdaptSettings, path, changes, complete=complete_adaptation)
    return settings if settings.families else settings.model_copy(update={"families": families_beside(path)})


def complete_adaptation(content: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an adaptation with its method's defaults filled in.

    Raises:
        ConfigError: There is no such method.
    """
    defaults = method_defaults(str(content.get("method", "lora")))
    filled = merge(defaults, content)
    if rate := content.get("learning_rate"):
        own = content.get("stages") is not None
        for stage in [] if own else filled["stages"]:
            stage["train"] = {part: {**how, "learning_rate": rate} for part, how in stage["train"].items()}
    return filled
