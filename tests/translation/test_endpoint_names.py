"""How a model behind an endpoint is named: ``MODEL@URL``."""

from __future__ import annotations

import pytest

from passerelle.endpoints.requests import model_and_url
from passerelle.errors import ConfigError


@pytest.mark.parametrize("given", ["m@localhost:8000/v1", "m@host.example/v1", "m@10.0.0.1", "m@gpu:8000", "m@ftp://x"])
def test_a_host_without_http_is_no_part_of_a_models_name(given: str) -> None:
    with pytest.raises(ConfigError, match="begins with http"):
        model_and_url(given)


@pytest.mark.parametrize(
    ("given", "model", "url"),
    [
        ("m", "m", ""),
        ("org/m@2024-05", "org/m@2024-05", ""),
        ("m@1.0", "m@1.0", ""),
        ("m@2024-05@http://h:1/v1", "m@2024-05", "http://h:1/v1"),
    ],
)
def test_a_model_and_its_url_are_told_apart(given: str, model: str, url: str) -> None:
    assert model_and_url(given) == (model, url)
