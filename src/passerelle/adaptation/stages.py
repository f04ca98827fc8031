"""What a stage trains: adapters and weights of the parts that it names, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import torch

from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.adaptation.settings import PartSettings, StageSettings
from passerelle.errors import ConfigError, TrainingError, first_line
from passerelle.models.families import Mixture
from passerelle.models.pretrained import PretrainedModel, is_adapter, plain_name

_MAGNITUDE = ".lora_magnitude_vector.weight"
"""Of DoRA; PEFT writes it without its last word."""
_LAYER = re.compile(r"\.(?:layers?|blocks?|h)\.(\d+)\.")


def attach(pretrained: PretrainedModel, stage: StageSettings, seed: int) -> list[ParameterGroup]:
    """Put the stage's adapters into the model and return what is trained.

    Args:
        pretrained: The model; its `model` becomes a `PeftModel` where there are adapters.
        stage: The stage.
        seed: Seeds the adapters' first weights.

    Raises:
        ConfigError: A part has nothing to train, what it names can't be trained or saved, or two parts want adapters of
            different kinds.
        TrainingError: An adapter landed where it wasn't wanted.
    """
    adapted = {part: how for part, how in stage.train.items() if how.how == "lora"}
    full = {part: how for part, how in stage.train.items() if how.how == "full"}
    weights = {part: _weights(pretrained, part, how, stage.name) for part, how in full.items()}
    if adapted:
        _add_lora(pretrained, adapted, stage.name, seed)
    groups = []
    for part, how in stage.train.items():
        found = weights[part] if part in weights else _adapters(pretrained, part)
        groups.append(ParameterGroup(part, found, how.learning_rate, how.weight_decay))
    return groups


def detach(pretrained: PretrainedModel) -> None:
    """Merge the adapters into the weights and take them out."""
    if hasattr(pretrained.model, "merge_and_unload"):
        pretrained.model = pretrained.model.merge_and_unload()


def _weights(pretrained: PretrainedModel, part: Any, how: PartSettings, stage: str) -> dict[str, Any]:
    found = pretrained.family.parameters(pretrained.model, part)
    if how.last_layers is not None:
        numbered = {name: int(at[1]) for name in found if (at := _LAYER.search(name))}
        first = max(numbered.values(), default=-1) + 1 - how.last_layers
        found = {name: value for name, value in found.items() if numbered.get(name, -1) >= max(first, 0)}
    if not found:
        tied = " (the head is tied to the embeddings, which belong to the language model)" if part == "head" else ""
        raise ConfigError(f"stage {stage!r}: the model has nothing to train in the part {part!r}{tied}.")
    return found


def _add_lora(pretrained: PretrainedModel, adapted: dict[Any, PartSettings], stage: str, seed: int) -> None:
    from peft import LoraConfig, get_peft_model

    from passerelle.adaptation.kernels.lora import fuse_lora

    kinds = {(h.rank, h.alpha, h.dropout, h.dora, h.rslora) for h in adapted.values()}
    if len(kinds) > 1:
        raise ConfigError(f"stage {stage!r}: {' and '.join(adapted)} must have adapters of the same rank and kind.")
    experts = [name for part, how in adapted.items() if how.experts for name in _experts(pretrained, part, stage)]
    patterns = {part: how.targets or linear_pattern(pretrained, part) for part, how in adapted.items()}
    for part, pattern in patterns.items():
        _require_adaptable(pretrained, part, pattern, stage)
    how = next(iter(adapted.values()))
    config = LoraConfig(
        r=how.rank,
        lora_alpha=how.alpha,
        lora_dropout=how.dropout,
        use_dora=how.dora,
        use_rslora=how.rslora,
        target_modules="|".join(f"(?:{pattern})" for pattern in patterns.values()),
        target_parameters=experts or None,
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    try:
        pretrained.model = get_peft_model(pretrained.model, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise ConfigError(
            f"stage {stage!r}: the adapters' pattern {config.target_modules!r} can't be followed: {first_line(error)}"
        ) from None
    named = [plain_name(name) for name, _ in pretrained.model.named_parameters() if is_adapter(name)]
    strays = [name for name in named if pretrained.family.part_of(name) not in adapted]
    if strays:
        raise TrainingError(
            f"stage {stage!r}: an adapter landed at {strays[0]!r}, not in {' and '.join(adapted)}: narrow its targets."
        )
    for part in adapted:
        if not _adapters(pretrained, part):
            raise ConfigError(f"stage {stage!r}: no adapter landed in the part {part!r}: its targets are elsewhere.")
    _require_savable(pretrained, stage)
    fuse_lora(pretrained.model)


def _require_adaptable(pretrained: PretrainedModel, part: Any, pattern: str, stage: str) -> None:
    """Make sure that a pattern matches modules, and none whose weights another module has too.

    Raises:
        ConfigError: It doesn't.
    """
    found = {name: module for name, module in pretrained.model.named_modules() if re.fullmatch(pattern, name)}
    if not found:
        raise ConfigError(f"stage {stage!r}: the adapters' pattern {pattern!r} of {part!r} matches no module.")
    ends = (pretrained.bare.get_input_embeddings(), pretrained.bare.get_output_embeddings())
    if None in ends or ends[0].weight is not ends[1].weight:
        return
    if tied := next((name for name, module in found.items() if any(module is end for end in ends)), ""):
        raise ConfigError(
            f"stage {stage!r}: {tied!r} can't have an adapter: head and embeddings are the same weights in this model, "
            f"and merging it would change both. Take it out of what {part!r} adapts."
        )


def _require_savable(pretrained: PretrainedModel, stage: str) -> None:
    """Make sure, before anything is trained, that PEFT would save all of the adapters, and nothing else.

    Raises:
        ConfigError: It wouldn't.
    """
    from peft import get_peft_model_state_dict

    written = set(get_peft_model_state_dict(pretrained.model, save_embedding_layers=False))
    if difference := sorted(written ^ adapter_names(pretrained)):
        raise ConfigError(
            f"stage {stage!r}: an adapter at {difference[0]!r} can't be saved by PEFT: narrow its targets."
        )


def adapter_names(pretrained: PretrainedModel) -> set[str]:
    """Return the names that the tensors of a model's adapter have in its file."""
    names = (name for name, _ in pretrained.model.named_parameters() if is_adapter(name))
    plain = (re.sub(r"\.default(?=\.|$)", "", name) for name in names)
    return {name.removesuffix(".weight") if name.endswith(_MAGNITUDE) else name for name in plain}


def _experts(pretrained: PretrainedModel, part: Any, stage: str) -> list[str]:
    """Return the parameters of a part that hold the weights of all experts of a layer.

    Raises:
        ConfigError: It has no experts.
    """
    mixture = Mixture.of(pretrained.bare)
    found = [name for name in mixture.experts if pretrained.family.part_of(name) == part]
    if not found:
        raise ConfigError(f"stage {stage!r}: the part {part!r} has no experts: leave 'experts' out.")
    return found


def adapted_modules(pretrained: PretrainedModel) -> dict[str, int]:
    """Return what adapters are on, by its name within a layer, and in how many layers each is."""
    names = (plain_name(name) for name, _ in pretrained.model.named_parameters() if is_adapter(name))
    found = {name.partition(".lora_")[0] for name in names}
    return dict(sorted(Counter(_LAYER.split(name, maxsplit=1)[-1] for name in found).items()))


def linear_pattern(pretrained: PretrainedModel, part: Any) -> str:
    """Return a full-name pattern of the linear layers in a part's transformer layers; all of a projector's.

    What chooses among experts is left out.
    """
    family, mixture = pretrained.family, Mixture.of(pretrained.bare)
    names = [
        name
        for name, module in pretrained.model.named_modules()
        if isinstance(module, torch.nn.Linear) and family.part_of(name) == part and not mixture.is_choosing(name)
    ]
    inside = [name for name in names if _LAYER.search(name)] if part in ("language", "tower") else names
    if not inside:
        raise ConfigError(f"the part {part!r} has no linear layer to adapt.")
    if part not in ("language", "tower"):
        return "|".join(map(re.escape, inside))
    prefixes = [family.language] if part == "language" else family.tower
    beginning = "|".join(re.escape(prefix) for prefix in sorted(prefixes))
    leaves = "|".join(sorted({re.escape(name.rpartition(".")[2]) for name in inside}))
    return rf"(?:{beginning})\..*\.\d+\.(?:.*\.)?(?:{leaves})"


def _adapters(pretrained: PretrainedModel, part: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in pretrained.model.named_parameters()
        if is_adapter(name) and pretrained.family.part_of(plain_name(name)) == part
    }
