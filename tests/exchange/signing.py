"""API keys: who signed a request, whether the signature is right, in time, and whether the key may do that."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tests.exchange.values import Refusal

WINDOW_MS, WIDEST_MS, AHEAD_MS = 5000, 60_000, 1000
"""How old a request may be when it does not say, at most, and how far it may be ahead; venue milliseconds."""


@dataclass(slots=True)
class Key:
    """One API key of an account; `ips` is the allowlist's sign, not the list."""

    name: str
    account: str
    api_key: str
    secret: str = field(repr=False)
    trade: bool = True
    withdraw: bool = False
    ip_restricted: bool = True
    revoked: bool = False


class Keyring:
    """All keys of the exchange; the same seed makes the same keys."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._keys: dict[str, Key] = {}
        self.by_name: dict[str, Key] = {}

    def add(
        self, name: str, account: str, *, trade: bool = True, withdraw: bool = False, ip_restricted: bool = True
    ) -> Key:
        """Make a key."""
        api_key, secret = (
            hashlib.sha256(f"{self._seed}/{name}/{part}".encode()).hexdigest() for part in ("key", "secret")
        )
        key = Key(name, account, api_key, secret, trade, withdraw, ip_restricted)
        self._keys[api_key] = self.by_name[name] = key
        return key

    def known(self, api_key: str | None) -> Key:
        """Find a key that is in force; Refusal with status 401."""
        if not api_key:
            raise Refusal(-2014, "API-key format invalid.", 401)
        key = self._keys.get(api_key)
        if key is None or key.revoked:
            raise invalid()
        return key

    def verify(self, key: Key, payload: str, query: dict[str, str], now: int, scale: float) -> None:
        """Check time and signature of a request; `payload` is what was signed, with or without the signature.

        `now` is venue time in milliseconds; `scale` widens the windows. Refusal.
        """
        stamp = query.get("timestamp", "")
        if not stamp.isdigit():
            raise Refusal(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
        window = float(query.get("recvWindow", WINDOW_MS))
        if window > WIDEST_MS:
            raise Refusal(-1131, "recvWindow must be less than 60000.")
        if int(stamp) >= now + AHEAD_MS * scale:
            raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - int(stamp) > window * scale:
            raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
        signature = query.get("signature")
        if not signature:
            raise Refusal(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        signed = "&".join(part for part in payload.split("&") if not part.startswith("signature="))
        if not hmac.compare_digest(sign(key.secret, signed), signature.lower()):
            raise Refusal(-1022, "Signature for this request is not valid.")


def sign(secret: str, payload: str) -> str:
    """Sign as Binance asks for it: HMAC-SHA256 over the parameters as sent, in hexadecimal."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def fields(payload: str) -> dict[str, str]:
    """Read url-encoded parameters; the last one of a name counts."""
    return dict(parse_qsl(payload, keep_blank_values=True))


def invalid() -> Refusal:
    """The answer to a key that is unknown, revoked, or may not do that."""
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
