from __future__ import annotations

import pytest

from investbot.adapters.notify.address import read_address
from investbot.domain.errors import DataError

GOOD = "https://discord.com/api/webhooks/123456/abc-DEF_1"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  {GOOD}/\n",
        "https://discordapp.com/api/webhooks/1/x",
        "https://canary.discord.com/api/v10/webhooks/1/x",
        "http://127.0.0.1:8080/api/webhooks/1/x",
        "http://localhost/hook",
        "https://[::1]:9/hook",
    ],
)
def test_a_webhook_is_taken(text: str) -> None:
    address = read_address(text)
    assert address.url == text.strip().rstrip("/")
    assert address.host in address.url
    assert address.url not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "discord.com/api/webhooks/1/x",
        "http://discord.com/api/webhooks/1/x",
        "https://discord.com/api/webhooks/x/1",
        "https://discord.com:8443/api/webhooks/1/x",
        "https://discord.com.evil.test/api/webhooks/1/x",
        "https://evil.test/api/webhooks/1/x",
        "https://me:secret@discord.com/api/webhooks/1/x",
        "https://discord.com/api/webhooks/1/x?wait=true",
        "https://discord.com/api/webhooks/1/x#y",
        "http://127.0.0.1/",
        "http://[::1",
        "http://127.0.0.1:port/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
    ],
)
def test_anything_else_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(DataError) as refused:
        read_address(text)
    assert "no address" in str(refused.value)
    assert not text.strip() or text not in str(refused.value)


def test_another_base_is_asked_for_the_same_path() -> None:
    address = read_address(GOOD, "http://127.0.0.1:99")
    assert address.url == "http://127.0.0.1:99/api/webhooks/123456/abc-DEF_1"
    assert address.host == "127.0.0.1"


def test_marks_tell_addresses_apart() -> None:
    assert read_address(GOOD).mark == read_address(f"{GOOD} ").mark != read_address(f"{GOOD}2").mark
