"""LoRA on a model's language part, by PEFT, with a check that it lands where it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from passerelle.errors import TrainingError
from passerelle.models.vlm import VisionLanguageModel
from passerelle.runs import write_atomically

LANGUAGE_LINEAR = r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
"""Full-path pattern: `all-linear` and bare suffixes would also adapt the tower and the projector."""


def add_lora(model: VisionLanguageModel, *, rank: int, alpha: int, seed: int, targets: str = LANGUAGE_LINEAR) -> Any:
    """Put a LoRA adapter (Hu et al., 2106.09685) into the model in place; return the `PeftModel` around it.

    The adapter's weights are bf16 as the model's are; the training loop keeps fp32 masters.

    Raises:
        TrainingError: The pattern matches nothing, or something outside the language model.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, task_type="CAUSAL_LM")
    try:
        wrapped = get_peft_model(model.model, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise TrainingError(f"the adapter's pattern {targets!r} matches no module: {error}") from None
    strays = [n for n in lora_parameters(model) if "language_model" not in n]
    if strays:
        raise TrainingError(f"the adapter landed outside the language model, at {strays[0]!r}: narrow {targets!r}.")
    return wrapped


def lora_parameters(model: VisionLanguageModel) -> dict[str, Any]:
    """Return the adapter's parameters by name."""
    return {name: p for name, p in model.model.named_parameters() if ".lora_" in name}


def projector_parameters(model: VisionLanguageModel) -> dict[str, Any]:
    """Return the projector's parameters by name."""
    return {f"projector.{name}": p for name, p in model.projector.named_parameters()}


def merge_lora(model: VisionLanguageModel, wrapped: Any) -> None:
    """Merge the adapter into the language model's weights and take it out."""
    model.model = wrapped.merge_and_unload()


def save_parameters(path: Path, parameters: dict[str, Any]) -> None:
    """Write parameters as one safetensors file, atomically."""
    from safetensors.torch import save

    write_atomically(path, save({name: p.detach().contiguous() for name, p in parameters.items()}))


def load_parameters(path: Path, parameters: dict[str, Any]) -> bool:
    """Load what `save_parameters` wrote into the parameters; false, and nothing changed, where it isn't whole."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        saved = load_file(path)
    except (OSError, SafetensorError, ValueError):
        return False
    if saved.keys() != parameters.keys() or any(saved[n].shape != p.shape for n, p in parameters.items()):
        return False
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])
    return True
