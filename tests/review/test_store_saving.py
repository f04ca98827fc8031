"""An expert's work as the database keeps it: each saving counts once, nobody writes over what they haven't seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from passerelle.errors import ConfigError, InputError
from passerelle.review.page.work import (
    Broken,
    Conflict,
    NotTheirs,
    Progress,
    Saving,
    Shown,
    neighbour,
    next_key,
    progress_of,
    save,
    show,
    take_back,
)
from passerelle.review.store.campaign import Plan, count_items, create_campaign, find_campaign, replace_token
from passerelle.review.store.database import Database
from passerelle.review.store.items import NewItem
from passerelle.review.store.schema import Assignment, Campaign, Event, Expert, Item, Save, StoredPicture, now
from passerelle.review.store.tokens import csrf_of, digest, find_expert, is_key, make_token

LABELS = 7
RIGHT, WRONG = {"label": "right"}, {"label": "wrong"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Database, dict[str, str]]]:
    """Labels that both experts get, then a translation with a picture."""
    folder = tmp_path
    Image.new("RGB", (2048, 512), "red").save(folder / "red.png")
    labels = [NewItem("label", f"l{n}", {"question": "?", "answer": str(n)}, {"arm": "a"}) for n in range(LABELS)]
    shown = {"source": "<image>\nA cat", "translation": "<image>\nUn chat"}
    pictured = [NewItem("translation", "t", shown, {"row": "t"}, "s", "c", folder / "red.png", 0.5)]
    plan = Plan("one", ("Ann", "Bob"), "fr", "fr", overlap=1.0, repeats=0.0)
    with Database(folder / "review.sqlite") as database:
        yield database, create_campaign(database, plan, [labels, pictured], {"data": "x"})


@pytest.fixture
def session(made: tuple[Database, dict[str, str]]) -> Iterator[Session]:
    """A session of which nothing is kept."""
    with made[0].read() as session:
        yield session


@pytest.fixture
def ann(session: Session) -> Expert:
    return session.scalars(select(Expert).where(Expert.name == "Ann")).one()


def queue(session: Session, name: str = "Ann") -> list[Assignment]:
    query = select(Assignment).join(Expert, Expert.id == Assignment.expert_id).where(Expert.name == name)
    return list(session.scalars(query.order_by(Assignment.position)))


def saves(session: Session) -> list[tuple[str, int, str]]:
    return [(one.client_id, one.version, one.action) for one in session.scalars(select(Save).order_by(Save.id))]


def test_who_hasnt_seen_the_last_saving_is_told(session: Session, ann: Expert) -> None:
    first, second = queue(session)[:2]
    assert save(session, ann, first.key, Saving("a", 0, RIGHT)) == 1
    assert save(session, ann, first.key, Saving("b", 1, WRONG, after="nobody's")) == 2, "the version is enough"
    for behind in (Saving("c", 1, RIGHT), Saving("c", 3, RIGHT), Saving("c", 0, RIGHT, after="a"),
                   Saving("c", 0, RIGHT, after=""), Saving("c", 0, RIGHT, after="bb")):  # fmt: skip
        with pytest.raises(Conflict, match="load the page again"):
            save(session, ann, first.key, behind)
    assert (first.content, first.version) == (WRONG, 2)
    assert save(session, ann, first.key, Saving("c", 0, RIGHT, after="b")) == 3
    with pytest.raises(Conflict):  # nothing was saved of it yet: there is nothing that could be followed
        save(session, ann, second.key, Saving("d", 1, RIGHT))
    assert saves(session) == [("a", 1, "save"), ("b", 2, "save"), ("c", 3, "save")]


def test_a_request_that_comes_again_changes_nothing(session: Session, ann: Expert) -> None:
    first, second = queue(session)[:2]
    assert save(session, ann, first.key, Saving("a", 0, RIGHT, finish=True, seconds=5.0)) == 1
    assert save(session, ann, first.key, Saving("b", 1, {}, seconds=2.0)) == 2
    assert save(session, ann, first.key, Saving("a", 0, WRONG, finish=True, seconds=5.0)) == 1
    assert (first.content, first.version, first.is_done, first.seconds) == ({}, 2, False, 7.0)
    assert save(session, ann, second.key, Saving("a", 0, RIGHT)) == 1, "another item's saving is another"
    assert second.content == RIGHT
    assert [one.content for one in session.scalars(select(Save).order_by(Save.id))] == [RIGHT, {}, RIGHT]


def test_only_what_is_complete_can_be_finished(session: Session, ann: Expert) -> None:
    first, last = queue(session)[0], queue(session)[-1]
    assert save(session, ann, first.key, Saving("a", 0, {"comment": "?"})) == 1
    with pytest.raises(InputError, match="missing: label"):
        save(session, ann, first.key, Saving("b", 1, {}, finish=True))
    before = now()
    save(session, ann, first.key, Saving("b", 1, {"skipped": True}, finish=True, seconds=-3.0))
    assert first.is_done and first.seconds == 0.0 and first.finished is not None and before <= first.finished <= now()
    save(session, ann, first.key, Saving("c", 2, RIGHT, seconds=1e6))
    assert (first.is_done, first.finished, first.seconds) == (False, None, 600.0)
    written: dict[str, Any] = {"score": 3, "correction": " Un chat. "}
    with pytest.raises(Broken, match="<image>") as raised:
        save(session, ann, last.key, Saving("d", 0, written, finish=True))
    assert raised.value.violation.part == "<image>" and str(raised.value).startswith("correction: ")
    save(session, ann, last.key, Saving("d", 0, written))
    save(session, ann, last.key, Saving("e", 1, {**written, "skipped": True}, finish=True))
    for number, same in enumerate(("", "  ", " <image>\nUn chat ", "<image>\nUn félin"), 2):
        saving = Saving(f"f{number}", number, {"score": 3, "correction": same}, finish=True)
        assert save(session, ann, last.key, saving) == number + 1
    assert last.content == {"score": 3, "correction": "<image>\nUn félin"}
    assert [action for *_, action in saves(session)] == ["save", "finish", "save", "save", *["finish"] * 5]


def test_a_queue_is_ones_own(session: Session, ann: Expert) -> None:
    theirs = queue(session, "Bob")[0].key
    for key in (theirs, "nothing", "f" * 32, theirs.upper()):
        for action in (lambda k: show(session, ann, k), lambda k: save(session, ann, k, Saving("a", 0, RIGHT)),
                       lambda k: neighbour(session, ann, k, 1)):  # fmt: skip
            with pytest.raises(NotTheirs, match="no such item in your queue"):
                action(key)
    assert saves(session) == []


def test_a_queue_is_walked_in_its_order(session: Session, ann: Expert) -> None:
    keys = [one.key for one in queue(session)]
    assert len(keys) == LABELS + 1 and [one.position for one in queue(session)] == list(range(1, LABELS + 2))
    assert [neighbour(session, ann, key, 1) for key in keys] == [*keys[1:], keys[-1]]
    assert [neighbour(session, ann, key, -1) for key in keys] == [keys[0], *keys[:-1]]
    assert next_key(session, ann) == keys[0]
    for number in (0, 1, 3):
        save(session, ann, keys[number], Saving("a", 0, RIGHT, finish=True))
    assert next_key(session, ann) == keys[2]
    for one in queue(session):
        one.is_done = True
    assert next_key(session, ann) is None


def test_what_a_page_is_shown(session: Session, ann: Expert) -> None:
    first, second, last = queue(session)[0], queue(session)[1], queue(session)[-1]
    save(session, ann, second.key, Saving("a", 0, RIGHT))
    save(session, ann, second.key, Saving("b", 1, WRONG, finish=True))
    second.is_flipped = True
    item = session.get_one(Item, second.item_id)
    assert show(session, ann, second.key) == Shown(
        second.key, "label", item.shown, None, 0, 0, WRONG, 2, True, True, 2, False, "b"
    )
    seen = show(session, ann, first.key)
    assert (seen.version, seen.is_done, seen.saved, seen.is_first_of_task) == (0, False, "", True)
    seen = show(session, ann, last.key)
    picture = session.scalars(select(StoredPicture)).one()
    assert (seen.task, seen.picture, seen.width, seen.height) == ("translation", picture.key, 1024, 256)
    assert (seen.position, seen.is_first_of_task) == (LABELS + 1, True), "the first of its own task"
    assert picture.name == "red.png" and picture.jpeg.startswith(b"\xff\xd8") and is_key(picture.key)


def test_what_was_finished_last_is_opened_again(session: Session, ann: Expert) -> None:
    assert take_back(session, ann, "u0") is None
    first, second, third = queue(session)[:3]
    for number, one in enumerate((second, first, third)):
        save(session, ann, one.key, Saving(f"s{number}", 0, RIGHT, finish=True))
    at = now()
    second.finished, first.finished, third.finished = at, at, at - timedelta(seconds=1)
    other = queue(session, "Bob")[0]
    other.is_done, other.finished = True, at + timedelta(seconds=1)
    assert take_back(session, ann, "u1") == second.key, "of two at one moment the later one in the queue"
    assert (second.is_done, second.finished, second.version, second.content) == (False, None, 2, RIGHT)
    assert take_back(session, ann, "u1") == second.key and second.version == 2 and first.is_done
    assert take_back(session, ann, "u2") == first.key
    assert take_back(session, ann, "u3") == third.key
    assert take_back(session, ann, "u4") is None
    assert saves(session)[3:] == [("u1", 2, "reopen"), ("u2", 2, "reopen"), ("u3", 2, "reopen")]
    assert other.is_done


def test_how_long_the_rest_takes(session: Session, ann: Expert) -> None:
    total = LABELS + 1
    assert progress_of(session, ann) == Progress(0, total, 3)  # 7 x 12 s and 60 s are 144 s
    own = queue(session)
    for number, seconds in enumerate((90.0, 90.0, 100.0, 150.0)):
        own[number].is_done, own[number].seconds = True, seconds
    assert progress_of(session, ann) == Progress(4, total, 2)  # four are too few to know: 36 s and 60 s
    own[4].is_done, own[4].seconds = True, 0.0  # a time of nothing says nothing
    assert progress_of(session, ann) == Progress(5, total, 2)
    own[4].seconds = 200.0
    assert progress_of(session, ann) == Progress(5, total, 5)  # 2 x 100 s, the median, and 60 s
    assert progress_of(session, ann).percent == 62
    for one in own:
        one.is_done = True
    assert progress_of(session, ann) == Progress(total, total, 0) and progress_of(session, ann).percent == 100
    assert Progress(0, 0, 0).percent == 100


def test_what_a_campaign_keeps(made: tuple[Database, dict[str, str]], session: Session) -> None:
    campaign = find_campaign(session, None)
    assert campaign is find_campaign(session, "one")
    assert campaign.settings == {
        "name": "one", "experts": ["Ann", "Bob"], "interface": "fr", "target_language": "fr", "source_language": "en",
        "overlap": 1.0, "repeats": 0.0, "seed": 1, "by_value": False, "prefill": False, "licence": "CC0-1.0",
        "sources": {"data": "x"},
    }  # fmt: skip
    assert count_items(session, campaign.id) == {"label": LABELS, "translation": 1}
    assert count_items(session, campaign.id + 1) == {}
    people = {one.name: one for one in session.scalars(select(Expert))}
    assert {name: (one.is_admin, one.interface, one.revoked) for name, one in people.items()} == {
        "Ann": (False, "fr", None), "Bob": (False, "fr", None), "admin": (True, "fr", None),
    }  # fmt: skip
    assert {name: one.name for name, token in made[1].items() if (one := find_expert(session, token))} == {
        name: name for name in people
    }
    items = {one.name: one for one in session.scalars(select(Item))}
    assert (items["l0"].cluster, items["l0"].picture_id, items["l0"].hidden) == ("l0", None, {"arm": "a"})
    last = items["t"]
    assert (last.stratum, last.cluster, last.value, last.hidden) == ("s", "c", 0.5, {"row": "t"})
    assert not last.is_attention
    assert {one.occasion for one in queue(session)} == {1} and len({one.key for one in queue(session)}) == LABELS + 1
    event = session.scalars(select(Event)).one()
    assert (event.action, event.campaign_id, event.detail) == ("create", campaign.id, f"{LABELS + 1} items, 2 experts")


def test_names_are_ones_own_and_fit(tmp_path: Path) -> None:
    def plan(name: str, *experts: str) -> Plan:
        return Plan(name, experts, "en", "fr", repeats=0.0)

    names = ["x", "x", "x (2)", "x", "y" * 450, "z" * 451, "z" * 452]
    labels = [NewItem("label", name, {"question": "?", "answer": "a"}) for name in names]
    with Database(tmp_path / "review.sqlite") as database:
        with database.read() as session, pytest.raises(ConfigError, match="no campaign in this database"):
            find_campaign(session, None)
        for experts in (("Ann", "Ann"), ("admin",), ("Ann", " ")):
            with pytest.raises(ConfigError, match="a name of their own, and none may be 'admin'"):
                create_campaign(database, plan("one", *experts), [labels], {})
        for nothing in ([], [[]]):
            with pytest.raises(InputError, match="nothing to review"):
                create_campaign(database, plan("one", "Ann"), nothing, {})
        create_campaign(database, plan("one", "Ann"), [labels], {})
        with pytest.raises(ConfigError, match="a campaign 'one' already"):
            create_campaign(database, plan("one", "Ann"), [labels], {})
        create_campaign(database, plan("two", "Cy"), [[], labels], {})
        with database.read() as session:
            assert [one.name for one in session.scalars(select(Campaign).order_by(Campaign.id))] == ["one", "two"]
            with pytest.raises(ConfigError, match="say which campaign: one, two"):
                find_campaign(session, None)
            with pytest.raises(ConfigError, match="unknown campaign 'tow'.*'two'"):
                find_campaign(session, "tow")
            campaign = find_campaign(session, "two")
            kept = [one.name for one in session.scalars(select(Item).where(Item.campaign_id == campaign.id))]
        assert sorted(kept[:4]) == ["x", "x (2)", "x (2) (2)", "x (3)"] and kept[4] == names[4]
        assert {len(name) for name in kept[5:]} == {447} and kept[5] != kept[6]
        assert all(name.startswith("z" * 430 + "…") for name in kept[5:])


def test_a_link_is_withdrawn_and_replaced(tmp_path: Path) -> None:
    labels = [NewItem("label", "x", {"question": "?", "answer": "a"})]
    with Database(tmp_path / "review.sqlite") as database:
        tokens = create_campaign(database, Plan("one", ("Ann", "Bob"), "en", "fr"), [labels], {})

        def whose(token: str) -> str | None:
            with database.read() as session:
                found = find_expert(session, token)
                return found.name if found else None

        token, key, kept = make_token()
        assert kept == digest(token) and token.startswith(f"{key}-") and csrf_of(token) not in (kept, digest(token))
        assert whose(tokens["Ann"]) == "Ann"
        other = tokens["Ann"][:-1] + ("A" if tokens["Ann"][-1] != "A" else "B")
        assert [whose(one) for one in (token, other, "", tokens["Ann"] + "A", "-", key)] == [None] * 6
        with pytest.raises(ConfigError, match="unknown expert 'Anne'.*'Ann'"):
            replace_token(database, None, "Anne")
        new = replace_token(database, "one", "Ann")
        assert (whose(new), whose(tokens["Ann"]), whose(tokens["Bob"])) == ("Ann", None, "Bob")
        assert replace_token(database, None, "Ann", revoke=True) == "" and whose(new) is None
        again = replace_token(database, None, "Ann")
        assert whose(again) == "Ann"
        with database.read() as session:
            events = [(one.action, one.expert_id) for one in session.scalars(select(Event).order_by(Event.id))]
            ann = session.scalars(select(Expert).where(Expert.name == "Ann")).one()
        assert events[1:] == [("new-link", ann.id), ("revoke", ann.id), ("new-link", ann.id)]
