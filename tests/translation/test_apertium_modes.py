import pytest

from passerelle.errors import ConfigError, MissingDependency
from passerelle.translation.engines import apertium_modes
from passerelle.translation.engines.apertium_modes import (
    apt_packages,
    available_pairs,
    find_chain,
    installed_modes,
    missing_pair,
    named_chain,
)

VARIANTS = ["eng-cat_valencia", "eco-es-fr", "fra-cat_pre2017", "eng-cat-tagger", "xx-yy"]


@pytest.fixture
def folder(tmp_path):
    """Makes a data folder with the named modes."""

    def make(*names):
        (tmp_path / "modes").mkdir()
        for name in names:
            (tmp_path / "modes" / f"{name}.mode").write_text("cat\n")
        return tmp_path

    return make


def chain(folder, source, target):
    found = find_chain(source, target, installed_modes(folder))
    return None if found is None else [mode.name for mode in found]


def test_variants_and_private_modes_are_no_modes(folder):
    modes = installed_modes(folder("es-fr", "eng-cat", *VARIANTS))
    assert [(mode.name, mode.source, mode.target) for mode in modes] == [
        ("eng-cat", "en", "ca"),
        ("es-fr", "es", "fr"),
    ]


def test_the_table_decides_between_chains_of_one_length(folder, monkeypatch):
    names = ("eng-spa", "es-fr", "eng-cat", "cat-fra", "fra-cat", "cat-eng", "fr-es", "spa-eng")
    place = folder(*names, *VARIANTS)
    assert chain(place, "en", "fr") == ["eng-cat", "cat-fra"]
    assert chain(place, "fr", "en") == ["fra-cat", "cat-eng"]
    table = {"through": {"default": ["es"]}}
    monkeypatch.setattr(apertium_modes, "_apertium_table", lambda: table)
    assert chain(place, "en", "fr") == ["eng-spa", "es-fr"]
    table["through"] = {"default": []}
    assert chain(place, "en", "fr") == ["eng-cat", "cat-fra"]


def test_the_shortest_chain_wins(folder):
    place = folder("eng-cat", "cat-fra", "en-fr", "fra-oci", "oci-cat")
    assert chain(place, "en", "fr") == ["en-fr"]
    assert chain(place, "en", "oc") == ["en-fr", "fra-oci"]
    assert chain(place, "fr", "ca") == ["fra-oci", "oci-cat"]


def test_no_chain_where_none_leads(folder):
    place = folder("eng-cat", "fra-cat", "cat-eng")
    assert chain(place, "en", "fr") is None
    assert chain(place, "fr", "en") == ["fra-cat", "cat-eng"]
    assert chain(place, "de", "en") is None


def test_a_cycle_ends(folder):
    assert chain(folder("a-b", "eng-cat", "cat-eng", "cat-spa", "spa-cat"), "en", "fr") is None


def test_available_pairs_contain_chains(folder):
    pairs = available_pairs(folder("eng-cat", "cat-fra"))
    assert [tuple(pair) for pair in pairs] == [
        ("ca", "fr", ("cat-fra",)),
        ("en", "ca", ("eng-cat",)),
        ("en", "fr", ("eng-cat", "cat-fra")),
    ]


def test_a_named_variant_is_used_and_a_missing_one_reported(folder):
    place = folder("eng-cat_valencia")
    assert [mode.name for mode in named_chain(["eng-cat_valencia"], place)] == ["eng-cat_valencia"]
    with pytest.raises(MissingDependency, match="eng-cat_x"):
        named_chain(["eng-cat_x"], place)


@pytest.mark.parametrize(
    ("source", "target", "packages"),
    [
        ("en", "fr", ["apertium", "apertium-eng-cat", "apertium-fra-cat"]),
        ("French", "eng", ["apertium", "apertium-fra-cat", "apertium-eng-cat"]),
        ("en", "es", ["apertium", "apertium-eng-spa"]),
        ("en", "gl", ["apertium", "apertium-en-gl"]),
        ("en", "it", ["apertium", "apertium-eng-cat", "apertium-cat-ita"]),
        ("eu", "en", ["apertium", "apertium-eu-en"]),
        ("en", "eu", []),
        ("en", "de", []),
    ],
)
def test_debian_packages(source, target, packages):
    assert apt_packages(source, target) == packages


def test_packages_of_an_unknown_language():
    with pytest.raises(ConfigError):
        apt_packages("en", "qqq")


def test_the_error_names_the_command_to_type():
    message = str(missing_pair("en", "fr", "nothing here"))
    assert message.endswith("sudo apt-get install --no-install-recommends apertium apertium-eng-cat apertium-fra-cat")
    assert "apt-get" not in str(missing_pair("en", "de", "nothing here"))
