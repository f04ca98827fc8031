"""What all tests share: no network, quiet libraries, and no GPU test where there is no GPU."""

from __future__ import annotations

import gc
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Before any test module imports the libraries that read them.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MPLBACKEND", "Agg")

# transformers compiles some three hundred patterns for each model that it loads, and re forgets after 512.
re._MAXCACHE = 20_000  # type: ignore[attr-defined]

# While everything is imported nothing becomes unused; `spared` lets Python search for it again.
gc.disable()

# A shell that starts a job in the background has it ignore Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
TOGETHER = (
    "test_resume", "test_own_model_tutorial", "test_real_servers", "test_browser", "test_processes", "test_adapt",
    "test_many_experts", "test_loop", "test_page_security", "test_putting_back", "test_campaign_making",
    "test_interruptions", "test_larger_models", "test_transformers_serve",
)  # fmt: skip
"""Files that share what takes seconds to start and a gigabyte, what processes are forked from or a server of models:
one worker has them all."""
LONGEST = [
    *TOGETHER, "test_families", "test_page", "test_engines", "test_comparison", "test_same_file",
    "test_crews_of_checks", "test_experiments", "test_ray_runner", "test_apertium", "test_readme_example",
    "test_plain_transformers", "test_checkpointing",
]  # fmt: skip
"""Files that take longest: they begin, so that no worker is left with one of them when the others are done."""
LOCAL = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True, scope="session")
def offline() -> Iterator[None]:
    """Refuse every connection that leaves this machine, so that no test comes to need one."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOCAL):
            raise RuntimeError(f"a test tried to reach {address!r}; tests run offline")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(autouse=True, scope="session")
def spared() -> None:
    """Leave out of every search for unused memory what libraries hold, as commands do, and search more rarely."""
    from passerelle.machine import spare_imports

    spare_imports()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def lent_programs() -> Iterator[None]:
    """Let engines have the programs that an earlier test started."""
    from lent import lent

    with lent():
        yield


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a cache folder of its own, with nothing in it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PASSERELLE_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def served_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server that answers with any model by its folder; one process for all tests."""
    pytest.importorskip("openai")
    pytest.importorskip("httpx")
    from real_server import transformers_serve

    with transformers_serve(tmp_path_factory.mktemp("served") / "serve.log") as url:
        yield url


@pytest.fixture(scope="session")
def stamps() -> list[Any]:
    """All stamps with their French, those that are vector graphics drawn into the user's cache."""
    from passerelle.example import tuxpaint
    from passerelle.runs import cache_folder

    return tuxpaint.read_pictures("fr", cache_folder() / "pictures" / "stamps")


@pytest.fixture(scope="session")
def emojis() -> list[Any]:
    """All emoji with their French, drawn into the user's cache."""
    from passerelle.example import emoji
    from passerelle.runs import cache_folder

    return emoji.read_pictures("fr", cache_folder() / "pictures" / "emoji")


@pytest.fixture(scope="session")
def base() -> Any:
    """The embedded base as users have it; tests don't change it."""
    from passerelle.models.pretrained import load_pretrained

    return load_pretrained("embedded")


@pytest.fixture
def tiny() -> Any:
    """A model of the base's kind, random, in fp32, small enough to train in a test: 4 image tokens, bytes as tokens."""
    return make_tiny()


@pytest.fixture
def fresh() -> Callable[[], Any]:
    """Makes more models of the kind of `tiny`."""
    return make_tiny


def make_tiny() -> Any:
    """Build the tiny model; each call gives the same weights in new memory."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import EfficientNetConfig, FastVlmForConditionalGeneration, LlamaConfig, PreTrainedTokenizerFast

    from passerelle.example.embedded import make_config, make_processor
    from passerelle.models.families import family_of
    from passerelle.models.pretrained import PretrainedModel

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    content = Tokenizer(models.BPE(vocab={letter: row for row, letter in enumerate(letters)}, merges=[]))
    content.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    content.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=content, eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<image>"]})
    tower = EfficientNetConfig(
        image_size=64,
        width_coefficient=0.0125,  # all widths are rounded up to 8, that of the top is 16
        depth_coefficient=1.0,
        in_channels=[8] * 4,
        out_channels=[8] * 4,
        kernel_sizes=[3, 5, 3, 2],
        strides=[2, 2, 2, 2],
        num_block_repeats=[1, 2, 1, 1],
        expand_ratios=[1, 2, 2, 1],
        hidden_dim=16,
        hidden_size=16,
        drop_connect_rate=0.0,
        initializer_range=0.3,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.15,
        tie_word_embeddings=True,
    )
    torch.manual_seed(1)
    model = FastVlmForConditionalGeneration(make_config(tower, text, tokenizer, 4)).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # transformers begins with factors near 0
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
    return PretrainedModel(model, make_processor(tokenizer, 64, 32), family_of(model), "tiny")


def pytest_configure(config: pytest.Config) -> None:
    """Let pass the warnings of libraries about each other, which can't be put right here."""
    # peft asks every transformers model for it.
    config.addinivalue_line("filterwarnings", "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each file to one worker, and those that belong together to the same.

    Not by xdist's groups: it writes them into the names of tests, which pytest 9.2 no longer lets it change, and then
    scatters the tests of each file without a word.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "together" if Path(file).stem in TOGETHER else file

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; skip tests marked gpu where there is none.

    torch is asked for one only if there are such tests.
    With PASSERELLE_GPU_TESTS=cpu they run on the CPU: to see, where there is no GPU, that they would run.
    """
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))
    wanted = [item for item in items if item.get_closest_marker("gpu")]
    if not wanted or os.environ.get("PASSERELLE_GPU_TESTS") == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason="no GPU"))
