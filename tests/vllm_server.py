"""A real vLLM on this machine's CPU, in an environment of its own, and tiny models that it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ports import free_port, started

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = Path(os.environ.get("PASSERELLE_VLLM", ROOT / "build" / "vllm"))
PATIENCE = 400


def is_missing() -> str:
    """Return why vLLM can't be started; nothing where it can."""
    if (ENVIRONMENT / ".made-by-passerelle").is_file():
        return ""
    return f"no vLLM in {ENVIRONMENT}: scripts/vllm_environment.sh puts it there"


def widened(model_type: str, folder: Path) -> Path:
    """Write a tiny random model whose heads are as wide as vLLM's attention on CPUs wants them: 32."""
    import torch

    from families.tiny import BUILDERS

    model, processor = BUILDERS[model_type](model_type)
    config = model.config
    text, vision = config.text_config, config.vision_config
    text.hidden_size, text.num_attention_heads, text.num_key_value_heads, text.head_dim = 128, 4, 2, 32
    if "mrope_section" in (text.rope_parameters or {}):
        text.rope_parameters["mrope_section"] = [4, 6, 6]
    if model_type == "qwen2_vl":
        vision.embed_dim, vision.num_heads, vision.hidden_size = 64, 2, 128
    else:
        vision.hidden_size, vision.num_attention_heads = 64, 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        wide: Any = type(model)(config).eval()
    wide.generation_config = model.generation_config
    wide.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@contextmanager
def serving(model: Path, log: Path, more: Sequence[str] = ()) -> Iterator[str]:
    """Serve a model under its folder's name; yields the URL."""
    port = free_port()
    command = [str(ENVIRONMENT / "bin" / "vllm"), "serve", str(model), "--served-model-name", model.name]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--max-model-len", "512"]
    command += ["--enforce-eager", "--max-num-seqs", "4", "--limit-mm-per-prompt", '{"image": 1, "video": 0}', *more]
    quiet = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with started(command, port, log, kept | quiet, PATIENCE) as url:
        yield url
