"""The models and processors of the tiny families of 2025 and 2026 that place tokens in a row."""

from __future__ import annotations

from typing import Any

import transformers
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil
from transformers.models.ovis2.image_processing_pil_ovis2 import Ovis2ImageProcessorPil

from families import no_torchvision
from families.models import VISION, WIDTH, finish, siglip, template, text
from families.tokens import Tokens, make_tokenizer

GEMMA4_MARKS = {
    "image_token": "<|image|>",
    "boi_token": "<|image>",
    "eoi_token": "<image|>",
    "audio_token": "<|audio|>",
    "boa_token": "<|audio>",
    "eoa_token": "<audio|>",
    "video_token": "<|video|>",
}


def _gemma4_ids(tokenizer: Any) -> dict[str, int]:
    """Return the numbers of the marks that Gemma 4's configuration names."""
    named = ("boi_token", "eoi_token", "image_token", "video_token", "audio_token")
    return {f"{name}_id": getattr(tokenizer, f"{name}_id") for name in named}


def gemma4(name: str) -> tuple[Any, Any]:
    """Gemma 4 as its small models are: its own tower for pictures of any shape, embeddings for each layer."""
    tokens = Tokens(
        "<eos>", "<pad>", "<bos>", GEMMA4_MARKS, ("<|turn>", "<turn|>"), starts=True, ends=("<eos>", "<turn|>")
    )
    tokenizer = make_tokenizer(tokens)
    # 70 tokens are the fewest that its processor gives a picture.
    image_processor = Gemma4ImageProcessorPil(max_soft_tokens=70, patch_size=4)
    processor = transformers.Gemma4Processor(
        transformers.Gemma4AudioFeatureExtractor(),
        image_processor,
        tokenizer,
        no_torchvision.make_video_processor(name),
        chat_template=template(name),
        image_seq_length=70,
    )
    vision = {**VISION, "num_key_value_heads": 4, "head_dim": 8, "patch_size": 4}
    config = transformers.Gemma4Config(
        vision_config={**vision, "model_type": "gemma4_vision", "position_embedding_size": 64},
        text_config=text(
            tokenizer,
            "gemma4_text",
            head_dim=8,
            global_head_dim=8,
            layer_types=["sliding_attention", "full_attention"],
            hidden_size_per_layer_input=8,
            vocab_size_per_layer_input=len(tokenizer),
        ),
        audio_config=None,
        **_gemma4_ids(tokenizer),
    )
    return finish(config, tokens, processor)


def gemma4_unified(name: str) -> tuple[Any, Any]:
    """Gemma 4 12B: no tower, patches are projected as they are; pictures' tokens see each other."""
    others = ("<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>")
    tokens = Tokens("<eos>", "<pad>", "<bos>", GEMMA4_MARKS, others, starts=True, ends=("<eos>", "<turn|>"))
    tokenizer = make_tokenizer(tokens)
    # 70 tokens are the fewest that its processor gives a picture, each of nine patches.
    processor = transformers.Gemma4UnifiedProcessor(
        transformers.Gemma4UnifiedAudioFeatureExtractor(),
        no_torchvision.make_image_processor(name, max_soft_tokens=70, patch_size=2),
        tokenizer,
        no_torchvision.make_video_processor(name),
        chat_template=template(name),
        image_seq_length=70,
    )
    config = transformers.Gemma4UnifiedConfig(
        vision_config={"patch_size": 2, "mm_embed_dim": WIDTH, "mm_posemb_size": 80, "output_proj_dims": WIDTH},
        text_config=text(
            tokenizer,
            "gemma4_unified_text",
            head_dim=8,
            global_head_dim=8,
            layer_types=["sliding_attention", "full_attention"],
        ),
        audio_config=None,
        **_gemma4_ids(tokenizer),
    )
    return finish(config, tokens, processor)


def ovis2(name: str) -> tuple[Any, Any]:
    """Ovis2: a tower that gives shares of visual words, a table of their embeddings for a projector, tiles, Qwen2."""
    picture = ("<image>", "<IMG_ATOM>", "<IMG_START>", "<IMG_GRID>", "<IMG_COL>", "<IMG_ROW>", "<IMG_END>")
    tokens = Tokens("<|im_end|>", "<|endoftext|>", others=("<|im_start|>", *picture))
    tokenizer = make_tokenizer(tokens)
    atom, *marks = tokenizer.convert_tokens_to_ids(picture[1:])
    config = transformers.Ovis2Config(
        vision_config={
            **VISION,
            "model_type": "ovis2_vision",
            "image_size": 28,
            "patch_size": 7,
            "vocab_size": 45,
            "hidden_stride": 2,
        },
        text_config=text(tokenizer, "qwen2"),
        image_token_id=atom,
        visual_indicator_token_ids=marks,
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
    )
    processor = transformers.Ovis2Processor(
        Ovis2ImageProcessorPil(size={"height": 28, "width": 28}, crop_to_patches=True, max_patches=4),
        tokenizer,
        chat_template=template(name),
        image_seq_length=4,
    )
    return finish(config, tokens, processor)


def cohere2_vision(name: str) -> tuple[Any, Any]:
    """Command A Vision: SigLIP, tiles and a thumbnail of four tokens each, Cohere2."""
    turns = ("<|START_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>")
    answer = ("<|START_RESPONSE|>", "<|END_RESPONSE|>")
    named = {
        "image_token": "<|IMG_PATCH|>",
        "boi_token": "<|START_OF_IMG|>",
        "eoi_token": "<|END_OF_IMG|>",
        "img_line_break_token": "<|IMG_LINE_BREAK|>",
    }
    tokens = Tokens("<|END_OF_TURN_TOKEN|>", "<PAD>", "<BOS_TOKEN>", named, turns + answer, starts=True)
    tokenizer = make_tokenizer(tokens)
    config = transformers.Cohere2VisionConfig(
        vision_config=siglip(56),
        text_config=text(tokenizer, "cohere2", head_dim=8, layer_types=["sliding_attention", "full_attention"]),
        image_token_id=tokenizer.image_token_id,
        alignment_intermediate_size=64,
    )
    # What it calls the size of a patch is how many tokens a side of a tile has.
    image_processor = no_torchvision.make_image_processor(
        name, size={"height": 56, "width": 56}, max_patches=4, patch_size=2
    )
    processor = transformers.Cohere2VisionProcessor(image_processor, tokenizer, chat_template=template(name))
    return finish(config, tokens, processor)
