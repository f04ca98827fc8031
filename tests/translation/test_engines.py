"""What every engine must hold to, with the real Apertium, real tiny models and a real endpoint."""

import importlib.util
import json
import re
import shutil
import sys

import pytest
from safetensors.torch import load_file, save_file
from tiny_engines import SENTENCES, convert, make_m2m100, make_madlad, make_marian, make_nllb

from chat_server import ChatServer
from passerelle.errors import ConfigError, InputError, MissingDependency, RunError
from passerelle.translation.base import FakeTranslator, Translator
from passerelle.translation.both_ways import BothWays, EngineSettings, TranslationSettings
from passerelle.translation.engines.apertium import available_pairs
from passerelle.translation.engines.registry import ENGINES, EXAMPLES, make_engine
from passerelle.translation.lent import close_engines
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory
from tiny_causal import make_causal

LONGEST = 96  # tokens that the tiny models take
PAIRS = {pair[:2] for pair in available_pairs()}
TEXTS = [
    "The red house was near the river.",
    "a dog",
    "",
    "The black dog sees the garden, and the dog is not large, and the old boat leaves the window of the house.",
    "été — “cat” 🦜 <image>",
    "  a cat\n",
    " ",
    "a dog",
    "x",
    "\0 null",
]
ALL = [
    "apertium",
    "causal:tiny",
    "ctranslate2:madlad",
    "ctranslate2:marian",
    "ctranslate2:nllb",
    "memory",
    "openai",
    "seq2seq:m2m100",
    "seq2seq:madlad",
    "seq2seq:marian",
    "seq2seq:marian-multi",
    "seq2seq:nllb",
]


@pytest.mark.parametrize("how", ["renamed", "deeper", "damaged"])
def test_a_model_whose_weights_do_not_match_is_refused(folder, tmp_path, how):
    place = shutil.copytree(folder("seq2seq:marian"), tmp_path / "model")
    weights, config = place / "model.safetensors", place / "config.json"
    if how == "renamed":
        save_file({f"x.{name}": value for name, value in load_file(weights).items()}, weights, {"format": "pt"})
    elif how == "deeper":
        content = json.loads(config.read_text())
        config.write_text(json.dumps(content | {"decoder_layers": content["decoder_layers"] + 1}))
    else:
        weights.write_bytes(b"damaged")
    said = (
        "can't load" if how == "damaged" else "the weights in .* aren't those that its config.json describes: missing"
    )
    with pytest.raises(InputError, match=said):
        make_engine(f"seq2seq:{place}", "en", "fr")


@pytest.fixture(scope="module")
def server():
    made = ChatServer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Makes the tiny models, each at most once."""
    root = tmp_path_factory.mktemp("models")
    makers = {
        "causal:tiny": make_causal,
        "seq2seq:marian": lambda path: make_marian(path),
        "seq2seq:marian-multi": lambda path: make_marian(path, ("fra", "spa", "pt_br")),
        "seq2seq:nllb": make_nllb,
        "seq2seq:m2m100": make_m2m100,
        "seq2seq:madlad": make_madlad,
        "ctranslate2:marian": lambda path: convert(make("seq2seq:marian"), path, "source.spm", "target.spm"),
        "ctranslate2:nllb": lambda path: convert(make("seq2seq:nllb"), path, "tokenizer.json"),
        "ctranslate2:madlad": lambda path: convert(make("seq2seq:madlad"), path, "tokenizer.json"),
    }

    def make(name):
        for package in ["sentencepiece", "sacremoses", *(["ctranslate2"] if name.startswith("ct") else [])]:
            pytest.importorskip(package)
        path = root / name.replace(":", "-")
        return path if path.is_dir() else makers[name](path)

    return make


@pytest.fixture(scope="module")
def engines(folder, server, tmp_path_factory):
    """Makes an engine by its name."""
    memory = tmp_path_factory.mktemp("memory") / "memory.sqlite"
    with TranslationMemory(memory) as filled:
        pairs = [(text, f"[fr] {text}") for text in TEXTS if text.strip()]
        filled.store(pairs, "en", "fr", "fake 1", "human-translation")

    def make(name, source="en", target="fr", **options):
        if name == "apertium" and not {("en", "fr"), ("en", "es")} <= PAIRS:
            pytest.skip("install apertium apertium-eng-cat apertium-fra-cat apertium-eng-spa")
        if name == "openai":
            pytest.importorskip("httpx")
            return make_engine(f"openai:tiny@{server.url}", source, target, **options)
        if name.startswith("causal"):
            options = {"style": "tower", **options}
        if name.startswith("ctranslate2"):
            options = {"longest_tokens": LONGEST, **options}
        if name == "memory":
            return make_engine(f"memory:{memory}", source, target, **options)
        if name == "apertium":
            return make_engine(name, source, target, **options)
        return make_engine(f"{name.partition(':')[0]}:{folder(name)}", source, target, **options)

    return make


@pytest.mark.parametrize("name", ALL)
def test_every_engine_holds_to_the_contract(engines, name):
    engine = engines(name, "eng_Latn", "fr-CA")
    assert isinstance(engine, Translator)
    assert (engine.source, engine.target) == ("en", "fr")
    translations = engine.translate(TEXTS)
    assert len(translations) == len(TEXTS) and all(isinstance(text, str) for text in translations)
    for text, translation in zip(TEXTS, translations, strict=True):
        assert text.strip() or translation == text
        # a random model may end at once
        assert translation or not text or "marian" in name, text
    if name != "memory":  # it gives a text back as it was stored
        assert translations[5].startswith("  ") and translations[5].endswith("\n")
    assert translations[1] == translations[7]
    assert len(set(translations)) > 5, "it gives the same translation for everything"
    assert engine.translate(TEXTS) == translations
    assert [engine.translate([text])[0] for text in TEXTS] == translations
    assert engine.translate(TEXTS[::-1]) == translations[::-1]
    assert engine.translate([]) == []
    again = engines(name)
    assert again.signature == engine.signature and name.partition(":")[0] in engine.signature
    assert again.translate(TEXTS) == translations


@pytest.mark.parametrize("name", ALL)
def test_a_text_that_is_not_unicode_spoils_no_other(engines, name):
    engine = engines(name)
    good, _, after = engine.translate(["a dog", "bad \ud800", "x"])
    assert [good, after] == engine.translate(["a dog", "x"])


@pytest.mark.parametrize("name", ALL)
def test_every_engine_serves_a_pipeline_with_another_one_the_other_way(engines, name, monkeypatch, empty_cache):
    monkeypatch.setitem(ENGINES, "given", lambda place, source, target, options: engines(name, source, target))
    monkeypatch.setitem(ENGINES, "fake", lambda place, source, target, options: FakeTranslator(source, target))
    settings = TranslationSettings(engine="given", into=EngineSettings(engine="fake"))
    first, second = (BothWays.open(settings, "fr") for _ in range(2))
    assert first.signature == f"fr>en fake 1; en>fr {engines(name).signature}"
    said = first.back.translate(TEXTS)
    assert all(translation.strip() or not text.strip() for text, translation in zip(TEXTS, said, strict=True))
    assert len(set(said)) > 5 and said[1] == said[7]
    assert second.back.translate(TEXTS) == said
    counts = [(charge.sentences, charge.characters, charge.untranslated) for charge in (first.charged, second.charged)]
    assert counts[0] == counts[1] and counts[0][0] >= 5 and counts[0][1] > len(TEXTS[0] + TEXTS[3])
    assert first.into.translate(["un chat"]) == ["[en] un chat"]
    close_engines()


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("apertium", "memory", "openai")])
def test_an_unknown_language_or_option_is_the_users_mistake(engines, name):
    with pytest.raises(ConfigError, match="unknown language"):
        engines(name, target="frnch")
    near = ("style", "stile") if name.startswith("causal") else ("beams", "beam")
    with pytest.raises(ConfigError, match=f"Did you mean '{near[0]}'"):
        engines(name, **{near[1]: 3})
    if name.endswith(("nllb", "m2m100", "madlad", "multi")):
        with pytest.raises(ConfigError, match="the model doesn't know"):
            engines(name, target="tlh")
        assert engines(name, target="es").translate(TEXTS) != engines(name).translate(TEXTS)
        if name.endswith(("nllb", "m2m100")):
            assert engines(name, source="de").translate(TEXTS) != engines(name).translate(TEXTS)
    elif name == "seq2seq:marian":
        with pytest.raises(ConfigError, match="the model translates eng to fra, not en to es"):
            engines(name, target="es")


@pytest.mark.parametrize("name", ["marian", "nllb", "madlad"])
def test_the_converted_model_translates_as_the_original(engines, name):
    original, converted = engines(f"seq2seq:{name}"), engines(f"ctranslate2:{name}")
    texts = [*SENTENCES[::20], *(text for text in TEXTS if "<" not in text), "The dog sees the cat. " * 3]
    translations = original.translate(texts)
    same = [one == other for one, other in zip(translations, converted.translate(texts), strict=True)]
    # random weights now and then find two tokens almost equally likely, and rounding decides
    assert sum(same) >= len(texts) - 1
    assert len(set(translations)) > len(texts) // 4


@pytest.mark.parametrize("name", ["ctranslate2:nllb", "seq2seq:nllb"])
def test_settings_and_weights_are_in_the_signature(engines, folder, name, tmp_path):
    greedy = engines(name)
    assert (
        " beams 1" in greedy.signature and "float32" in greedy.signature and str(folder(name)) not in greedy.signature
    )
    wide = engines(name, beams=3)
    assert wide.signature != greedy.signature and len(wide.translate(TEXTS)) == len(TEXTS)
    copy = tmp_path / folder(name).name
    shutil.copytree(folder(name), copy)
    options = {"longest_tokens": LONGEST} if name.startswith("ct") else {}
    other = make_engine(f"{name.partition(':')[0]}:{copy}", "en", "fr", **options)
    assert other.signature == greedy.signature
    (copy / "config.json").write_text((copy / "config.json").read_text() + "\n")
    assert make_engine(f"{name.partition(':')[0]}:{copy}", "en", "fr").signature != greedy.signature


@pytest.mark.parametrize("name", ["ctranslate2:marian", "seq2seq:marian"])
def test_a_text_that_is_too_long_is_left_untranslated_and_not_cut_off(engines, name, caplog):
    engine = engines(name)
    long = "The black dog sees the river. " * 60
    before, nothing, after = engine.translate(["a dog", long, "a cat"])
    assert nothing == "" and [before, after] == engine.translate(["a dog", "a cat"])
    assert "1 of 3 texts are longer than the model's 96 tokens" in caplog.text


def test_the_tokens_of_a_batch_are_bounded(engines):
    engine = engines("seq2seq:marian", batch_tokens=64)
    sizes = []
    generate = engine._model.generate

    def counted(**given):
        sizes.append(tuple(given["input_ids"].shape))
        return generate(**given)

    engine._model.generate = counted
    assert engine.translate(SENTENCES[:20]) == engines("seq2seq:marian").translate(SENTENCES[:20])
    assert len(sizes) > 5 and max(rows * columns for rows, columns in sizes) <= 64


def test_a_package_of_argos_translate(folder, tmp_path):
    source = folder("ctranslate2:marian")
    shutil.copytree(source, tmp_path / "translate-en_fr" / "model")
    package = tmp_path / "translate-en_fr"
    (package / "model" / "source.spm").rename(package / "sentencepiece.model")
    (package / "model" / "target.spm").unlink()
    (package / "metadata.json").write_text(json.dumps({"from_code": "en", "to_code": "fr"}))
    plain = SENTENCES[:3]
    expected = make_engine(f"ctranslate2:{source}", "en", "fr", longest_tokens=LONGEST).translate(plain)
    assert make_engine(f"ctranslate2:{package}", "en", "fr", longest_tokens=LONGEST).translate(plain) == expected
    with pytest.raises(ConfigError, match="translates en to fr, not en to es"):
        make_engine(f"ctranslate2:{package}", "en", "es")


def test_a_model_that_takes_less_than_it_was_said_to(folder):
    engine = make_engine(f"ctranslate2:{folder('ctranslate2:marian')}", "en", "fr")
    with pytest.raises(RunError, match="No position encodings.* longest_tokens"):
        engine.translate(["the dog sees the cat " * 20])


def test_a_memory_answers_only_what_it_knows(tmp_path):
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        engine = make_engine(f"memory:{tmp_path / 'memory.sqlite'}", "en", "fr")
        memory.store([("dog", "chien")], "en", "fr", "fake 1", "machine")
        memory.store([("dog", "toutou"), ("cat", "chat")], "en", "fr", "fake 2", "repaired")
        before = engine.signature
        assert engine.translate(["dog", "cow", " ", "cat"]) == ["toutou", "", " ", "chat"]
        assert engine.missing == 1
        assert MemorizedTranslator(engine, memory).translate(["dog", "cow"]) == ["toutou", ""]
        assert engine.signature == before and len(memory) == 3
        memory.store([("cow", "vache")], "en", "fr", "fake 2", "machine")
        assert engine.signature != before and engine.translate(["cow"]) == ["vache"]


@pytest.mark.parametrize(
    ("spec", "kind", "said"),
    [
        ("apertum", ConfigError, "Did you mean 'apertium'"),
        ("apertium:eng-cat", ConfigError, "takes nothing after a colon"),
        ("seq2seq", ConfigError, "seq2seq:FOLDER-OR-NAME"),
        ("ctranslate2:", ConfigError, "ctranslate2:FOLDER"),
        ("openai:", ConfigError, "openai:MODEL@https://HOST/v1"),
        ("openai:m@https://me:pw@host/v1", ConfigError, "into an environment variable"),
        ("openai:m@https://host/v1?key=x", ConfigError, "into an environment variable"),
        ("openai:m@http:///v1", ConfigError, "is no URL"),
        ("openai:m@ftp://h/v1", ConfigError, "begins with http"),
        ("ctranslate2:/nowhere/model", MissingDependency, "ct2-transformers-converter .* --output_dir /nowhere/model"),
        ("causal", ConfigError, "causal:FOLDER-OR-NAME"),
        ("causal:/nowhere/model", MissingDependency, "hf download .* --local-dir /nowhere/model"),
        ("seq2seq:/nowhere/model", MissingDependency, "hf download .* --local-dir /nowhere/model"),
    ],
)
def test_a_specification_that_cannot_be_used(spec, kind, said):
    if spec.startswith("openai:m"):
        pytest.importorskip("httpx")
    with pytest.raises(kind, match=said):
        make_engine(spec, "en", "fr")


def test_a_folder_that_holds_no_model(tmp_path, folder):
    with pytest.raises(InputError, match=r"no model\.bin"):
        make_engine(f"ctranslate2:{tmp_path}", "en", "fr")
    for name in ("seq2seq", "causal"):
        with pytest.raises(InputError, match="can't load"):
            make_engine(f"{name}:{tmp_path}", "en", "fr")
    (tmp_path / "model.bin").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no tokenizer in"):
        make_engine(f"ctranslate2:{tmp_path}", "en", "fr")
    for name in ("tokenizer.json", "config.json", "shared_vocabulary.json"):
        (tmp_path / name).write_bytes((folder("ctranslate2:nllb") / name).read_bytes())
    with pytest.raises(InputError, match="CTranslate2 can't load"):
        make_engine(f"ctranslate2:{tmp_path}", "en", "fr")


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("ctranslate2:marian", "ctranslate2", "ctranslate2"),
        ("ctranslate2:marian", "sentencepiece", "ctranslate2"),
        ("ctranslate2:marian", "sacremoses", "ctranslate2"),
        ("openai", "httpx", "openai"),
    ],
)
def test_a_missing_package_says_the_command_that_installs_it(folder, monkeypatch, name, package, extra):
    spec = "openai:tiny@http://127.0.0.1:9/v1" if name == "openai" else f"{name.partition(':')[0]}:{folder(name)}"
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependency, match=re.escape(f"pip install 'passerelle[{extra}]'")):
        make_engine(spec, "en", "fr")


@pytest.mark.parametrize("package", ["sentencepiece", "sacremoses"])
def test_a_package_that_a_tokenizer_could_do_without_is_asked_for(engines, monkeypatch, package):
    engines("seq2seq:marian")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    with pytest.raises(MissingDependency, match=re.escape("pip install 'passerelle[seq2seq]'")):
        engines("seq2seq:marian")


def test_every_engine_has_an_example():
    assert set(EXAMPLES) == set(ENGINES) == {name.partition(":")[0] for name in ALL}
