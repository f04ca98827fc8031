"""The models and processors of the tiny families that cut a large picture into crops, and show it whole beside them."""

from __future__ import annotations

from typing import Any

import transformers
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil

from families import no_torchvision
from families.grids import MROPE, RECURRENT
from families.models import VISION, WIDTH, finish, template, text
from families.tokens import Tokens, make_tokenizer

ROPE: dict[str, Any] = {"rope_type": "default", "rope_theta": 10000.0}


def llama4(name: str) -> tuple[Any, Any]:
    """Llama 4: forward projects what the tower gives; experts, a layer that attends to chunks, one without places."""
    named = {"image_token": "<|patch|>", "whole_token": "<|image|>"}
    picture = ("<|image_start|>", "<|image_end|>", "<|tile_x_separator|>", "<|tile_y_separator|>")
    turns = ("<|header_start|>", "<|header_end|>")
    tokens = Tokens("<|eot|>", "<|finetune_right_pad|>", "<|begin_of_text|>", named, picture + turns, starts=True)
    tokenizer = make_tokenizer(tokens)
    # Four patches are brought together, and their features behind each other.
    vision = {**VISION, "intermediate_size": 4 * WIDTH, "image_size": 28, "patch_size": 7, "rope_parameters": ROPE}
    vision |= {"vision_output_dim": WIDTH, "projector_input_dim": WIDTH, "projector_output_dim": WIDTH}
    config = transformers.Llama4Config(
        vision_config=vision,
        text_config=text(
            tokenizer,
            "llama4_text",
            head_dim=8,
            intermediate_size_mlp=48,
            num_local_experts=4,
            no_rope_layers=[1, 0],
            rope_parameters=ROPE,
        ),
        image_token_index=tokenizer.image_token_id,
    )
    image_processor = no_torchvision.make_image_processor(name, size={"height": 28, "width": 28}, max_patches=4)
    processor = transformers.Llama4Processor(image_processor, tokenizer, patch_size=7, chat_template=template(name))
    return finish(config, tokens, processor)


def lfm2_vl(name: str) -> tuple[Any, Any]:
    """LFM2-VL: SigLIP 2 for pictures of any shape, tiles of larger ones, layers of short convolutions."""
    named = {
        "image_token": "<image>",
        "image_start_token": "<|image_start|>",
        "image_end_token": "<|image_end|>",
        "image_thumbnail_token": "<|img_thumbnail|>",
    }
    tiles = tuple(f"<|img_row_{row}_col_{column}|>" for row in range(1, 5) for column in range(1, 5))
    tokens = Tokens("<|im_end|>", "<|pad|>", "<|startoftext|>", named, ("<|im_start|>", *tiles), starts=True)
    tokenizer = make_tokenizer(tokens)
    vision = {**VISION, "model_type": "siglip2_vision_model", "patch_size": 8, "num_patches": 36}
    config = transformers.Lfm2VlConfig(
        vision_config={**vision, "vision_use_head": False},
        text_config=text(tokenizer, "lfm2", layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False),
        image_token_id=tokenizer.image_token_id,
        projector_hidden_size=48,
    )
    # Two patches a side make a token; four to nine tokens a picture, four tiles at most.
    sizes = {"encoder_patch_size": 8, "tile_size": 32, "min_image_tokens": 4, "max_image_tokens": 9, "max_tiles": 4}
    image_processor = no_torchvision.make_image_processor(name, **sizes)
    processor = transformers.Lfm2VlProcessor(image_processor, tokenizer, chat_template=template(name))
    return finish(config, tokens, processor)


def molmo2(name: str) -> tuple[Any, Any]:
    """Molmo 2: crops that overlap, patches pooled by attention and added to a token's embedding; no end of turns."""
    named = {"image_token": "<|image|>", "video_token": "<|video|>"}
    pieces = ("<im_patch>", "<im_col>", "<im_start>", "<low_res_im_start>", "<frame_start>", "<im_end>")
    others = (*pieces, "<frame_end>", "<im_low>", "<|im_start|>")
    # What ends an answer begins a text, too.
    tokens = Tokens("<|im_end|>", "<|endoftext|>", "<|im_end|>", named, others)
    tokenizer = make_tokenizer(tokens)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8}
    first, end, piece, low, *_ = tokenizer.convert_tokens_to_ids(
        ["<im_start>", "<im_end>", "<im_patch>", "<low_res_im_start>"]
    )
    config = transformers.Molmo2Config(
        vision_config={**VISION, **heads, "image_size": [28, 28], "patch_size": 7},
        adapter_config={
            **heads,
            "hidden_size": WIDTH,
            "intermediate_size": 48,
            "text_hidden_size": WIDTH,
            "vision_feature_layer": [1, 0],
            "initializer_range": 0.1,
        },
        text_config=text(tokenizer, "molmo2_text", head_dim=8, additional_vocab_size=8, rope_parameters=ROPE),
        image_start_token_id=first,
        image_end_token_id=end,
        image_patch_id=piece,
        low_res_image_start_token_id=low,
    )
    image_processor = no_torchvision.make_image_processor(
        name, size={"height": 28, "width": 28}, patch_size=7, max_crops=2, overlap_margins=[1, 1]
    )
    processor = transformers.Molmo2Processor(
        image_processor, no_torchvision.make_video_processor(name), tokenizer, chat_template=template(name)
    )
    return finish(config, tokens, processor)


def minicpmv4_7(name: str) -> tuple[Any, Any]:
    """MiniCPM-V 4.7: a tower whose layers bring patches together, slices on one canvas, Qwen3.5's recurrent layers."""
    named = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "image_start_token": "<image>",
        "image_end_token": "</image>",
        "slice_start_token": "<slice>",
        "slice_end_token": "</slice>",
        "image_id_start_token": "<image_id>",
        "image_id_end_token": "</image_id>",
    }
    others = ("<|im_start|>", "<think>", "</think>")
    tokens = Tokens("<|im_end|>", "<|endoftext|>", named=named, others=others, ends=("<|im_end|>", "<|endoftext|>"))
    tokenizer = make_tokenizer(tokens)
    # Sixteen patches make a token.
    vision = {**VISION, "model_type": "minicpmv4_7_vision", "image_size": 56, "patch_size": 7}
    rope = MROPE | {"mrope_interleaved": True}
    config = transformers.MiniCPMV4_7Config(
        vision_config=vision,
        text_config=text(tokenizer, "qwen3_5_text", head_dim=8, rope_parameters=rope, **RECURRENT),
        insert_layer_id=0,
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        image_start_id=tokenizer.image_start_token_id,
        image_end_id=tokenizer.image_end_token_id,
        slice_start_id=tokenizer.slice_start_token_id,
        slice_end_id=tokenizer.slice_end_token_id,
        newline_id=tokenizer("\n", add_special_tokens=False)["input_ids"][0],
        tie_word_embeddings=True,
    )
    processor = transformers.MiniCPMV4_7Processor(
        MiniCPMV4_6ImageProcessorPil(scale_resolution=56, patch_size=7, max_slice_nums=4),
        no_torchvision.make_video_processor(name),
        tokenizer,
        chat_template=template(name),
    )
    return finish(config, tokens, processor)
