"""The reference page names every class, form and reason that there is."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "passerelle"
PAGE = (ROOT / "docs" / "reference" / "protection.md").read_text(encoding="utf-8")


def table(header):
    """First column of the table with this header, the names in backticks."""
    rows = PAGE.partition(f"| {header} |")[2].partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall("`([^`]+)`", row.split("|")[1])}


def data(name):
    return tomllib.loads((PACKAGE / "data" / name).read_text(encoding="utf-8"))


def test_classes():
    assert table("class") == {entry["name"] for entry in data("protected.toml")["class"]} | {"glossary"}


def test_roles():
    for entry in data("protected.toml")["class"]:
        row = next(row for row in PAGE.splitlines() if row.startswith("|") and f"`{entry['name']}`" in row)
        assert row.rstrip("| ").endswith(entry["role"]), row


def test_forms():
    assert [name for name in re.findall(r"^\| `([a-z-]+)` \| [`U]", PAGE, re.MULTILINE)][-6:] == [
        entry["name"] for entry in data("placeholders.toml")["form"]
    ]


def test_reasons():
    names = ("verify", "ways", "safe", "replies")
    code = "".join(next((PACKAGE / "translation").rglob(f"{name}.py")).read_text() for name in names)
    ours = r'"([a-z]+-[a-z]+|dropped|overlong)"'
    of_replies = r'(?:yield|_lost\(|Lost\() ?"([a-z-]+)"'
    used = {*re.findall(ours, code), *re.findall(of_replies, code)} - {"other-placeholder", "yes-no", "utf-8"}
    assert table("reason") == used
