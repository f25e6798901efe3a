from __future__ import annotations

import pytest

from tests.exchange.signing import Key, Keyring, fields, sign
from tests.exchange.values import Refusal

NOW = 1_700_000_000_000


@pytest.fixture
def ring() -> Keyring:
    made = Keyring(7)
    made.add("main", "main")
    return made


def verify(ring: Keyring, payload: str, *, key: Key | None = None, scale: float = 1.0) -> None:
    ring.verify(key or ring.by_name["main"], payload, fields(payload), NOW, scale)


def signed(ring: Keyring, payload: str) -> str:
    return f"{payload}&signature={sign(ring.by_name['main'].secret, payload)}"


def test_the_signature_of_binances_own_example() -> None:
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    payload = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    assert sign(secret, payload) == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


@pytest.mark.parametrize("late", [0, 5000, -999])
def test_what_is_signed_and_in_time_passes(ring: Keyring, late: int) -> None:
    verify(ring, signed(ring, f"symbol=BTCUSDT&timestamp={NOW - late}"))


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (f"timestamp={NOW - 5001}", -1021),
        (f"timestamp={NOW + 1000}", -1021),
        (f"timestamp={NOW - 101}&recvWindow=100", -1021),
        (f"timestamp={NOW}&recvWindow=60001", -1131),
        ("symbol=BTCUSDT", -1102),
        ("timestamp=now", -1102),
    ],
)
def test_what_is_out_of_time_is_refused(ring: Keyring, payload: str, code: int) -> None:
    with pytest.raises(Refusal) as refusal:
        verify(ring, signed(ring, payload))
    assert refusal.value.code == code


def test_a_window_can_be_widened(ring: Keyring) -> None:
    verify(ring, signed(ring, f"timestamp={NOW - 240_000}"), scale=50)


def test_whatever_was_changed_after_signing_is_noticed(ring: Keyring) -> None:
    good = signed(ring, f"quantity=1&timestamp={NOW}")
    for bad in (good.replace("quantity=1", "quantity=2"), good[:-1] + ("0" if good[-1] != "0" else "1")):
        with pytest.raises(Refusal) as refusal:
            verify(ring, bad)
        assert refusal.value.code == -1022
    with pytest.raises(Refusal) as refusal:
        verify(ring, f"timestamp={NOW}")
    assert refusal.value.code == -1102
    with pytest.raises(Refusal) as refusal:
        verify(ring, good, key=ring.add("other", "main"))
    assert refusal.value.code == -1022


def test_keys_that_are_missing_unknown_or_revoked_are_refused(ring: Keyring) -> None:
    key = ring.by_name["main"]
    assert ring.known(key.api_key) is key
    key.revoked = True
    for api_key, code in ((None, -2014), ("", -2014), ("unknown", -2015), (key.api_key, -2015)):
        with pytest.raises(Refusal) as refusal:
            ring.known(api_key)
        assert (refusal.value.code, refusal.value.status) == (code, 401)


def test_a_seed_makes_the_same_keys_and_hides_the_secret(ring: Keyring) -> None:
    assert Keyring(7).add("main", "main") == ring.by_name["main"]
    assert Keyring(8).add("main", "main").api_key != ring.by_name["main"].api_key
    assert ring.by_name["main"].secret not in repr(ring.by_name["main"])
