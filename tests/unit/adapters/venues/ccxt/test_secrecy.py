from __future__ import annotations

import pytest

from investbot.adapters.venues.ccxt.secrecy import Keys
from investbot.domain.errors import ConfigError

SECRETS = {"apiKey": "canary-key-1", "secret": "cana/ry+secret=2", "privateKey": "-----X-----\ncanary3\n-----Y-----"}


def test_it_shows_its_fields_only() -> None:
    keys = Keys({**SECRETS, "uid": ""})
    assert repr(keys) == str(keys) == "Keys(apiKey, secret, privateKey)"
    assert list(keys) == ["apiKey", "secret", "privateKey"]
    assert keys.values() == SECRETS
    assert not hasattr(keys, "__dict__")


def test_a_field_ccxt_does_not_know_is_refused_without_its_value() -> None:
    with pytest.raises(ConfigError, match="cannot have a field api_key") as caught:
        Keys({"api_key": "canary-key-1"})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("key canary-key-1 is bad", "key … is bad"),
        ("cana/ry+secret=2 and cana%2Fry%2Bsecret%3D2", "… and …"),
        ("-----X-----\\ncanary3\\n-----Y-----.", "…."),
        (
            "binance GET https://x/api/v3/order?timestamp=1&signature=abc 400",
            "binance GET https://x/api/v3/order?… 400",
        ),
        ('{"signature":"0a9f", "code":-1}', '{"signature":"…", "code":-1}'),
        ("X-API-Key: abcdef", "X-API-Key: …"),
        ("two\n  lines", "two lines"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_texts_are_cleaned(text: str, clean: str) -> None:
    assert Keys(SECRETS).clean(text) == clean
