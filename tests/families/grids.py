"""The models and processors of the tiny families that place a picture's tokens in a grid: Qwen-VL and GLM-V."""

from __future__ import annotations

from typing import Any

import transformers
from transformers.models.glm4v.image_processing_pil_glm4v import Glm4vImageProcessorPil
from transformers.models.glm46v.image_processing_pil_glm46v import Glm46VImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from families import no_torchvision
from families.models import WIDTH, finish, template, text
from families.tokens import Tokens, make_tokenizer

MROPE: dict[str, Any] = {"rope_type": "default", "rope_theta": 1000000.0, "mrope_section": [1, 1, 2]}
EXPERTS: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
# Layers that keep one state in place of all tokens, and layers that attend.
RECURRENT: dict[str, Any] = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
QWEN_VISION: dict[str, dict[str, Any]] = {
    "qwen2_vl": {"embed_dim": WIDTH, "hidden_size": WIDTH, "mlp_ratio": 2},
    "qwen2_5_vl": {"window_size": 56, "fullatt_block_indexes": [1]},
    "qwen3_vl": {"depth": 3, "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 16},
    "qwen3_vl_moe": {"depth": 3, "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 16},
    "qwen3_5": {"num_position_embeddings": 16},
    "qwen3_5_moe": {"num_position_embeddings": 16},
}
QWEN_TEXT: dict[str, dict[str, Any]] = {
    "qwen2_vl": {},
    "qwen2_5_vl": {},
    "qwen3_vl": {"head_dim": 8},
    "qwen3_vl_moe": {"head_dim": 8, **EXPERTS},
    "qwen3_5": {"head_dim": 8, **RECURRENT},
    "qwen3_5_moe": {"head_dim": 8, **RECURRENT, **EXPERTS, "shared_expert_intermediate_size": 16},
}
QWEN_CLASSES: dict[str, tuple[str, str]] = {
    "qwen2_vl": ("Qwen2VLConfig", "Qwen2VLProcessor"),
    "qwen2_5_vl": ("Qwen2_5_VLConfig", "Qwen2_5_VLProcessor"),
    "qwen3_vl": ("Qwen3VLConfig", "Qwen3VLProcessor"),
    "qwen3_vl_moe": ("Qwen3VLMoeConfig", "Qwen3VLProcessor"),
    "qwen3_5": ("Qwen3_5Config", "Qwen3VLProcessor"),
    "qwen3_5_moe": ("Qwen3_5MoeConfig", "Qwen3VLProcessor"),
}


def qwen_vl(name: str) -> tuple[Any, Any]:
    """Qwen2-VL, 2.5 (a tower that sees windows), 3 (features of inner layers too), 3.5 (recurrent layers); experts."""
    named = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_start_token": "<|vision_start|>",
        "vision_end_token": "<|vision_end|>",
    }
    ends = ("<|im_end|>", "<|endoftext|>")
    others = ("<|im_start|>", "<think>", "</think>") if name.startswith("qwen3_5") else ("<|im_start|>",)
    tokens = Tokens("<|im_end|>", "<|endoftext|>", named=named, others=others, ends=ends)
    tokenizer = make_tokenizer(tokens)
    third = name.startswith("qwen3")
    patch = 16 if third else 14
    rope = MROPE | ({"mrope_interleaved": True} if third else {})
    vision: dict[str, Any] = {"num_heads": 4, "patch_size": patch, "initializer_range": 0.1, "depth": 2}
    vision |= {"hidden_size": WIDTH}
    if name != "qwen2_vl":
        vision |= {"intermediate_size": 48, "out_hidden_size": WIDTH}
    config_name, processor_name = QWEN_CLASSES[name]
    config = getattr(transformers, config_name)(
        vision_config=vision | QWEN_VISION[name],
        text_config=text(tokenizer, f"{name}_text", rope_parameters=rope, **QWEN_TEXT[name]),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        vision_start_token_id=tokenizer.vision_start_token_id,
        vision_end_token_id=tokenizer.vision_end_token_id,
        tie_word_embeddings=True,
    )
    # At most nine tokens for a picture.
    pixels = {"shortest_edge": (2 * patch) ** 2, "longest_edge": (6 * patch) ** 2}
    processor = getattr(transformers, processor_name)(
        Qwen2VLImageProcessorPil(size=pixels, patch_size=patch),
        tokenizer,
        no_torchvision.make_video_processor(name),
        chat_template=template(name),
    )
    return finish(config, tokens, processor)


def glm_v(name: str) -> tuple[Any, Any]:
    """GLM-4.1V and GLM-4.6V: patches are brought together by a convolution, then projected; no token ends a turn."""
    named = {"image_token": "<|image|>", "video_token": "<|video|>"}
    marks = [f"<|{place}_of_{what}|>" for what in ("image", "video") for place in ("begin", "end")]
    turns = ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<think>", "</think>")
    ends = ("<|endoftext|>", "<|user|>", "<|observation|>")
    others = (*marks, *turns, "/nothink")
    tokens = Tokens("<|endoftext|>", "<|endoftext|>", named=named, others=others, ends=ends)
    tokenizer = make_tokenizer(tokens)
    vision = {"hidden_size": WIDTH, "intermediate_size": 48, "out_hidden_size": WIDTH, "num_heads": 4, "depth": 2}
    config_class = transformers.Glm46VConfig if name == "glm46v" else transformers.Glm4vConfig
    ids = tokenizer.convert_tokens_to_ids(marks)
    config = config_class(
        vision_config={**vision, "model_type": "glm4v_vision", "image_size": 56, "initializer_range": 0.1},
        text_config=text(tokenizer, "glm4v_text", rope_parameters=MROPE),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        image_start_token_id=ids[0],
        image_end_token_id=ids[1],
        video_start_token_id=ids[2],
        video_end_token_id=ids[3],
    )
    # At most nine tokens for a picture; one counts as two frames.
    pixels = {"shortest_edge": 2 * 28**2, "longest_edge": 2 * 84**2}
    image_class = Glm46VImageProcessorPil if name == "glm46v" else Glm4vImageProcessorPil
    processor_class = transformers.Glm46VProcessor if name == "glm46v" else transformers.Glm4vProcessor
    processor = processor_class(
        image_class(size=pixels), tokenizer, no_torchvision.make_video_processor(name), chat_template=template(name)
    )
    return finish(config, tokens, processor)
