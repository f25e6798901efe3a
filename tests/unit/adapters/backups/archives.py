"""Small archives for tests, and the ways to spoil one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from investbot.adapters.backups import sealing
from investbot.adapters.backups.archive import AgeArchiver, measure
from investbot.adapters.storage.pages import PageSealer, plain_pages
from investbot.ports.backups import LEDGER, Content, Keys, Manifest
from tests.unit.adapters.storage.samples import KEY, filled

AT = 1_767_225_600_123
IDENTITY = sealing.new_identity()
KEYS = Keys((IDENTITY,), (b"s" * 32,))
STRANGER = Keys((sealing.new_identity(),), KEYS.seals)
SETTINGS = b'name = "alpha"\n'


def archiver() -> AgeArchiver:
    return AgeArchiver(PageSealer)


def silent(_what: str, _done: int, _total: int) -> None:
    pass


def content(name: str, data: bytes) -> Content:
    return Content(name, lambda: iter((data[:3], data[3:])))


def manifest(*contents: Content, instance: str = "alpha", number: int = 7) -> Manifest:
    return Manifest(
        instance=instance,
        number=number,
        created_at=AT,
        program="1.2.3",
        members=tuple(measure(each) for each in contents),
        schema=2,
        last_seq=61,
        last_event_at=AT - 5,
        rows={"events": 61},
        sums={"cash": "12.50"},
    )


def files(extra: Mapping[str, bytes] | None = None) -> list[Content]:
    named = {"instance.toml": SETTINGS, "versions/0001.toml": b"version = 1\n", **(extra or {})}
    return [content(name, data) for name, data in named.items()]


def pack(path: Path, *contents: Content, keys: Keys = KEYS, instance: str = "alpha", number: int = 7) -> Manifest:
    said = manifest(*contents, instance=instance, number=number)
    with path.open("wb") as file:
        archiver().pack(said, contents, keys, file, silent)
    return said


def with_ledger(path: Path, work: Path) -> Manifest:
    ledger = work / "source.db"
    if not ledger.exists():
        filled(ledger, 3, 20)
    return pack(path, Content(LEDGER, lambda: plain_pages(ledger, KEY)), *files())


@cache
def plain(name: str) -> bytes:
    return name.encode() * 1000
