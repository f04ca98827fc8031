"""Small benchmarks in English and French, with pictures, and a real model small enough to ask in a test."""

import pytest

from benchmark_files import write_bench


@pytest.fixture
def bench(tmp_path):
    """A folder with pope-en.jsonl, pope-fr.jsonl, mmb-en.tsv, mmb-fr.tsv and pictures."""
    return write_bench(tmp_path)


@pytest.fixture
def model_folder(tmp_path, tiny):
    """The tiny model as a folder that `save_pretrained` wrote."""
    folder = tmp_path / "model"
    tiny.model.save_pretrained(folder)
    tiny.processor.save_pretrained(folder)
    return folder
