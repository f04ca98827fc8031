"""Tables: cells as Python's csv module reads them, and only the translated ones written anew."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read, rewritten

from passerelle.errors import InputError
from passerelle.formats import window
from passerelle.formats.delimited import Delimited, table_rows
from passerelle.formats.layout import Layout
from passerelle.formats.registry import detect
from passerelle.formats.values.missing import is_missing

Written = Callable[[str, bytes | str], Path]

CELLS = st.text(
    alphabet=st.one_of(
        st.sampled_from(list(',;\t"\r\n aé\u2028😀')),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    max_size=8,
)
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def long_cells() -> Iterator[None]:
    """Let the csv module read base64 images too."""
    before = csv.field_size_limit(10_000_000)
    yield
    csv.field_size_limit(before)


def table(delimiter: str = "", **options: object) -> Delimited:
    return Delimited(Layout("table", "delimited", {"a": "text", "c": "text"}, delimiter=delimiter, id="b"))


@contextmanager
def as_file(text: str, chunk: int) -> Iterator[Path]:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(window.Window.__init__, "__defaults__", (chunk,))
        path = Path(folder) / "data.csv"
        path.write_bytes(text.encode())
        yield path


def parsed(text: str, delimiter: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]


def french(text: str) -> str:
    return f'«{text}», "là";\tici\r\nfin'


@QUICK
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5),
    st.sampled_from([",", "\t", ";", "|"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 30),
)
def test_a_table_comes_back(
    rows: list[tuple[str, str, str]], delimiter: str, quoting: int, ending: str, bom: bool, last: bool, chunk: int
) -> None:
    if quoting == csv.QUOTE_MINIMAL:
        # Python's writer quotes only those line breaks that it ends lines with.
        for other in {"\r", "\n"} - set(ending):
            rows = [(a.replace(other, ""), b.replace(other, ""), c.replace(other, "")) for a, b, c in rows]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=ending)  # type: ignore[arg-type]
    writer.writerows([("a", "b", "c"), *rows])
    text = out.getvalue() if last else out.getvalue().removesuffix(ending)
    with as_file("\ufeff" * bom + text, chunk) as path:
        delimited = table(delimiter)
        found, bad = read(delimited, path)
        assert bad == []
        assert rewritten(delimited, path) == path.read_bytes()
        translated = rewritten(delimited, path, french).decode("utf-8-sig")
        kept = rewritten(delimited, path, keep=lambda row: row.number % 2 == 0).decode("utf-8-sig")
    expected = [{"a": a, "c": c} for a, _, c in rows]
    assert [{f.place: f.text for f in row.fields} for row in found] == [
        {place: value for place, value in row.items() if not is_missing(value)} for row in expected
    ]
    changed = [[a if is_missing(a) else french(a), b, c if is_missing(c) else french(c)] for a, b, c in rows]
    assert parsed(translated, delimiter) == [["a", "b", "c"], *changed]
    assert parsed(kept, delimiter) == [["a", "b", "c"], *(list(row) for row in rows[1::2])]


@QUICK
@given(st.text(alphabet='a",\n\r b', max_size=40), st.integers(1, 30))
def test_any_text_is_read_as_python_reads_it(body: str, chunk: int) -> None:
    text = "a,b,c\n" + body
    with as_file(text, chunk) as path:
        good, bad = read(table(","), path)
        kept = rewritten(table(","), path).decode()
    if any(row.reason == "broken-quotes" for row in bad):
        return  # Python takes all the rest for one cell; here the rows after the quote are read
    expected = parsed(text, ",")
    assert parsed(kept, ",") == [row for row in expected if len(row) == 3]
    assert len(good) + len(bad) == len(expected) - 1


def test_only_the_translated_cells_change(written: Written) -> None:
    path = written("a.csv", '"a" , b,c\r\n"x",  1 ,y\r\n\r\n"""q""","2",z"z\r\n')
    delimited = Delimited(Layout("t", "delimited", {"c": "text"}))
    assert rewritten(delimited, path, lambda text: "é,") == (
        '"a" , b,c\r\n"x",  1 ,"é,"\r\n\r\n"""q""","2","é,"\r\n'.encode()
    )


def test_a_new_text_is_quoted_as_the_old_one_was(written: Written) -> None:
    path = written("a.csv", 'a,b,c\n"x",1,y\n')
    assert rewritten(table(), path, lambda text: "z") == b'a,b,c\n"z",1,z\n'


def test_an_empty_text_in_a_table_of_one_column(written: Written) -> None:
    path = written("a.csv", "a\nx\ny\n")
    delimited = Delimited(Layout("t", "delimited", {"a": "text"}))
    assert rewritten(delimited, path, lambda text: "") == b'a\n""\n""\n'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"x,1", "wrong-column-count"),
        (b"x,1,2,3", "wrong-column-count"),
        (b"caf\xe9,1,\xc3\xa9", "invalid-utf-8"),
        (b"x" * 1_000_001 + b",1,2", "too-long"),
        (b'x,1,"2', "broken-quotes"),
    ],
)
def test_the_rows_after_a_bad_one_are_read(written: Written, line: bytes, reason: str) -> None:
    path = written("a.csv", b"a,b,c\nfirst,i,x\n" + line + b"\nlast,j,z\n")
    rows, (bad,) = read(table(), path)
    assert [(row.number, row.id, row.fields[0].text) for row in rows] == [(1, "i", "first"), (3, "j", "last")]
    assert (bad.number, bad.reason, bad.raw) == (2, reason, line)
    assert rewritten(table(), path) == b"a,b,c\nfirst,i,x\nlast,j,z\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no header"),
        ("\na,b,c\n", "has no header"),
        ('"a,b,c\n', "has no header"),
        (b"a,b\x81,c\n", "encoded neither in UTF-8 nor in UTF-16 or CP1252. Save it as UTF-8"),
        ("a,b\n1,2\n", "unknown column 'c'. Allowed: a, b"),
        ("a,c,c\n", "two columns named 'c'"),
    ],
)
def test_a_header_that_will_not_do(written: Written, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(table().rows(written("a.csv", content)))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("first", ["", "sep=;\r\n"])
def test_a_table_in_any_encoding_is_read_and_written_for_spreadsheets(
    written: Written, encoding: str, first: str
) -> None:
    text = first + 'a;b;c\r\n"un œuf, l’été";1;où\r\n'
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path = written("a.csv", (mark + text).encode(encoding))
    (row,), bad = read(table(), path)
    assert (row.id, [field.text for field in row.fields], bad) == ("1", ["un œuf, l’été", "où"], [])
    changed = rewritten(table(), path, lambda text: "żółw" if text == "où" else text)
    assert changed == text.replace("où", "żółw").encode("utf-8-sig")
    assert list(table_rows(path)) == [(1, {"a": "un œuf, l’été", "b": "1", "c": "où"})]


def test_what_is_no_letter_rejects_its_row(written: Written) -> None:
    path = written("a.csv", "\ufeffa,b,c\nx,1,\ud83d\ny,2,é\n".encode("utf-16-le", "surrogatepass"))
    rows, (bad,) = read(table(), path)
    assert [row.id for row in rows] == ["2"]
    assert (bad.number, bad.reason) == (1, "invalid-letters")


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_seen(written: Written, delimiter: str) -> None:
    path = written("a.csv", delimiter.join(["a", '"b,\t;|"', "c"]) + "\n" + delimiter.join("123") + "\n")
    (row,), _ = read(table(), path)
    assert [field.text for field in row.fields] == ["1", "3"]


def test_a_column_with_a_dot_in_its_name(written: Written) -> None:
    path = written("a.csv", "image.path,x.y\n1.png,hello\n")
    layout = Layout("t", "delimited", {"x.y": "text"}, images=(r"image\.path",))
    (row,), _ = read(Delimited(layout), path)
    assert (row.images, row.fields[0].text) == (("1.png",), "hello")
    assert rewritten(Delimited(layout), path, lambda text: "salut") == b"image.path,x.y\n1.png,salut\n"


def test_a_row_larger_than_any_may_be(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("delimited", "window"):
        monkeypatch.setattr(f"passerelle.formats.{module}.MAX_ROW_BYTES", 1000)
    monkeypatch.setattr(window.Window.__init__, "__defaults__", (100,))
    path = written("a.csv", "a,b,c\n1,2,3\n1,2," + "x" * 5000 + "\n")
    with pytest.raises(InputError, match="row at byte 12 .* can't be read"):
        list(table().rows(path))


def test_a_stray_quote_loses_one_row(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written("a.csv", 'a,b,c\n1,2,"3\n' + "4,5,6\n" * 50)
    rows, (bad,) = read(table(), path)
    assert (len(rows), bad.number, bad.reason) == (50, 1, "broken-quotes")


MMBENCH = "index\tquestion\thint\tA\tB\tC\tD\tanswer\timage\n"


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "N/A", "NA", "null", "<NA>", "#N/A", "  "])
def test_what_stands_for_nothing_is_not_translated(written: Written, nothing: str) -> None:
    cells = ["1", "What?", nothing, nothing, "Two", nothing, "Three", "D", ""]
    path = written("x.tsv", MMBENCH + "\t".join(cells) + "\n")
    (row,), bad = read(detect(path), path)
    assert bad == []
    assert [field.place for field in row.fields] == ["question", "B", "D"]
    assert (
        rewritten(detect(path), path, str.upper).decode()
        == MMBENCH + "\t".join(["1", "WHAT?", nothing, nothing, "TWO", nothing, "THREE", "D", ""]) + "\n"
    )


@pytest.mark.parametrize(
    ("options", "answer", "there"),
    [
        ("None Two One", "A", "ABC"),
        ("None Two One", "", "ABC"),
        ("Two One None", "C", "ABC"),
        ("Two One None", "", "AB"),
    ],
)
def test_none_may_be_an_option(written: Written, options: str, answer: str, there: str) -> None:
    path = written("x.tsv", MMBENCH + "\t".join(["1", "What?", "None", *options.split(), "", answer, ""]) + "\n")
    (row,), _ = read(detect(path), path)
    assert "".join(field.place for field in row.fields) == f"question{there}"


def test_a_table_without_answers_is_translated(written: Written) -> None:
    path = written("x.tsv", "index\tquestion\tA\tB\timage\n1\tWhat?\ta cat\ta dog\t\n")
    assert detect(path).name == "mmbench"
    assert len(read(detect(path), path)[0][0].fields) == 3
