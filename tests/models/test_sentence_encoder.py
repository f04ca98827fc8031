"""Sentence embeddings, with a tiny encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from passerelle.errors import InputError
from passerelle.quality.evidence import sentences
from passerelle.quality.evidence.sentences import SentenceEncoder

TEXTS = ["a cat", "the cat sat on the mat", "dog", "", "a cat"]


@pytest.fixture
def encoder(tmp_path: Path) -> SentenceEncoder:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "cat", "dog", "sat", "on", "mat"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt"), model_max_length=8).save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(tmp_path)
    return SentenceEncoder(tmp_path)


def test_weights_that_do_not_match_are_named(encoder: SentenceEncoder, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    whole = load_file(file)
    name = "encoder.layer.1.output.dense.weight"
    for tensors, said in (
        ({key: value for key, value in whole.items() if key != name}, "missing: encoder.layer.1.output"),
        ({**whole, "other.weight": torch.ones(2)}, "unexpected: other.weight"),
        ({**whole, name: torch.ones(3, 3)}, "of another shape: encoder.layer.1.output"),
    ):
        save_file(tensors, file, {"format": "pt"})
        with pytest.raises(InputError, match=f"aren't those that its config.json describes: {said}"):
            SentenceEncoder(tmp_path)
    file.write_bytes(b"damaged")
    with pytest.raises(InputError, match="as a model of sentences"):
        SentenceEncoder(tmp_path)


def test_embeddings_have_length_one_in_the_order_given(encoder: SentenceEncoder) -> None:
    found = encoder(TEXTS)
    assert found.shape == (5, encoder.width) == (5, 16)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(found[0], found[4])
    assert not torch.allclose(found[0], found[2], atol=1e-2)


def test_padding_and_batches_change_nothing(encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    together = encoder(TEXTS)
    torch.testing.assert_close(together, torch.cat([encoder([text]) for text in TEXTS]), atol=1e-5, rtol=1e-4)
    monkeypatch.setattr(sentences, "BATCH", 2)
    seen: list[tuple[int, int]] = []
    torch.testing.assert_close(encoder(TEXTS, lambda *done: seen.append(done)), together, atol=1e-5, rtol=1e-4)
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_no_texts(encoder: SentenceEncoder) -> None:
    assert encoder([]).shape == (0, 16)
