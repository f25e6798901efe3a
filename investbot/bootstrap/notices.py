"""Where notices go and what they are made of: addresses in the vault, choices in the settings, ledgers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice

from investbot.adapters.notify.address import BASE, Address, read_address
from investbot.adapters.notify.discord import DiscordWebhook
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.vault import OpenVault
from investbot.bootstrap.home import Home
from investbot.config.fleet import load_fleet
from investbot.config.instance import InstanceConfig, load_instance
from investbot.domain.errors import ConfigError, DataError
from investbot.domain.market import DAY
from investbot.ports.ledger import Recorded
from investbot.ports.notifier import Kind
from investbot.supervisor.news import Route
from investbot.supervisor.notices import Subject
from investbot.supervisor.summaries import Result

DISCORD = "discord"
_OWN_TIME = frozenset({"replay", "synthetic"})
"""Venues whose days are not the world's: nothing of theirs is summed up at the world's midnight."""


def secret_name(instance: str = "") -> str:
    """Name the vault's secret that holds the address of an instance, or of the fleet."""
    return f"{DISCORD}/{instance}" if instance else DISCORD


def addresses(home: Home, vault: OpenVault) -> dict[str, Address | None]:
    """Read the stored addresses, the fleet's as ""; None for one that is none."""
    base = _base(home)
    found: dict[str, Address | None] = {}
    for name in ("", *home.names()):
        stored = vault.secret_get(secret_name(name))
        if stored is not None:
            try:
                found[name] = read_address(stored, base)
            except DataError:
                found[name] = None
    return found


class FleetNews:
    """`supervisor.news.News` on a home's files."""

    def __init__(
        self, home: Home, vault: OpenVault, key_of: Callable[[str], bytes], secret: Callable[[str], None]
    ) -> None:
        """Read `home` with an open vault; `key_of` gives the data key of an instance, `secret` is told addresses."""
        self._home = home
        self._vault = vault
        self._key_of = key_of
        self._secret = secret

    def names(self) -> list[str]:
        """Name all instances."""
        return self._home.names()

    def routes(self) -> Mapping[str, Route]:
        """Give a way out for each address in the vault."""
        found = addresses(self._home, self._vault)
        for address in found.values():
            if address is not None:
                self._secret(address.url)
        return {name: _route(name, address) for name, address in found.items()}

    def fleet_kinds(self) -> frozenset[Kind]:
        """Read `[news]` of investbot.toml; ConfigError."""
        return frozenset(map(Kind, load_fleet(self._home.path).news.discord))

    def fleet_status(self) -> bool:
        """Read `news.status` of investbot.toml; ConfigError."""
        return load_fleet(self._home.path).news.status

    def subject(self, name: str) -> Subject:
        """Read `[notify]` of an instance and whose money it moves; UnknownInstance, ConfigError."""
        config = self._config(name)
        return Subject(name, config.venue.mode.value, frozenset(map(Kind, config.notify.discord)))

    def last_seq(self, name: str) -> int:
        """Read the last seq of a ledger; LedgerError, VaultError."""
        with self._reading(name) as reader:
            return reader.last_seq()

    def events(self, name: str, after: int, kinds: Collection[str], most: int) -> list[Recorded]:
        """Read the first `most` events of these kinds with seq > `after`; LedgerError, VaultError."""
        with self._reading(name) as reader:
            return list(islice(reader.events(after, kinds=kinds), most))

    def result(self, name: str, first: int, last: int) -> Result | None:
        """Sum up UTC days of a ledger; None for a venue whose time is its own."""
        config = self._config(name)
        if config.venue.name in _OWN_TIME:
            return None
        with self._reading(name) as reader:
            days = [row for row in reader.rows("daily", first * DAY) if first <= row["day"] <= last]
            now = reader.snapshot()
        ends = [Decimal(row["end_equity"]) for row in days if row["end_equity"] is not None]
        starts = [Decimal(row["start_equity"]) for row in days if row["start_equity"] is not None]
        return Result(
            mode=config.venue.mode.value,
            quote=config.market.symbols[0].partition("/")[2],
            equity=ends[-1] if ends else None,
            earned=ends[-1] - starts[0] if ends and starts else None,
            fees=sum((Decimal(row["fees_quote"]) for row in days), Decimal(0)),
            trips=sum(row["trips"] for row in days),
            won=sum(row["wins"] for row in days),
            entries=sum(row["entries"] for row in days),
            open_positions=len(now["positions"]),
            trading_state="" if now["last_event_at"] is None else now["trading_state"],
        )

    def _config(self, name: str) -> InstanceConfig:
        return load_instance(self._home.existing(name).path)

    @contextmanager
    def _reading(self, name: str) -> Iterator[SqlcipherReader]:
        instance = self._home.existing(name)
        reader = SqlcipherReader.open(instance.ledger, self._key_of(name))
        try:
            yield reader
        finally:
            reader.close()


def _route(name: str, address: Address | None) -> Route:
    if address is None:
        whose = f" --instance {name}" if name else ""
        why = f"The stored address is none of a Discord webhook; store it again: `investbot notify set discord{whose}`."
        return Route("", "", None, why)
    webhook = DiscordWebhook(address)
    return Route(address.mark, address.host, webhook, board=webhook)


def _base(home: Home) -> str:
    """Read where Discord is; a broken file must not keep its own alarm from going out."""
    with contextlib.suppress(ConfigError):
        return load_fleet(home.path).news.discord_base
    return BASE
