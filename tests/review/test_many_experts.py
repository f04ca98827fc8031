"""Fifty experts at once, a server that is killed in the middle: each judgment is there, once."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from passerelle.errors import InputError
from passerelle.review.store.campaign import Plan, create_campaign
from passerelle.review.store.database import Database
from passerelle.review.store.items import NewItem
from passerelle.review.store.schema import Base
from review_server import SAID, HttpExpert, Server

EXPERTS, EACH = 50, 10


def small_campaign(database: str, experts: int, items: int) -> dict[str, str]:
    """Make a campaign of labels without pictures, all of which everybody gets."""
    made = [
        NewItem("label", f"item-{n}", {"question": "Combien ?", "answer": str(n)}, {"arm": "a"}) for n in range(items)
    ]
    plan = Plan("many", tuple(f"e{n}" for n in range(experts)), "fr", "fr", overlap=1.0, repeats=0.0)
    with Database(database) as opened:
        return create_campaign(opened, plan, [made], {})


def rows(database: str, query: str) -> list[Any]:
    url = database.replace("postgresql://", "postgresql+psycopg://") if "://" in database else f"sqlite:///{database}"
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.execute(text(query)))
    engine.dispose()
    return found


def work(server: Server, token: str, number: int, done: list[dict[str, str]], failures: list[BaseException]) -> None:
    """Judge everything, as the page does: the same saving again until the server has said that it has it."""
    try:
        draw = random.Random(number)
        expert = patient(lambda: HttpExpert(server.url, token))
        said: dict[str, str] = {}
        while (item := patient(expert.current)) is not None:
            label = draw.choice(["right", "wrong"])
            content = {"label": label, "comment": f"{number}/{len(said)}"}
            saving = {"client_id": uuid.uuid4().hex, "version": item["version"], "finish": True}
            for _ in range(2 if draw.random() < 0.2 else 1):  # some click twice
                answer = patient(lambda: expert.save(item["key"], content, **saving))  # noqa: B023
                assert answer.status_code == 200, answer.text
            said[item["key"]] = content["comment"]
        done.append(said)
        expert.close()
    except BaseException as error:
        failures.append(error)


def patient(action: Callable[[], Any]) -> Any:
    """Try until the server answers."""
    for _ in range(600):
        try:
            answer = action()
        except (httpx.HTTPError, AssertionError) as error:
            if isinstance(error, AssertionError) and "500" not in str(error) and "Internal" not in str(error):
                raise
        else:
            if not isinstance(answer, httpx.Response) or answer.status_code < 500:
                return answer
        time.sleep(0.1)
    raise AssertionError("the server doesn't come back")


@pytest.mark.timeout(240)
def test_nothing_is_lost_or_doubled(database: str, serving: Callable[[str], Server]) -> None:
    tokens = small_campaign(database, EXPERTS, EACH)
    server = serving(database)
    done: list[dict[str, str]] = []
    failures: list[BaseException] = []
    threads = [threading.Thread(target=work, args=(server, tokens[f"e{n}"], n, done, failures)) for n in range(EXPERTS)]
    for thread in threads:
        thread.start()
    count = "SELECT count(*) FROM assignments WHERE is_done"
    while rows(database, count)[0][0] < EXPERTS * EACH // 2 and not failures:
        time.sleep(0.02)
    server.kill()
    saved = rows(database, count)[0][0]
    server.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert EXPERTS * EACH // 2 <= saved < EXPERTS * EACH, "the server was to be killed midway"
    kept = rows(database, "SELECT key, content, version, seconds FROM assignments WHERE is_done")
    assert len(kept) == EXPERTS * EACH
    content = {key: value if isinstance(value, dict) else json.loads(value) for key, value, _, _ in kept}
    assert {key: value["comment"] for key, value in content.items()} == {k: v for said in done for k, v in said.items()}
    assert {version for _, _, version, _ in kept} == {1}
    assert {seconds for *_, seconds in kept} == {12.0}
    assert rows(database, "SELECT count(*), count(DISTINCT client_id) FROM saves") == [(EXPERTS * EACH, EXPERTS * EACH)]


def test_the_same_saving_at_the_same_moment_counts_once(database: str, serving: Callable[[str], Server]) -> None:
    tokens = small_campaign(database, 1, 2)
    server = serving(database)
    expert = HttpExpert(server.url, tokens["e0"])
    item = expert.current()
    assert item is not None
    answers: list[int] = []

    def click(client_id: str) -> None:
        with httpx.Client(base_url=server.url, cookies=expert.client.cookies, headers={"x-csrf": expert.csrf}) as one:
            body = {"client_id": client_id, "version": 0, "content": SAID["label"], "finish": True}
            answers.append(one.post(f"/work/{item['key']}", json=body).status_code)

    def at_once(*ids: str) -> None:
        threads = [threading.Thread(target=click, args=(name,)) for name in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    at_once(*["the-same-saving"] * 8)
    assert answers == [200] * 8
    assert rows(database, "SELECT count(*) FROM saves") == [(1,)]
    # Two windows: one wins, the other is told.
    answers.clear()
    item = expert.current()
    assert item is not None
    at_once("window-one", "window-two")
    assert sorted(answers) == [200, 409]
    # Taking back twice by one request that comes twice opens one item again.
    first, again = (expert.post("/undo", {"client_id": "undo-once"}).json()["key"] for _ in range(2))
    assert first == again
    assert rows(database, "SELECT count(*) FROM assignments WHERE is_done") == [(1,)]
    expert.close()


def test_a_saving_whose_answer_was_lost_can_be_followed(tmp_path: Path, serving: Callable[[str], Server]) -> None:
    database = str(tmp_path / "review.sqlite")
    tokens = small_campaign(database, 1, 1)
    expert = HttpExpert(serving(database).url, tokens["e0"])
    item = expert.current()
    assert item is not None
    expert.save(item["key"], {"comment": "a"}, 0, finish=False, client_id="saving-a")
    # The page never heard of version 1; it says what it last sent.
    assert expert.save(item["key"], {"comment": "b"}, 0, finish=False).status_code == 409
    for other in ("saving-b", "saving-", "saving-a2", ""):
        assert expert.save(item["key"], {"comment": "c"}, 0, finish=False, after=other).status_code == 409
    assert expert.current()["content"] == {"comment": "a"}  # type: ignore[index]
    assert expert.save(item["key"], {"comment": "b"}, 0, finish=False, after="saving-a").status_code == 200
    # What was followed once isn't the last any more: who follows it again is behind.
    assert expert.save(item["key"], {"comment": "d"}, 0, finish=False, after="saving-a").status_code == 409
    assert expert.current()["content"] == {"comment": "b"}  # type: ignore[index]
    expert.close()


def test_tables_are_what_the_models_say(database: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    small_campaign(database, 1, 1)
    url = database.replace("postgresql://", "postgresql+psycopg://") if "://" in database else f"sqlite:///{database}"
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    engine.dispose()
    with pytest.raises(InputError, match="newer Passerelle"):
        Database(database)
