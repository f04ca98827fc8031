import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.errors import ConfigError, MissingDependency, RunError
from passerelle.translation.base import Translator
from passerelle.translation.engines import apertium
from passerelle.translation.engines.apertium import ApertiumTranslator, available_pairs
from passerelle.translation.engines.apertium_pipeline import Pipeline
from stamp_captions import STAMPS, captions

INSTALLED = {pair[:2] for pair in available_pairs()}
needs_pair = pytest.mark.skipif(
    not {("en", "fr"), ("fr", "en"), ("en", "es")} <= INSTALLED,
    reason="install apertium apertium-eng-cat apertium-fra-cat apertium-eng-spa",
)
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")


@pytest.fixture(autouse=True, scope="module")
def own_programs():
    """Start programs of its own for each engine, and end them with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apertium, "Pipeline", Pipeline)
        yield


@pytest.fixture(scope="module")
def translator():
    with ApertiumTranslator("en", "fr") as made:
        yield made


@needs_pair
def test_it_translates_and_says_with_what(translator):
    assert isinstance(translator, Translator)
    assert translator.translate(["A dog.", "", "The red house", "A cat?"]) == [
        "Un chien.", "", "La maison rouge", "Un chat?",
    ]  # fmt: skip
    assert (translator.source, translator.target, translator.chain) == ("en", "fr", ("eng-cat", "cat-fra"))
    assert re.fullmatch(r"apertium \d+\.\d+\.\d+ eng-cat \S+ > cat-fra \S+", translator.signature)


@needs_pair
def test_other_codes_and_directions():
    with ApertiumTranslator("French", "eng_Latn") as back:
        assert back.chain == ("fra-cat", "cat-eng")
        assert back.translate(["Un chien."]) == ["A dog."]
    with ApertiumTranslator("en", "es") as spanish:
        assert spanish.translate(["A dog."]) == ["Un perro."]


@needs_pair
@pytest.mark.skipif(not STAMPS.is_dir(), reason="install tuxpaint-stamps-default")
def test_captions_are_as_good_as_those_of_the_bare_program_and_their_order_changes_nothing(translator):
    sacrebleu = pytest.importorskip("sacrebleu")
    english, french = zip(*captions(), strict=True)
    translations = translator.translate(english)
    assert sacrebleu.corpus_chrf(translations, [list(french)]).score >= 48.5
    order = list(range(len(english)))
    random.Random(1).shuffle(order)
    shuffled = translator.translate([english[place] for place in order])
    assert shuffled == [translations[place] for place in order]


@needs_pair
@pytest.mark.parametrize("mark", list("[]^$/\\<>{}@*#~+_=|`\"'()%"))
def test_special_characters_survive(translator, mark):
    texts = [f"A {mark} dog", f"{mark}A dog{mark}", mark, f"{mark}{mark} a cat"]
    for text, translation in zip(texts, translator.translate(texts), strict=True):
        assert translation.count(mark) == text.count(mark), (text, translation)
    assert translator.translate([f"A dog. {mark} A dog."])[0].count("chien") == 2


@needs_pair
def test_lines_and_blanks_stay_in_their_places(translator):
    text = "A dog.\n\n  A cat?  \r\n\tA dog\0A cat\uffff1.5 & 3\ud800 ...\n"
    (translation,) = translator.translate([text])
    assert translation == "Un chien.\n\n  Un chat?  \r\n\tUn chien\0Un chat\uffff1.5 & 3\ud800 ...\n"
    assert translator.translate(["\n", " ", "\0", "?!", "A  dog"]) == ["\n", " ", "\0", "?!", "Un  chien"]


@needs_pair
@pytest.mark.parametrize("size", [5_000, 30_000])
def test_long_texts(translator, size):
    sentence = "The black dog sees a cat and goes home. "
    text = sentence * (size // len(sentence))
    before, translation, after = translator.translate(["A dog.", text, "A cat."])
    assert (before, after) == ("Un chien.", "Un chat.")
    assert translation.count("chien") == text.count("dog") and translation.count("chat") == text.count("cat")


@needs_pair
def test_what_cannot_be_a_word_stays_as_it_is(translator):
    data = "iVBORw0KGgo" * 20_000
    assert translator.translate([f"A dog {data} a cat", data]) == [f"Un chien {data} un chat", data]


@needs_pair
def test_many_texts_at_once_keep_their_order(translator):
    texts = [f"A dog and qzx{number}" for number in range(5_000)]
    assert translator.translate(texts) == [f"Un chien et qzx{number}" for number in range(5_000)]


WORDS = st.sampled_from(["dog", "the", "Cat", "is", "P.", "etc", "don't", "<image>", "\\n", "…", "3,5", "été"])
CHARACTERS = st.text(st.characters(codec=None) | st.sampled_from("[]^$/\\<>{}@*#~.\n\t\0 "), max_size=12)
TEXTS = st.lists(st.lists(WORDS | CHARACTERS, max_size=8).map(" ".join), max_size=6)


@needs_pair
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(TEXTS)
def test_no_text_touches_another(translator, texts):
    processes = translator.process_ids
    together = translator.translate(texts)
    assert together == [translator.translate([text])[0] for text in texts]
    for text, translation in zip(texts, together, strict=True):
        assert BREAKS.findall(translation) == BREAKS.findall(text)
        assert bool(translation) == bool(text)
    assert not processes or translator.process_ids == processes, "the pipeline had to be started again"


@needs_pair
@pytest.mark.parametrize("place", [0, 4, -1])
def test_a_killed_program_is_started_again_and_nothing_is_lost(place, caplog):
    texts = [f"A dog and qzx{number}" for number in range(2_500)]
    results = []
    with ApertiumTranslator("en", "fr") as translator:
        translator.translate(["A dog"])
        worker = threading.Thread(target=lambda: results.append(translator.translate(texts)))
        worker.start()
        time.sleep(0.1)
        assert not results, "the kill came too late to show anything"
        os.kill(translator.process_ids[place], signal.SIGKILL)
        worker.join(120)
    assert results == [[f"Un chien et qzx{number}" for number in range(2_500)]]
    assert caplog.text.count("started again") == 1


@needs_pair
@pytest.mark.parametrize("others", [1, 500])
def test_a_text_that_kills_the_engine_twice_is_named(monkeypatch, others):
    program = "import os\nwhile d := os.read(0, 65536):\n if b'poison' in d: os._exit(9)\n os.write(1, d)"
    monkeypatch.setattr(apertium, "stage_commands", lambda *_, **__: [[sys.executable, "-c", program]])
    with ApertiumTranslator("en", "es", timeout_seconds=20) as translator:
        with pytest.raises(RunError, match="poison in it"):
            translator.translate(["good"] * others + ["a text with poison in it"] + ["another"] * others)
        assert translator.translate(["good"]) == ["good"]


@needs_pair
def test_closing_ends_all_processes_and_it_can_be_used_again():
    with ApertiumTranslator("en", "es") as translator:
        translator.translate(["A dog"])
        ids = translator.process_ids
        assert len(ids) > 5
    assert translator.process_ids == []
    assert not [number for number in ids if Path(f"/proc/{number}").exists()]
    assert translator.translate(["A dog"]) == ["Un perro"]
    translator.close()


@needs_pair
def test_a_killed_user_leaves_no_processes():
    script = (
        "import time\nfrom passerelle.translation.engines.apertium import ApertiumTranslator\n"
        "t = ApertiumTranslator('en', 'es'); t.translate(['A dog'])\n"
        "print(*t.process_ids, flush=True); time.sleep(60)"
    )
    user = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    ids = user.stdout.readline().split()
    user.kill()
    user.wait()
    user.stdout.close()
    running = ids
    for _ in range(100):
        running = [number for number in ids if _runs(number)]
        if not running:
            break
        time.sleep(0.1)
    assert len(ids) > 5 and not running


INTERRUPTED = """
import os, signal
from passerelle.translation.engines.apertium import ApertiumTranslator

with ApertiumTranslator("en", "es") as translator:
    translator.translate(["A dog"])
    ids = translator.process_ids
    try:
        os.killpg(0, signal.SIGINT)
        signal.pause()
    except KeyboardInterrupt:
        print(translator.translate(["A cat"]), translator.process_ids == ids)
"""


@needs_pair
def test_control_c_ends_no_engine_that_the_program_still_uses():
    command = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True, timeout=60)
    assert done.stdout == "['Un gato'] True\n", done.stderr


def _runs(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@needs_pair
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_starts_its_own_engine():
    with ApertiumTranslator("en", "es") as translator:
        translator.translate(["A dog"])
        ids = translator.process_ids
        child = os.fork()
        if child == 0:
            code = 1
            try:
                right = translator.translate(["A cat"]) == ["Un gato"]
                code = 0 if right and not set(ids) & set(translator.process_ids) else 2
                translator.close()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert translator.translate(["A dog"]) == ["Un perro"]
        assert translator.process_ids == ids


@needs_pair
def test_unknown_words_are_marked_on_request():
    with ApertiumTranslator("en", "fr", mark_unknown=True) as marking:
        assert marking.translate(["A dog and qzx"]) == ["Un chien et *qzx"]
        assert marking.signature.endswith(" marked")


@needs_pair
def test_without_dpkg_the_signature_holds_a_hash(monkeypatch):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "dpkg-query" else which(name))
    assert re.search(r"eng-spa sha256:[0-9a-f]{12}$", ApertiumTranslator("en", "es").signature)


def test_versions_are_asked_once_until_something_is_installed(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(apertium.subprocess, "run", lambda *_, **__: ran.append(1) or SimpleNamespace(stdout=" 1 "))
    monkeypatch.setattr(apertium, "_DPKG", tmp_path / "status")
    monkeypatch.setattr(apertium.shutil, "which", lambda name: str(tmp_path / name))
    assert [apertium._output("one", "-V"), apertium._output("one", "-V"), len(ran)] == ["1", "1", 1]
    (tmp_path / "status").touch()
    assert [apertium._output("one", "-V"), apertium._output("two", "-V"), len(ran)] == ["1", "1", 3]
    (tmp_path / "one").touch()
    apertium._output("one", "-V")
    assert len(ran) == 4
    apertium._asked.cache_clear()  # as in another run
    assert apertium._output("one", "-V") == "1" and len(ran) == 4


@needs_pair
def test_a_missing_pair_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "modes").mkdir()
    monkeypatch.setenv("APERTIUM_DATADIR", str(tmp_path))
    command = "sudo apt-get install --no-install-recommends apertium apertium-eng-cat apertium-fra-cat"
    with pytest.raises(MissingDependency, match=command):
        ApertiumTranslator("en", "fr")
    with pytest.raises(MissingDependency, match="no Debian package is known"):
        ApertiumTranslator("en", "de")


def test_without_apertium_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingDependency, match="passerelle setup demo --to es, or .* apertium-eng-spa"):
        ApertiumTranslator("en", "es")
    assert available_pairs() == []


def test_an_unknown_language_is_the_users_mistake():
    with pytest.raises(ConfigError, match="unknown language"):
        ApertiumTranslator("en", "frnch")
