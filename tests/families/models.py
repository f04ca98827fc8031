"""The models and processors of the tiny families, one function for each family or for families that are alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import GenerationConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from families import no_torchvision
from families.tokens import Tokens, make_tokenizer

TEMPLATES = Path(__file__).parent / "templates"
WIDTH = 32
# Of the vision towers: wide patches, so that a picture takes few tokens.
VISION: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.1,
}
TEXT: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.1,
}
TILES = [[28, 28], [28, 56], [56, 28], [56, 56]]


def siglip(image_size: int) -> dict[str, Any]:
    """Return a SigLIP tower's configuration, for square pictures of `image_size` pixels."""
    return {
        **VISION,
        "model_type": "siglip_vision_model",
        "image_size": image_size,
        "patch_size": 14,
        "vision_use_head": False,
    }


def clip(patch_size: int) -> dict[str, Any]:
    """Return a CLIP tower's configuration; of its three layers the last is not used."""
    return {
        **VISION,
        "model_type": "clip_vision_model",
        "image_size": 28,
        "patch_size": patch_size,
        "num_hidden_layers": 3,
    }


def efficientnet() -> dict[str, Any]:
    """Return an EfficientNet's configuration, with a feature for each 16 × 16 pixels; it rounds all widths to 8."""
    return {
        "model_type": "efficientnet",
        "image_size": 32,
        "width_coefficient": 0.025,
        "depth_coefficient": 1.0,
        "in_channels": [8, 8, 8],
        "out_channels": [8, 8, 8],
        "kernel_sizes": [3, 5, 3],
        "strides": [2, 2, 2],
        "num_block_repeats": [1, 2, 1],
        "expand_ratios": [1, 2, 2],
        "hidden_dim": WIDTH,
        "hidden_size": WIDTH,
        "dropout_rate": 0.0,
        "drop_connect_rate": 0.0,
        "initializer_range": 0.3,
    }


def template(model_type: str) -> str:
    """Return a family's chat template."""
    return (TEMPLATES / f"{model_type}.jinja").read_text(encoding="utf-8")


def text(tokenizer: Any, model_type: str, **changes: Any) -> dict[str, Any]:
    """Return a language model's configuration, its special tokens those of the tokenizer."""
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    return {**TEXT, "model_type": model_type, "vocab_size": len(tokenizer), **ids, **changes}


def llava(name: str) -> tuple[Any, Any]:
    """LLaVA 1.5: a CLIP tower whose last layer but one is taken, without its class token; Vicuna's tokens."""
    tokens = Tokens(
        eos="</s>", pad="<pad>", bos="<s>", named={"image_token": "<image>"}, others=("<unk>",), starts=True
    )
    tokenizer = make_tokenizer(tokens)
    config = transformers.LlavaConfig(
        vision_config=clip(patch_size=7),
        text_config=text(tokenizer, "llama"),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=16,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    processor = transformers.LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer,
        patch_size=7,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template(name),
    )
    return finish(config, tokens, processor)


def fast_vlm(name: str) -> tuple[Any, Any]:
    """FastVLM as the embedded base has it: an EfficientNet whose map of 2 × 2 is a picture's tokens, Llama."""
    tokens = Tokens("<|im_end|>", "<|im_end|>", named={"image_token": "<image>"}, others=("<|im_start|>",))
    tokenizer = make_tokenizer(tokens)
    config = transformers.FastVlmConfig(
        vision_config=efficientnet(),
        text_config=text(tokenizer, "llama", tie_word_embeddings=True),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=4,
        tie_word_embeddings=True,
    )
    square = {"height": 32, "width": 32}
    processor = transformers.LlavaProcessor(
        LlavaImageProcessorPil(size=square, crop_size=square, do_pad=True, do_center_crop=False),
        tokenizer,
        patch_size=16,
        vision_feature_select_strategy="full",
        chat_template=template(name),
    )
    return finish(config, tokens, processor)


def llava_next(name: str) -> tuple[Any, Any]:
    """LLaVA-NeXT: up to five tiles of four tokens, a token at each line's end; Mistral's tokens."""
    tokens = Tokens(
        eos="</s>", pad="<pad>", bos="<s>", named={"image_token": "<image>"}, others=("<unk>",), starts=True
    )
    tokenizer = make_tokenizer(tokens)
    config = transformers.LlavaNextConfig(
        vision_config=clip(patch_size=14),
        text_config=text(tokenizer, "mistral", sliding_window=None),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=4,
        image_grid_pinpoints=TILES,
    )
    processor = transformers.LlavaNextProcessor(
        LlavaNextImageProcessorPil(
            size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=TILES
        ),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template(name),
    )
    return finish(config, tokens, processor)


def llava_onevision(name: str) -> tuple[Any, Any]:
    """LLaVA-OneVision: a SigLIP tower, tiles, Qwen2."""
    named = {"image_token": "<image>", "video_token": "<video>"}
    tokens = Tokens(eos="<|im_end|>", pad="<|endoftext|>", named=named, others=("<|im_start|>",))
    tokenizer = make_tokenizer(tokens)
    config = transformers.LlavaOnevisionConfig(
        vision_config=siglip(28),
        text_config=text(tokenizer, "qwen2"),
        image_token_index=tokenizer.image_token_id,
        video_token_index=tokenizer.video_token_id,
        image_grid_pinpoints=TILES,
        tie_word_embeddings=True,
    )
    processor = transformers.LlavaOnevisionProcessor(
        LlavaOnevisionImageProcessorPil(size={"height": 28, "width": 28}, image_grid_pinpoints=TILES),
        tokenizer,
        no_torchvision.make_video_processor(name),
        num_image_tokens=4,
        vision_feature_select_strategy="full",
        chat_template=template(name),
    )
    return finish(config, tokens, processor)


def paligemma(name: str) -> tuple[Any, Any]:
    """PaliGemma: SigLIP and Gemma; no chat template, a prompt's tokens see each other in both directions."""
    tokens = Tokens(eos="<eos>", pad="<pad>", bos="<bos>", named={"image_token": "<image>"})
    tokenizer = make_tokenizer(tokens)
    processor = transformers.PaliGemmaProcessor(
        SiglipImageProcessorPil(size={"height": 28, "width": 28}, image_seq_length=4), tokenizer
    )
    # The processor has added its tokens of places and segments.
    config = transformers.PaliGemmaConfig(
        vision_config=siglip(28),
        text_config=text(tokenizer, "gemma", head_dim=8),
        image_token_index=tokenizer.image_token_id,
        projection_dim=WIDTH,
        hidden_size=WIDTH,
        vocab_size=len(tokenizer),
    )
    return finish(config, tokens, processor)


def gemma3(name: str) -> tuple[Any, Any]:
    """Gemma 3: SigLIP, layers that see eight tokens and layers that see all; pictures see themselves both ways."""
    named = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    ends = ("<eos>", "<end_of_turn>")
    tokens = Tokens("<eos>", "<pad>", "<bos>", named, ("<start_of_turn>",), starts=True, ends=ends)
    tokenizer = make_tokenizer(tokens)
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    config = transformers.Gemma3Config(
        vision_config=siglip(56),
        text_config=text(
            tokenizer, "gemma3_text", head_dim=8, layer_types=layers, num_hidden_layers=len(layers), sliding_window=8
        ),
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
    )
    processor = transformers.Gemma3Processor(
        Gemma3ImageProcessorPil(size={"height": 56, "width": 56}),
        tokenizer,
        chat_template=template(name),
        image_seq_length=4,
    )
    return finish(config, tokens, processor)


def internvl(name: str) -> tuple[Any, Any]:
    """InternVL 3: its own tower, up to four tiles and a thumbnail of four tokens each, Qwen2."""
    named = {
        "context_image_token": "<IMG_CONTEXT>",
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "video_token": "<video>",
    }
    tokens = Tokens(eos="<|im_end|>", pad="<|endoftext|>", named=named, others=("<|im_start|>",))
    tokenizer = make_tokenizer(tokens)
    config = transformers.InternVLConfig(
        vision_config={**VISION, "model_type": "internvl_vision", "image_size": 56, "patch_size": 14},
        text_config=text(tokenizer, "qwen2"),
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=4,
    )
    processor = transformers.InternVLProcessor(
        GotOcr2ImageProcessorPil(size={"height": 56, "width": 56}, crop_to_patches=True, max_patches=4),
        tokenizer,
        no_torchvision.make_video_processor(name),
        image_seq_length=4,
        chat_template=template(name),
    )
    return finish(config, tokens, processor)


def mistral3(name: str) -> tuple[Any, Any]:
    """Mistral Small 3.1: a Pixtral tower for pictures of any shape, four patches to a token, line breaks."""
    others = ("<unk>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[IMG]", "[IMG_BREAK]", "[IMG_END]")
    tokens = Tokens(eos="</s>", pad="<pad>", bos="<s>", others=others, starts=True)
    tokenizer = make_tokenizer(tokens)
    config = transformers.Mistral3Config(
        vision_config={**VISION, "model_type": "pixtral", "head_dim": 8, "image_size": 56, "patch_size": 14},
        text_config=text(tokenizer, "mistral", head_dim=8, sliding_window=None),
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        tie_word_embeddings=False,
    )
    processor = no_torchvision.pixtral_processor()(
        PixtralImageProcessorPil(size={"longest_edge": 56}, patch_size={"height": 14, "width": 14}),
        tokenizer,
        patch_size=14,
        spatial_merge_size=2,
        chat_template=template(name),
    )
    return finish(config, tokens, processor)


def aya_vision(name: str) -> tuple[Any, Any]:
    """Aya Vision: SigLIP, tiles and a thumbnail of four tokens each, Cohere2."""
    turns = ("<|START_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>")
    answer = ("<|START_RESPONSE|>", "<|END_RESPONSE|>")
    picture = ("<|START_OF_IMG|>", "<|END_OF_IMG|>", "<|IMG_PATCH|>", "<|IMG_LINE_BREAK|>", "TILE_GLOBAL")
    tiles = tuple(f"TILE_{number}" for number in range(1, 13))
    tokens = Tokens(
        "<|END_OF_TURN_TOKEN|>", "<PAD>", "<BOS_TOKEN>", others=turns + answer + picture + tiles, starts=True
    )
    tokenizer = make_tokenizer(tokens)
    layers = ["sliding_attention", "full_attention"]
    config = transformers.AyaVisionConfig(
        vision_config=siglip(56),
        text_config=text(tokenizer, "cohere2", head_dim=8, layer_types=layers, sliding_window=8),
        image_token_index=tokenizer.convert_tokens_to_ids("<|IMG_PATCH|>"),
    )
    processor = transformers.AyaVisionProcessor(
        GotOcr2ImageProcessorPil(size={"height": 56, "width": 56}, crop_to_patches=True, max_patches=4),
        tokenizer,
        patch_size=14,
        img_size=56,
        downsample_factor=2,
        chat_template=template(name),
    )
    return finish(config, tokens, processor)


def idefics(name: str) -> tuple[Any, Any]:
    """Idefics3 and SmolVLM: four tiles and the whole picture, of four tokens each; Llama 3's and SmolLM2's tokens."""
    picture = ("<fake_token_around_image>", "<image>", "<global-img>")
    tiles = tuple(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7))
    if name == "smolvlm":
        tokens = Tokens("<end_of_utterance>", "<|im_end|>", "<|im_start|>", others=picture + tiles)
    else:
        tokens = Tokens(
            "<|end_of_text|>",
            "<|finetune_right_pad_id|>",
            "<|begin_of_text|>",
            others=picture + tiles,
            starts=True,
            ends=("<|end_of_text|>", "<end_of_utterance>"),
        )
    tokenizer = make_tokenizer(tokens)
    config_class = transformers.SmolVLMConfig if name == "smolvlm" else transformers.Idefics3Config
    config = config_class(
        vision_config={**VISION, "model_type": f"{name}_vision", "image_size": 56, "patch_size": 14},
        text_config=text(tokenizer, "llama"),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        scale_factor=2,
    )
    sizes = {"size": {"longest_edge": 112}, "max_image_size": {"longest_edge": 56}}
    shared = {"image_seq_len": 4, "chat_template": template(name)}
    if name == "smolvlm":
        video = no_torchvision.make_video_processor(name)
        return finish(
            config, tokens, transformers.SmolVLMProcessor(SmolVLMImageProcessorPil(**sizes), tokenizer, video, **shared)
        )
    return finish(
        config, tokens, transformers.Idefics3Processor(Idefics3ImageProcessorPil(**sizes), tokenizer, **shared)
    )


def finish(config: Any, tokens: Tokens, processor: Any) -> tuple[Any, Any]:
    """Make the model, and its generation configuration with the tokens that end an answer."""
    model = transformers.AutoModelForImageTextToText.from_config(config, dtype=torch.float32).eval()
    for value in model.parameters():
        # Gemma 3's projector and some towers' places begin as zeros, with which no picture would matter.
        if value.dim() > 1 and not value.any():
            torch.nn.init.normal_(value, std=0.1)
    for module in model.modules():
        # Factors near 0, as EfficientNet's begin, let nothing of a picture through.
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    tokenizer = processor.tokenizer
    ends = [tokenizer.convert_tokens_to_ids(token) for token in tokens.ends or (tokens.eos,)]
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=ends if len(ends) > 1 else ends[0],
        pad_token_id=tokenizer.pad_token_id,
    )
    return model, processor
