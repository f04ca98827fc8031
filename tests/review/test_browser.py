"""The page in a real browser: all four tasks in French, by mouse, finger and keyboard; undo, reload, kill -9."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accessibility import findings
from passerelle.review.store.campaign import Plan, create_campaign
from passerelle.review.store.database import Database
from passerelle.review.store.items import NewItem
from review_server import ARMS, Server

CHROMIUM = shutil.which("chromium")
SHOTS = os.environ.get("REVIEW_SCREENSHOTS", "")
pytestmark = [pytest.mark.timeout(180), pytest.mark.skipif(CHROMIUM is None, reason="chromium isn't installed")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Reader:
    """An expert at the page; every request is written down, and no message of the browser may be an error."""

    def __init__(self, browser: Any, server: Server, token: str, **settings: Any) -> None:
        self.context = browser.new_context(locale="fr-FR", **settings)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(f"{request.url} {request.post_data or ''}"))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self._note(message))
        self.server = server
        self.page.goto(f"{server.url}/enter/{token}")

    def _note(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(f"{message.text} {message.location}")

    def agree(self) -> None:
        self.page.get_by_role("button", name="J'ai compris").click()
        self.page.wait_for_selector("#item")

    def finish(self) -> None:
        """Finish the item by the button, and wait for another page."""
        key = self.key
        self.page.get_by_role("button", name="Valider et continuer").click()
        self.page.wait_for_function("key => document.getElementById('item')?.dataset.key !== key", arg=key)

    @property
    def key(self) -> str:
        return str(self.page.locator("#item").get_attribute("data-key"))

    @property
    def task(self) -> str:
        return str(self.page.locator("#item").get_attribute("data-task"))

    def saved(self) -> None:
        self.page.wait_for_function("() => document.getElementById('state').textContent === 'Enregistré'")

    def shot(self, name: str) -> None:
        """Take a picture for people to look at, where they ask for it."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)

    def audit(self) -> None:
        """Ask axe-core; no finding may be left but minor ones. What axe itself does to the page isn't the page's."""
        assert self.errors == []
        found = findings(self.page)
        self.errors.clear()
        assert found == []


def judgments(path: Path) -> list[dict[str, Any]]:
    """Read what was saved straight from the file."""
    query = (
        "SELECT task, items.name, content, is_done, version, is_attention, seconds, assignments.key FROM assignments "
        "JOIN items ON items.id = item_id JOIN experts ON experts.id = expert_id WHERE experts.name = 'Marie' "
        "ORDER BY position"
    )
    connection = sqlite3.connect(path)
    try:
        names = ("task", "name", "content", "done", "version", "attention", "seconds", "key")
        rows = [dict(zip(names, row, strict=True)) for row in connection.execute(query)]
    finally:
        connection.close()
    return [{**row, "content": json.loads(row["content"])} for row in rows]


def test_all_four_tasks(
    browser: Any, campaign: Callable[..., dict[str, str]], serving: Callable[[str], Server], tmp_path: Path
) -> None:
    tokens = campaign("--items", "2", "--experts", "Marie", "--attention", "0", "--repeats", "0")
    server = serving(str(tmp_path / "review.sqlite"))
    marie = Reader(browser, server, tokens["Marie"], viewport={"width": 1280, "height": 900})
    page = marie.page
    marie.audit()
    marie.shot("1-agree")
    marie.agree()

    # Judge, by keyboard; take it back; the choice is still there.
    assert marie.task == "judge"
    marie.audit()
    page.keyboard.press("2")
    page.keyboard.press("4")
    marie.saved()
    marie.shot("2-judge")
    assert page.locator("[name=verdict]:checked").get_attribute("value") == "right"
    page.keyboard.press("u")
    assert page.locator("[name=reasons]:checked").count() == 0
    assert page.locator("[name=verdict]:checked").count() == 1
    first = marie.key
    page.keyboard.press("Control+Enter")
    page.wait_for_function("key => document.getElementById('item').dataset.key !== key", arg=first)
    page.keyboard.press("u")
    page.wait_for_function("key => document.getElementById('item').dataset.key === key", arg=first)
    assert page.locator("[name=verdict]:checked").get_attribute("value") == "right"
    page.keyboard.press("1")
    marie.finish()
    page.locator("label.card").first.click()
    marie.finish()

    # A translation: spans by mouse and by keyboard, score, correction; a reload in the middle loses nothing.
    assert marie.task == "translation"
    marie.audit()
    page.locator(".word").first.click()
    page.get_by_role("button", name="Erreur majeure").click()
    page.locator(".mark .category").select_option("wrong-sense")
    page.locator(".word").nth(1).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("m")
    assert page.locator(".mark").count() == 2
    page.get_by_role("button", name="Valider et continuer").click()
    page.wait_for_selector('#problem:has-text("Donnez d\'abord une note")')
    page.locator("#score").fill("35")
    page.get_by_role("button", name="Partir de la traduction").click()
    page.locator("#correction").fill("Une bien meilleure traduction")
    translation = marie.key
    page.reload()
    page.wait_for_selector(".mark")
    assert marie.key == translation
    assert page.locator("#correction").input_value() == "Une bien meilleure traduction"
    assert page.locator("#score-shown").inner_text() == "35"
    assert page.locator(".mark").count() == 2
    assert page.locator(".mark .category").first.input_value() == "wrong-sense"
    marie.saved() if page.locator("#state").inner_text() else None
    marie.shot("3-translation")
    marie.audit()
    page.get_by_role("button", name="Enlever la marque").last.click()
    assert page.locator(".mark").count() == 1
    page.get_by_role("button", name="Annuler").click()
    assert page.locator(".mark").count() == 2
    marie.finish()
    page.get_by_role("button", name="Il manque quelque chose").click()
    page.locator("#score").fill("60")
    marie.finish()

    # Write; the server dies while there is something to save, and comes back.
    assert marie.task == "write"
    marie.audit()
    page.locator("#caption").fill("Un animal, <b>vu</b> de près")
    marie.saved()
    server.kill()
    page.locator("#question").fill("De quelle couleur est-il ?")
    page.locator("#answer").fill("Brun.")
    page.wait_for_function("() => document.getElementById('state').classList.contains('trouble')")
    marie.shot("4-write-offline")
    server.start()
    marie.saved()
    marie.finish()
    page.locator("#caption").fill("Encore une image")
    page.locator("#question").fill("Pourquoi ?")
    page.get_by_role("button", name="Valider et continuer").click()
    page.wait_for_selector("#problem:has-text('question sans réponse')")
    page.locator("#answer").fill("Parce que.")
    marie.finish()

    # Label: right, wrong; then all is done, and the last can be looked at again.
    assert marie.task == "label"
    marie.audit()
    marie.shot("5-label")
    page.keyboard.press("1")
    marie.finish()
    page.keyboard.press("2")
    marie.finish()
    page.wait_for_selector("text=C'est terminé")
    marie.audit()
    marie.shot("6-done")

    rows = judgments(tmp_path / "review.sqlite")
    assert [row["task"] for row in rows] == ["judge"] * 2 + ["translation"] * 2 + ["write"] * 2 + ["label"] * 2
    assert all(row["done"] for row in rows)
    said = [row["content"] for row in rows]
    assert [one["verdict"] for one in said[:2]] == ["left", "left"]
    assert said[2]["score"] == 35
    assert said[2]["correction"] == "Une bien meilleure traduction"
    assert [span.get("severity", "minor") for span in said[2]["spans"]] == ["major", "minor"]
    assert said[2]["spans"][0]["start"] == 0
    assert said[3]["spans"][0]["category"] == "dropped"
    assert said[4] == {
        "caption": "Un animal, <b>vu</b> de près",
        "question": "De quelle couleur est-il ?",
        "answer": "Brun.",
    }
    assert [one["label"] for one in said[6:]] == ["right", "wrong"]
    assert sum(row["seconds"] for row in rows) > 1

    # The arms are nowhere: not in the page, not in a request.
    sent = " ".join(marie.requests) + page.content()
    assert not any(arm in sent for arm in ARMS)
    assert {request.split("/")[2] for request in marie.requests} == {server.url.removeprefix("http://")}
    assert marie.errors == []
    marie.context.close()


TEXTS = [
    ("<image>\nDescribe this picture in one sentence.", "<image>\nIl décrit ce tableau en u condamner."),
    ("What is it?\nA. a cat\nB. a dog", "Quoi ?\nA. un chat\nB. un chienne"),
    ("The dog in <box>[1, 2]</box> runs to {name}, at 3 pm.", "Le chien dans <box>[1, 2]</box> coure à {name}, à 3 h."),
]


@pytest.mark.parametrize("width", [1280, 375])
def test_fixed_parts_cant_be_typed_away(
    browser: Any, serving: Callable[[str], Server], tmp_path: Path, width: int
) -> None:
    about = {"source": "<image>\nWhat happens?", "translation": "<image>\nQue se passe-t-il ?"}
    items = [
        NewItem("translation", str(number), {"source": source, "translation": machine, "about": about, "rows": 63},
                {"row": str(number), "place": "x"}, value=-number)
        for number, (source, machine) in enumerate(TEXTS)
    ]  # fmt: skip
    where = str(tmp_path / "review.sqlite")
    with Database(where) as database:
        plan = Plan("chips", ("Marie",), "fr", "fr", repeats=0.0, by_value=True)
        token = create_campaign(database, plan, [items], {})["Marie"]
    marie = Reader(browser, serving(where), token, viewport={"width": width, "height": 900})
    page = marie.page
    marie.agree()
    field = page.locator("#correction")

    # A mark before the text: whatever is pressed in the field, it stays, and so does the line break.
    assert page.locator("#parts .fixed").all_inner_texts() == ["<image>"]
    assert page.locator(".about .fixed").count() == 2 and page.get_by_text("63 lignes").count() == 1
    assert page.locator(".words .word.fixed").inner_text() == "<image>"
    page.get_by_role("button", name="Partir de la traduction").click()
    assert field.input_value() == "Il décrit ce tableau en u condamner."
    for keys in ("Home", "Backspace", "Control+a", "Delete", "Backspace", "Enter"):
        page.keyboard.press(keys)
    assert page.locator("#parts .fixed").all_inner_texts() == ["<image>"]
    page.keyboard.type("Décrivez cette image en 1 phrase.")
    marie.audit()
    marie.shot(f"10-chips-{width}-mark")
    page.locator("#score").fill("10")
    page.get_by_role("button", name="Valider et continuer").click()
    page.wait_for_selector("#problem:has-text('ajoute ceci')")
    marie.saved()
    field.fill("Décrivez cette image en une phrase.")
    page.reload()
    page.wait_for_selector("#correction")
    assert field.input_value() == "Décrivez cette image en une phrase."
    marie.finish()

    # Letters of options: a field for each line; who begins in one goes on from the translation in the others.
    fields = page.locator("#parts textarea")
    assert fields.count() == 3 and page.locator("#parts .fixed").all_inner_texts() == ["A.", "B."]
    fields.nth(2).fill("un chien")
    assert [fields.nth(number).input_value() for number in range(3)] == ["Quoi ?", "un chat", "un chien"]
    fields.nth(0).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "correction-2"
    marie.audit()
    marie.shot(f"11-chips-{width}-letters")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#score").fill("60")
    marie.finish()

    # Parts within a sentence, with text on all sides; they can change places, and nothing else moves them.
    assert page.locator("#parts button.fixed").count() == 2
    page.get_by_role("button", name="Partir de la traduction").click()
    page.locator("#parts button.fixed").first.click()
    assert page.locator("#parts .fixed").all_inner_texts() == ["{name}", "<box>[1, 2]</box>"]
    page.locator("#parts button.fixed").first.click()
    fields.nth(1).fill("court vers")
    fields.nth(2).fill(", à 3 h de l'après-midi.")
    marie.audit()
    marie.shot(f"12-chips-{width}-words")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#score").fill("80")
    marie.finish()
    assert marie.errors == []
    said = [row["content"]["correction"] for row in judgments(tmp_path / "review.sqlite")]
    assert said == [
        "<image>\nDécrivez cette image en une phrase.",
        "Quoi ?\nA. un chat\nB. un chien",
        "Le chien dans <box>[1, 2]</box> court vers {name}, à 3 h de l'après-midi.",
    ]
    marie.context.close()


def test_on_a_phone_with_fingers(
    browser: Any, campaign: Callable[..., dict[str, str]], serving: Callable[[str], Server], tmp_path: Path
) -> None:
    tokens = campaign("--items", "3", "--experts", "Marie", "--attention", "0", "--tasks", "judge,translation")
    server = serving(str(tmp_path / "review.sqlite"))
    phone = {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    marie = Reader(browser, server, tokens["Marie"], **phone)
    page = marie.page
    marie.agree()
    for number in range(page.locator("#item").count() and 3):
        marie.shot(f"7-phone-judge-{number}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        page.locator("label.card").last.tap()
        marie.finish()
    while marie.task == "judge":  # what came again
        page.locator("label.wide").tap()
        marie.finish()
    words = page.locator(".word")
    last = min(2, words.count() - 1)
    words.first.tap()
    words.nth(last).tap()
    assert page.locator(".word[aria-pressed=true]").count() == last + 1
    page.get_by_role("button", name="Erreur mineure").tap()
    page.locator("#score").fill("70")
    marie.saved()
    marie.shot("8-phone-translation")
    marie.audit()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    rows = [row for row in judgments(tmp_path / "review.sqlite") if row["task"] == "translation"]
    assert rows[0]["content"]["spans"][0]["start"] == 0
    assert marie.errors == []
    marie.context.close()


def test_a_closed_page_loses_nothing(
    browser: Any, campaign: Callable[..., dict[str, str]], serving: Callable[[str], Server], tmp_path: Path
) -> None:
    tokens = campaign("--items", "2", "--experts", "Marie", "--attention", "0", "--repeats", "0", "--tasks", "write")
    server = serving(str(tmp_path / "review.sqlite"))
    marie = Reader(browser, server, tokens["Marie"])
    marie.agree()
    marie.page.locator("#caption").fill("Écrit juste avant de fermer")
    marie.page.close()
    again = marie.context.new_page()
    again.goto(server.url)
    again.wait_for_selector("#caption")
    assert again.locator("#caption").input_value() == "Écrit juste avant de fermer"
    # Without a connection, another item is wanted and the page is closed: what was typed comes back all the same.
    server.kill()
    again.locator("#caption").fill("Écrit sans connexion")
    again.close()
    server.start()
    last = marie.context.new_page()
    last.goto(server.url)
    last.wait_for_function("() => document.getElementById('state').textContent === 'Enregistré'")
    assert judgments(tmp_path / "review.sqlite")[0]["content"]["caption"] == "Écrit sans connexion"
    marie.context.close()


def test_two_windows_on_one_item(
    browser: Any, campaign: Callable[..., dict[str, str]], serving: Callable[[str], Server], tmp_path: Path
) -> None:
    tokens = campaign("--items", "1", "--experts", "Marie", "--attention", "0", "--repeats", "0", "--tasks", "label")
    server = serving(str(tmp_path / "review.sqlite"))
    marie = Reader(browser, server, tokens["Marie"])
    marie.agree()
    other = marie.context.new_page()
    other.goto(server.url)
    other.wait_for_selector("#item")
    marie.page.keyboard.press("1")
    marie.saved()
    other.keyboard.press("2")
    other.wait_for_selector("#state:has-text('autre fenêtre')")
    assert other.locator("[name=label]:checked").get_attribute("value") == "right"
    marie.context.close()


def test_the_organisers_page(
    browser: Any, campaign: Callable[..., dict[str, str]], serving: Callable[[str], Server], tmp_path: Path
) -> None:
    tokens = campaign("--items", "4", "--tasks", "judge,label")
    server = serving(str(tmp_path / "review.sqlite"))
    admin = Reader(browser, server, tokens["admin"])
    admin.page.wait_for_selector("table")
    assert "expert-1" in admin.page.content()
    admin.audit()
    admin.shot("9-status")
    admin.context.close()
