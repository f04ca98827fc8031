"""Any vision-language model of transformers, with its processor and its family's parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import torch.utils.checkpoint

from passerelle.errors import ConfigError, InputError, MissingDependency, to_install
from passerelle.models.families import PARTS, Family, Part, family_of
from passerelle.models.fitting import require_described_size, require_token_ids, without_weights
from passerelle.models.loading import (
    errors_of_adapter,
    errors_of_model,
    load_adapter,
    load_whole,
    require_safe_index,
)
from passerelle.models.names import local_folder, resolve
from passerelle.models.precision import best_dtype

DTYPES: dict[str, torch.dtype] = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float16": torch.float16}
DtypeName = Literal["auto", "bfloat16", "float32", "float16"]
AttentionName = Literal["sdpa", "eager", "flash_attention_2"]


@dataclass
class PretrainedModel:
    """A model with what it takes to talk to it.

    Attributes:
        model: What `AutoModelForImageTextToText` loaded, adapters injected where a stage did so.
        processor: Its processor: image processor, tokenizer, chat template.
        family: Where its parts are.
        path: Where it was loaded from: a folder or a name on the Hub.
    """

    model: Any
    processor: Any
    family: Family
    path: str

    @property
    def bare(self) -> Any:
        """The transformers model inside of PEFT's, adapters in place."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    def modules_by_part(self) -> dict[Any, str]:
        """Return the part of each module that belongs to one: tower, projector, language or head."""
        named = ((module, self.family.part_of(name)) for name, module in self.bare.named_modules())
        return {module: part for module, part in named if part != "extra"}

    @property
    def tokenizer(self) -> Any:
        """The processor's tokenizer."""
        return self.processor.tokenizer

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def image_token(self) -> int:
        """Id of the token that stands for a piece of a picture."""
        config = self.model.config
        for name in ("image_token_id", "image_token_index"):
            if isinstance(found := getattr(config, name, None), int):
                return found
        raise InputError(f"{self.path}: its configuration names no image token (image_token_id).")


def load_pretrained(
    path: str | Path,
    *,
    dtype: DtypeName = "auto",
    device: str | torch.device = "cpu",
    trust_remote_code: bool = False,
    bits: Literal[0, 4, 8] = 0,
    attention: AttentionName | None = None,
) -> PretrainedModel:
    """Load a model and its processor from a folder or from the Hugging Face Hub, or the embedded base.

    Args:
        path: A folder that `save_pretrained` wrote, a name on the Hub, or ``embedded``.
        dtype: Of its weights; ``auto``: bf16 where the device computes in it, fp32 otherwise.
        device: Where it goes.
        trust_remote_code: Whether code that comes with the model may be run; never unless asked for.
        bits: Of each weight in the language model's linear layers, by bitsandbytes; 0: as `dtype` says.
        attention: How the language model computes attention; ``None``: by sdpa where it has it, eagerly otherwise.

    Raises:
        InputError: There is no such model, it isn't a vision-language model, it lacks a processor, its weights aren't
            those that its configuration describes, or it can't compute attention so.
        MissingDependency: `bits` without bitsandbytes, or flash attention without flash-attn.
    """
    from transformers import AutoModelForImageTextToText

    where = resolve(path)
    chosen = DTYPES[dtype] if dtype != "auto" else best_dtype(torch.device(device))
    if attention == "flash_attention_2":
        _require_flash_attention(chosen, torch.device(device))
    with errors_of_model(where):
        quantised = _quantised(where, bits, chosen, device, trust_remote_code) if bits else {}
        require_token_ids(Path(where))
        require_safe_index(where)
        require_described_size(Path(where), trust_remote_code)
    processor = _load_processor(where, trust_remote_code)  # a package that is missing is told before weights are read
    with errors_of_model(where):
        model = load_whole(
            AutoModelForImageTextToText,
            where,
            dtype=chosen,
            trust_remote_code=trust_remote_code,
            use_safetensors=True,
            attn_implementation=_of_language(where, attention, trust_remote_code) if attention else None,
            **quantised,
        )
    placed = model if bits else model.to(device)
    return PretrainedModel(placed.eval(), processor, family_of(model), where)


def check_pretrained(path: str | Path, *, trust_remote_code: bool = False) -> None:
    """Find what can be wrong with a model without reading its weights: its configuration and its processor.

    Args:
        path: As of `load_pretrained`.
        trust_remote_code: Whether code that comes with the model may be run; never unless asked for.

    Raises:
        InputError: There is no such model, or it lacks a processor.
        MissingDependency: Its processor needs a package that isn't installed.
    """
    from transformers import AutoConfig

    where = str(local_folder(path))
    with errors_of_model(where):
        require_token_ids(Path(where))
        AutoConfig.from_pretrained(where, trust_remote_code=trust_remote_code)
    _load_processor(where, trust_remote_code)


def outline(
    path: str | Path,
    *,
    dtype: DtypeName = "auto",
    device: str | torch.device = "cpu",
    trust_remote_code: bool = False,
) -> PretrainedModel:
    """Load all of a model but its weights, to see what it has: nothing can be computed with it.

    Args:
        path: As of `load_pretrained`.
        dtype: That its weights would have, as of `load_pretrained`.
        device: Where they would be.
        trust_remote_code: Whether code that comes with the model may be run; never unless asked for.

    Raises:
        InputError: There is no such model, it isn't a vision-language model, or it lacks a processor.
        MissingDependency: Its processor needs a package that isn't installed.
    """
    check_pretrained(path, trust_remote_code=trust_remote_code)
    where = str(local_folder(path))
    with errors_of_model(where):
        model = without_weights(where, trust_remote_code)
    model = model.to(DTYPES[dtype] if dtype != "auto" else best_dtype(torch.device(device)))
    return PretrainedModel(model.eval(), _load_processor(where, trust_remote_code), family_of(model), where)


def _load_processor(where: str, trust_remote_code: bool) -> Any:
    from transformers import AutoProcessor

    with errors_of_model(where):
        processor = AutoProcessor.from_pretrained(where, trust_remote_code=trust_remote_code)
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise InputError(f"{where!r} has no processor for pictures and text: it lacks preprocessor_config.json.")
    return processor


def _of_language(where: str, attention: AttentionName, trust_remote_code: bool) -> Any:
    """Return what makes transformers compute attention so in the language model; a tower may not have it."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(where, trust_remote_code=trust_remote_code)
    text = config.get_text_config()
    inner = next((name for name in config.sub_configs if getattr(config, name, None) is text), None)
    return {inner: attention} if inner else attention


def _require_flash_attention(dtype: torch.dtype, device: torch.device) -> None:
    from transformers.utils import is_flash_attn_2_available

    otherwise = "or give attn_implementation sdpa"
    if not is_flash_attn_2_available():
        how = to_install("flash-attn", "flash-attn --no-build-isolation")
        raise MissingDependency(f"flash_attention_2 needs flash-attn: type {how}, {otherwise}.")
    if device.type != "cuda" or dtype == torch.float32:
        raise InputError(f"flash_attention_2 computes in bf16 on CUDA GPUs only: give dtype bfloat16, {otherwise}.")


def _quantised(
    where: str, bits: Literal[0, 4, 8], dtype: torch.dtype, device: str | torch.device, trust_remote_code: bool
) -> dict[str, Any]:
    """Return what makes transformers quantise the language model, and nothing of tower, projector and head."""
    from transformers import BitsAndBytesConfig
    from transformers.utils import is_bitsandbytes_available

    if not is_bitsandbytes_available():
        raise MissingDependency(f"weights of {bits} bits need bitsandbytes: type {to_install('quantised')}")
    family = family_of(without_weights(where, trust_remote_code))
    kept = [*family.tower, *family.projector, *family.extra, family.head]
    how = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    chosen = BitsAndBytesConfig(**(how if bits == 4 else {"load_in_8bit": True}), llm_int8_skip_modules=kept)
    return {"quantization_config": chosen, "device_map": {"": str(device)}}


def load_adapted(folder: Path, *, dtype: DtypeName = "auto", device: str | torch.device = "cpu") -> PretrainedModel:
    """Load a model's folder, or an adapter's with the base that it names.

    Args:
        folder: The folder.
        dtype: As of `load_pretrained`.
        device: Where it goes.

    Raises:
        InputError: It is neither, its base can't be loaded, or the adapter doesn't fit it.
    """
    if not (folder / "adapter_config.json").is_file():
        return load_pretrained(folder, dtype=dtype, device=device)
    from peft import PeftConfig

    with errors_of_adapter(folder):
        base = PeftConfig.from_pretrained(str(folder)).base_model_name_or_path
    if not isinstance(base, str) or not base:
        raise InputError(f"the adapter in {str(folder)!r} names no base: adapter_config.json lacks one.")
    pretrained = load_pretrained(base, dtype=dtype, device=device)
    adapted = load_adapter(pretrained.model, folder, base)
    return PretrainedModel(adapted.to(device).eval(), pretrained.processor, pretrained.family, str(folder))


@dataclass(frozen=True)
class PartRow:
    """One line of the table of parts.

    Attributes:
        part: Which part.
        parameters: How many it has, adapters apart.
        trainable: How many of them are trained.
        adapter: How many parameters of adapters lie in it.
        dtype: Of its weights.
    """

    part: Part
    parameters: int
    trainable: int
    adapter: int
    dtype: str


def part_table(pretrained: PretrainedModel) -> list[PartRow]:
    """Return what each part has and what of it is trained, adapters in it included."""
    rows = []
    for part in PARTS:
        found = {
            name: value
            for name, value in pretrained.model.named_parameters()
            if pretrained.family.part_of(plain_name(name)) == part
        }
        if not found:
            continue
        own = {name: value for name, value in found.items() if not is_adapter(name)}
        adapters = sum(value.numel() for name, value in found.items() if is_adapter(name))
        rows.append(
            PartRow(
                part,
                sum(map(_numbers, own.values())),
                sum(value.numel() for value in own.values() if value.requires_grad),
                adapters,
                " ".join(sorted({str(value.dtype).removeprefix("torch.") for value in own.values()})),
            )
        )
    return rows


def _numbers(parameter: Any) -> int:
    """Return how many numbers a parameter stands for; one of four bits packs two in a byte."""
    packed = getattr(parameter, "quant_state", None)
    return int(packed.shape.numel() if packed is not None else parameter.numel())


def is_adapter(name: str) -> bool:
    """Whether a parameter is a LoRA adapter's."""
    return ".lora_" in name


def plain_name(name: str) -> str:
    """Return a parameter's name as it was before PEFT put layers around it."""
    return re.sub(r"(?:\.base_layer)+(?=\.)", "", name.removeprefix("base_model.model."))


def set_training(model: Any, on: bool) -> None:
    """Let a model train, or only compute; batch norms keep the statistics that they have in both.

    Pictures go through a tower one by one: statistics that training took would be those of a single picture.
    """
    model.train(on)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()


def set_checkpointing(model: Any, on: bool) -> None:
    """Let a model's layers keep only their inputs for the backward pass, and be computed again there; or keep all.

    It acts while the model trains (`set_training`), on the layers of language model and tower, adapters included
    (activation checkpointing, 1604.06174).

    Raises:
        ConfigError: The model's layers aren't those of transformers, which know how.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if on and not layers:
        raise ConfigError("gradient_checkpointing: this model's layers can't be computed again. Leave it out.")
    again = partial(torch.utils.checkpoint.checkpoint, use_reentrant=False)
    for layer in layers:
        layer.gradient_checkpointing = on
        layer._gradient_checkpointing_func = again
