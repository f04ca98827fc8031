import csv
import importlib.util
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.errors import ConfigError, InputError
from passerelle.translation.memory.files import COLUMNS, Defaults, export_memory, import_memory
from passerelle.translation.memory.memory import ORIGINS_BY_RANK, Entry, TranslationMemory

DTD = Path(__file__).with_name("tmx14b.dtd")
DATE = "2025-01-02T03:04:05+00:00"
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
ENTRIES = st.builds(
    Entry,
    source=TEXTS,
    translation=TEXTS,
    source_language=st.sampled_from(["en", "fr"]),
    target_language=st.sampled_from(["es", "zh-Hant"]),
    signature=st.sampled_from(["", "apertium 3.8 eng-cat > cat-fra", 'a "b" <c> & d']),
    glossary=st.sampled_from(["", "abc"]),
    origin=st.sampled_from(ORIGINS_BY_RANK),
    created=st.sampled_from([DATE, "2026-12-31T23:59:59+00:00"]),
)
AWKWARD = [
    "a <image> & \"b\" 'c'",
    "two\nlines\r\nand\ttabs\r",
    "  blanks  ",
    "null \0 and \x1b and \uffff",
    "été 🦜 ‏שלום",
    "]]> &amp; &#13; <!-- -->",
]


@pytest.fixture
def memory(tmp_path):
    with TranslationMemory(tmp_path / "memory.sqlite") as made:
        yield made


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def make(name, content, encoding="utf-8"):
        (tmp_path / name).write_bytes(content.encode(encoding))
        return tmp_path / name

    return make


def awkward(memory):
    """Fill a memory with texts that are hard to write."""
    memory.store([(text, text.upper()) for text in AWKWARD], "en", "fr", "fake 1", "machine")
    memory.store([("dog", "perro")], "en", "es", "", "native", "g")
    return list(memory.entries())


@pytest.mark.parametrize("kind", ["tmx", "csv"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(entries=st.lists(ENTRIES, max_size=6))
def test_any_entry_survives_export_and_import(tmp_path_factory, kind, entries):
    folder = tmp_path_factory.mktemp("memories")
    with TranslationMemory(folder / "one.sqlite") as one, TranslationMemory(folder / "two.sqlite") as two:
        one.add(entries)
        assert export_memory(one, folder / f"memory.{kind}") == len(one)
        report = import_memory(two, folder / f"memory.{kind}")
        assert (report.new, report.replaced, report.kept, dict(report.rejected)) == (len(one), 0, 0, {})
        assert list(two.entries()) == list(one.entries())


@pytest.mark.parametrize("kind", ["tmx", "csv"])
def test_awkward_texts_survive_and_a_second_import_changes_nothing(memory, tmp_path, kind):
    entries = awkward(memory)
    export_memory(memory, tmp_path / f"memory.{kind}")
    before = memory.state, list(memory.entries())
    report = import_memory(memory, tmp_path / f"memory.{kind}")
    assert (report.new, report.replaced, report.kept) == (0, 0, len(entries))
    assert list(memory.entries()) == before[1]
    with TranslationMemory(tmp_path / "other.sqlite") as other:
        import_memory(other, tmp_path / f"memory.{kind}")
        assert list(other.entries()) == entries


def test_the_tmx_is_valid_by_the_dtd(memory, tmp_path):
    etree = pytest.importorskip("lxml.etree")
    awkward(memory)
    export_memory(memory, tmp_path / "memory.tmx")
    tree = etree.parse(tmp_path / "memory.tmx")
    rules = etree.DTD(str(DTD))
    assert rules.validate(tree), rules.error_log
    assert tree.docinfo.doctype == '<!DOCTYPE tmx SYSTEM "tmx14.dtd">'
    header, first = tree.find("header"), tree.find("body/tu")
    assert (header.get("srclang"), header.get("creationtool")) == ("en", "Passerelle")
    assert {prop.get("type"): prop.text for prop in first.iter("prop")} == {
        "x-origin": "machine",
        "x-engine": "fake 1",
    }
    export_memory(memory, tmp_path / "spanish.tmx", target="es")
    assert etree.parse(tmp_path / "spanish.tmx").find("header").get("srclang") == "en"
    memory.store([("Hund", "chien")], "de", "fr", "", "machine")
    export_memory(memory, tmp_path / "memory.tmx")
    assert etree.parse(tmp_path / "memory.tmx").find("header").get("srclang") == "*all*"
    tree.find("body").append(etree.Element("tu"))
    assert not rules.validate(tree), "the DTD forbids nothing"


OTHER_READER = """
import json, sys
from translate.storage import tmx
with open(sys.argv[1], "rb") as file:
    units = tmx.tmxfile(file, "en", "fr").units
print(json.dumps([[unit.source, unit.target] for unit in units]))
"""


@pytest.mark.skipif(importlib.util.find_spec("translate") is None, reason="pip install translate-toolkit")
def test_another_reader_opens_the_tmx(memory, tmp_path):
    # The Translate Toolkit is under the GPL: it is only ever run as a program of its own.
    texts = [text for text in AWKWARD if "\0" not in text]
    memory.store([(text, text.upper()) for text in texts], "en", "fr", "fake 1", "human-translation")
    export_memory(memory, tmp_path / "memory.tmx")
    command = [sys.executable, "-c", OTHER_READER, str(tmp_path / "memory.tmx")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[text, text.upper()] for text in texts]


OMEGAT = """<?xml version="1.0" encoding="{encoding}"?>
<!DOCTYPE tmx SYSTEM "tmx11.dtd">
<tmx version="1.1">
  <header creationtool="OmegaT" o-tmf="OmegaT TMX" adminlang="EN-US" datatype="plaintext"
          creationtoolversion="6.0.1" segtype="sentence" srclang="EN-US"/>
  <body>
<!-- Default translations -->
    <tu>
      <tuv lang="EN-US">
        <seg>Click <bpt i="0" x="0">&lt;b&gt;</bpt>here<ept i="0">&lt;/b&gt;</ept>, <ph x="1">{{name}}</ph>. </seg>
      </tuv>
      <tuv lang="FR-FR" changeid="anne" changedate="20240131T101112Z" creationid="anne">
        <seg>Cliquez <bpt i="0" x="0">&lt;b&gt;</bpt>ici<ept i="0">&lt;/b&gt;</ept>, <ph x="1">{{name}}</ph>. </seg>
      </tuv>
    </tu>
    <tu>
      <note>from the glossary</note>
      <prop type="file">captions.txt</prop>
      <tuv lang="EN-US"><seg>A <hi>black</hi> dog</seg></tuv>
      <tuv lang="FR-FR"><seg>Un chien <hi>noir</hi></seg></tuv>
      <tuv lang="ES-ES"><seg>Un perro negro</seg></tuv>
    </tu>
  </body>
</tmx>
"""


@pytest.mark.parametrize("encoding", ["shift_jis", "gbk", "big5", "euc-jp", "gb18030", "iso-2022-jp", "iso-8859-1"])
def test_encodings_that_xml_parsers_dont_know_are_read(memory, write, encoding):
    text = "é" if encoding == "iso-8859-1" else "山"
    content = (
        f'<?xml version="1.0" encoding="{encoding}"?><tmx version="1.4"><header srclang="en"/><body><tu>'
        f'<tuv xml:lang="en"><seg>hill</seg></tuv><tuv xml:lang="ja"><seg>{text}</seg></tuv></tu></body></tmx>'
    )
    assert import_memory(memory, write("a.tmx", content, encoding)).new == 1
    assert [entry.translation for entry in memory.entries()] == [text]
    for declared in ("nonsense", "hex", "undefined", "euc-jp"):
        path = write("wrong.tmx", content.replace(encoding, declared, 1).replace(text, "é山"))
        with pytest.raises(InputError, match="in the encoding that it declares"):
            import_memory(memory, path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_of_omegat_is_imported(memory, write, encoding):
    path = write("project_save.tmx", OMEGAT.format(encoding=encoding), encoding)
    report = import_memory(memory, path)
    assert (report.new, dict(report.rejected)) == (3, {})
    click, dog = memory.lookup(["Click <b>here</b>, {name}. ", "A black dog"], "en", "fr", "any engine").values()
    assert (click.translation, click.origin, click.created) == (
        "Cliquez <b>ici</b>, {name}. ",
        "human-translation",
        "2024-01-31T10:11:12+00:00",
    )
    assert dog.translation == "Un chien noir"
    assert memory.lookup(["A black dog"], "en", "es", "x")["A black dog"].translation == "Un perro negro"


def test_the_other_direction_and_one_pair_can_be_asked_for(memory, write):
    path = write("project_save.tmx", OMEGAT.format(encoding="utf-8"))
    report = import_memory(memory, path, Defaults("fr", "en", "native"))
    assert (report.new, dict(report.rejected)) == (2, {"other-languages": 1})
    assert memory.lookup(["Un chien noir"], "fr", "en", None)["Un chien noir"].origin == "native"


def test_a_file_that_names_no_source_language_needs_to_be_told(memory, write):
    path = write("all.tmx", OMEGAT.format(encoding="utf-8").replace('srclang="EN-US"', 'srclang="*all*"'))
    report = import_memory(memory, path)
    assert dict(report.rejected) == {"no-source-language": 2} and len(memory) == 0
    assert report.examples[0][0] == "unit 1" and "--source" in report.examples[0][2]
    assert import_memory(memory, path, Defaults(source="en", target="fr")).new == 2


def unit(source="dog", translation="chien", properties="", code="fr"):
    return (
        f'<tu>{properties}<tuv xml:lang="en"><seg>{source}</seg></tuv>'
        f'<tuv xml:lang="{code}"><seg>{translation}</seg></tuv></tu>'
    )


def tmx(*units):
    return f'<tmx version="1.4"><header srclang="en"/><body>{"".join(units)}</body></tmx>'


@pytest.mark.parametrize("kind", ["tmx", "csv"])
def test_a_large_file_takes_no_more_memory_than_a_small_one(write, tmp_path, kind):
    def peak_bytes(count):
        with TranslationMemory(tmp_path / f"{count}.sqlite") as memory:
            pairs = ((f"dog {number} " + "x" * 500, "chien") for number in range(count))
            memory.store(pairs, "en", "fr", "fake 1", "machine")
            tracemalloc.start()
            export_memory(memory, tmp_path / f"{count}.{kind}")
            report = import_memory(memory, tmp_path / f"{count}.{kind}")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert report.kept == count
        return peak

    assert peak_bytes(12_000) < 1.3 * peak_bytes(4_000)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (unit(translation=" "), "empty-text"),
        (unit(source=""), "empty-text"),
        (unit(code="xx"), "unknown-language"),
        (unit(code=""), "unknown-language"),
        ('<tu><tuv xml:lang="en"><seg>dog</seg></tuv></tu>', "no-translation"),
        ('<tu><tuv xml:lang="fr"><seg>chien</seg></tuv></tu>', "no-translation"),
        ("<tu/>", "no-translation"),
        (unit(properties='<prop type="x-origin">alien</prop>'), "unknown-origin"),
        (unit(translation="x" * 1_000_001), "too-long"),
    ],
)
def test_a_unit_that_cannot_be_taken_is_counted_with_its_reason(memory, write, broken, reason):
    report = import_memory(memory, write("memory.tmx", tmx(unit("cat", "chat"), broken, unit("cow", "vache"))))
    assert (report.new, dict(report.rejected)) == (2, {reason: 1})
    assert report.examples[0][:2] == ("unit 2", reason)
    assert [entry.source for entry in memory.entries()] == ["cat", "cow"]


BOMB = """<?xml version="1.0"?>
<!DOCTYPE tmx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<tmx version="1.4"><header srclang="en"/><body><tu><tuv xml:lang="en"><seg>&b;</seg></tuv></tu></body></tmx>"""
OTHER_FILE = BOMB.replace('<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">', "{}").format(
    '<!ENTITY b SYSTEM "file:///etc/passwd">'
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB, "defines entities"),
        (OTHER_FILE, "defines entities"),
        (tmx(unit()).replace("</body>", "\n<b>"), r"line 2, column \d+: not well-formed XML \(mismatched tag\)"),
        ("", "line 1, column 1: not well-formed XML"),
        ("<html><body/></html>", "not a TMX file: it has a <html>"),
    ],
)
def test_a_file_that_is_no_sound_tmx_is_refused(memory, write, content, said):
    with pytest.raises(InputError, match=said):
        import_memory(memory, write("memory.tmx", content))
    assert not any("root:" in entry.source for entry in memory.entries())


def test_broken_xml_says_how_much_came_before(memory, write):
    units = [unit(f"dog {number}") for number in range(2100)]
    path = write("memory.tmx", tmx(*units).replace("</body>", ""))
    with pytest.raises(InputError, match=r"2000 entries before that were taken into the memory\.$"):
        import_memory(memory, path)
    assert len(memory) == 2000


def test_a_machines_entry_never_replaces_a_persons(memory, write):
    memory.store([("dog", "toutou")], "en", "fr", "", "human-translation")
    report = import_memory(memory, write("memory.tmx", tmx(unit())), Defaults(origin="machine"))
    assert (report.new, report.replaced, report.kept) == (0, 0, 1)
    assert memory.lookup(["dog"], "en", "fr", "x")["dog"].translation == "toutou"
    assert import_memory(memory, write("memory.tmx", tmx(unit())), Defaults(origin="native")).replaced == 1


def test_an_older_correction_does_not_undo_a_younger_one(memory, write):
    memory.add([Entry("dog", "toutou", "en", "fr", "", "", "human-translation", "2025-06-01T00:00:00+00:00")])
    for date, kept in [("20240101T000000Z", 1), ("20260101T000000Z", 0)]:
        dated = tmx(unit()).replace('<tuv xml:lang="fr">', f'<tuv xml:lang="fr" changedate="{date}">')
        assert import_memory(memory, write("memory.tmx", dated)).kept == kept


def test_a_plain_table_is_imported(memory, write):
    path = write("pairs.csv", 'source,translation\r\ndog,chien\r\n"a ""cat"",\ntwo",chat\r\n', "utf-8-sig")
    report = import_memory(memory, path, Defaults("English", "fr_FR", "native"))
    assert (report.new, dict(report.rejected)) == (2, {})
    assert {(e.source, e.translation, e.source_language, e.target_language, e.origin) for e in memory.entries()} == {
        ("dog", "chien", "en", "fr", "native"),
        ('a "cat",\ntwo', "chat", "en", "fr", "native"),
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"dog", "wrong-column-count"),
        (b"dog,chien,fr,en", "wrong-column-count"),
        (b"dog,,fr", "empty-text"),
        (b"dog,chien,no such language", "unknown-language"),
        (b"dog,\xff,fr", "not-unicode"),
    ],
)
def test_a_line_that_cannot_be_taken_is_counted_with_its_reason(memory, tmp_path, line, reason):
    path = tmp_path / "pairs.csv"
    path.write_bytes(b"source,translation,target_language\ncat,chat,fr\n" + line + b"\ncow,vache,fr\n")
    report = import_memory(memory, path, Defaults(source="en"))
    assert (report.new, dict(report.rejected), report.examples[0][0]) == (2, {reason: 1}, "line 3")


def test_a_table_that_lacks_a_column_or_a_quote_is_refused(memory, write):
    with pytest.raises(InputError, match="no column 'translation' in the first line"):
        import_memory(memory, write("pairs.csv", "source,target\na,b\n"))
    with pytest.raises(InputError, match="line 2: "):
        import_memory(memory, write("pairs.csv", 'source,translation\n"a"x,b\n'))


def test_files_of_another_kind_and_missing_files_are_the_users_mistake(memory, tmp_path):
    with pytest.raises(ConfigError, match=r"'\.tmxx'.*Did you mean '\.tmx'"):
        export_memory(memory, tmp_path / "memory.tmxx")
    with pytest.raises(InputError, match="no file at"):
        import_memory(memory, tmp_path / "none.tmx")
    with pytest.raises(InputError, match="can't read"):
        (tmp_path / "folder.csv").mkdir()
        import_memory(memory, tmp_path / "folder.csv")


def test_an_export_that_fails_leaves_the_old_file(memory, tmp_path, monkeypatch):
    awkward(memory)
    path = tmp_path / "memory.csv"
    path.write_text("old")
    entries = list(memory.entries())

    def failing(*_):
        yield entries[0]
        raise RuntimeError("the cable is out")

    monkeypatch.setattr(memory, "entries", failing)
    with pytest.raises(RuntimeError, match="cable"):
        export_memory(memory, path)
    assert path.read_text() == "old"
    assert sorted(found.name for found in tmp_path.glob("*.part")) == []


def test_the_table_opens_in_pythons_own_reader(memory, tmp_path):
    entries = awkward(memory)
    export_memory(memory, tmp_path / "memory.csv")
    with (tmp_path / "memory.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert rows == [[getattr(entry, column) for column in COLUMNS] for entry in entries]


BUSY = """
import sys
from pathlib import Path
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.files import Defaults, import_memory

path, name, file = sys.argv[1:]
with TranslationMemory(Path(path)) as memory:
    if file:
        print(import_memory(memory, Path(file), Defaults("en", "fr")).new)
    else:
        for number in range(150):
            memory.store([(f"{name} {number} {k}", "x") for k in range(20)], "en", "fr", "s", "machine")
        print(150 * 20)
"""


def test_import_and_store_at_once_lose_nothing(tmp_path):
    rows = "".join(f"imported {number},x\n" for number in range(9000))
    (tmp_path / "pairs.csv").write_text("source,translation\n" + rows)
    path = tmp_path / "memory.sqlite"
    files = {"a": tmp_path / "pairs.csv", "b": "", "c": ""}
    workers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", BUSY, str(path), name, str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, file in files.items()
    ]
    said = [worker.communicate() for worker in workers]
    assert [out.strip() for out, _ in said] == ["9000", "3000", "3000"], said
    with TranslationMemory(path) as memory:
        assert len(memory) == 15_000
