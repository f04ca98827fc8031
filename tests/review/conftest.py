"""A campaign on real pictures, made with the command itself, and its server."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from review_server import ARMS, HttpExpert, Postgres, Server, passerelle


@dataclass(frozen=True)
class StampData:
    """Stamps with captions: English, machine-translated, human, and answers of two arms about them."""

    folder: Path
    captions: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def options(self) -> list[str]:
        """Options of `review create` for all of it."""
        return [
            *("--answers", str(self.folder / "answers.jsonl"), "--arms", ",".join(ARMS)),
            *("--data", str(self.folder / "en.jsonl"), "--translated", str(self.folder / "fr.jsonl")),
            *("--fields", "caption", "--image-fields", "image", "--images", str(self.folder / "images")),
        ]


@pytest.fixture(scope="session")
def stamp_data(stamps: list[Any], tmp_path_factory: pytest.TempPathFactory) -> StampData:
    """72 stamps, translated by Apertium."""
    from passerelle.translation.engines.apertium import ApertiumTranslator

    folder = tmp_path_factory.mktemp("stamps")
    (folder / "images").mkdir()
    pictures = [p for p in stamps if p.category.startswith(("animals", "food"))][:72]
    engine = ApertiumTranslator("en", "fr")
    machine = engine.translate([p.captions["en"].text for p in pictures])
    engine.close()
    data = StampData(folder)
    rows: dict[str, list[dict[str, Any]]] = {"en": [], "fr": [], "human": [], "answers": []}
    for number, (picture, translated) in enumerate(zip(pictures, machine, strict=True)):
        image = picture.id.replace("/", "_") + picture.path.suffix
        shutil.copy(picture.path, folder / "images" / image)
        english, human = picture.captions["en"].text, picture.captions["fr"].text
        data.captions[picture.id] = english, translated, human
        for name, caption in (("en", english), ("fr", translated), ("human", human)):
            rows[name].append({"id": picture.id, "image": image, "caption": caption, "category": picture.category})
        answers = {ARMS[0]: f"{translated} ({number})", ARMS[1]: human}
        row = {"id": f"{picture.id}#caption", "question": "Qu'est-ce que c'est ?", "picture": f"images/{image}"}
        automatic = {ARMS[0]: 40 + number % 9, ARMS[1]: 60 - number % 7}
        rows["answers"].append(
            {**row, "stratum": "caption", "reference": human, "answers": answers, "automatic": automatic}
        )
    for name, lines in rows.items():
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return data


@pytest.fixture
def serving() -> Iterator[Callable[[str], Server]]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(database: str) -> Server:
        servers.append(Server(database))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def close_experts() -> Iterator[None]:
    """Close the connections of all experts of a test."""
    yield
    while HttpExpert.opened:
        HttpExpert.opened.pop().close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Debian's PostgreSQL, started for the tests."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("PostgreSQL isn't installed")
    with tempfile.TemporaryDirectory(prefix="review-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = Postgres(Path(folder))
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return str(tmp_path / "review.sqlite")
    name = re.sub(r"\W", "_", request.node.name.lower())[:50]
    return str(request.getfixturevalue("postgres").new(name))


@pytest.fixture
def campaign(stamp_data: StampData, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Make a campaign in `tmp_path/review.sqlite`, or in another database; return its tokens."""

    def make(*options: str, database: str = "") -> dict[str, str]:
        where = database or str(tmp_path / "review.sqlite")
        made = passerelle("review", "create", "demo", "--db", where, *stamp_data.options(), *options)
        return {name: link.rpartition("/")[2] for name, link in made["links"].items()}

    return make
