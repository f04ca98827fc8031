import math

import pytest

from passerelle.example.embedded import base_folder, is_assembled
from passerelle.example.tuxpaint import FOLDER
from passerelle.quality.base import Pair
from passerelle.quality.checks.picture import ModelSeer, PictureCheck
from passerelle.quality.engines import Engines
from passerelle.translation.base import FakeTranslator

FROG = FOLDER / "animals" / "amphibians" / "frog-1.png"
BACK = {"Une grenouille.": "A frog.", "Une voiture.": "A car."}


def back(source, target):
    return [FakeTranslator("fr", "en", BACK)] if source == "fr" else []


class FakeSeer:
    signature = "fake"

    def gains(self, asked):
        return {each: {"A frog.": 1.5, "A car.": 0.5}[each.text] for each in asked}


def test_the_score_falls_with_what_the_picture_adds():
    frog, car, blind = PictureCheck(Engines(back), FakeSeer).assess(
        [Pair("A frog.", target, picture=FROG) for target in BACK] + [Pair("A frog.", "Une grenouille.")]
    )
    assert frog.score == 1 and frog.reason == "" and not blind.is_known
    assert car.score == pytest.approx(2 / (1 + math.e)) and car.values["difference"] == -1
    assert car.error == "wrong-sense" and "'A car.'" in car.reason


@pytest.mark.skipif(not is_assembled(base_folder()), reason="the base isn't assembled")
def test_the_base_sees_that_a_frog_is_no_car():
    frog, car = PictureCheck(Engines(back), ModelSeer).assess([Pair("A frog.", t, picture=FROG) for t in BACK])
    assert frog.score == 1 and frog.values["difference"] == 0
    assert car.values["difference"] < -0.5
