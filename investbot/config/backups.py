"""`[backups]` of investbot.toml: where archives go besides the home, who may read them, and how many stay."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

from investbot.config.fields import Duration, Whole
from investbot.config.sections import Section

_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
"""An X25519 recipient as age writes it: Bech32 of 32 bytes with its checksum."""


def _list_of(example: str, read: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    def read_all(value: object) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ValueError(f"write a list, such as {example}.")  # noqa: TRY004  a ValueError is what the reader collects
        return tuple(map(read, value))

    return read_all


def _folder(value: object) -> str:
    if not isinstance(value, str) or not Path(value).is_absolute():
        raise ValueError(f"{value!r} is not a folder from the root; write it whole, such as /mnt/usb/investbot.")
    return value


def _recipient(value: object) -> str:
    if not isinstance(value, str) or not _RECIPIENT.fullmatch(value):
        raise ValueError(f"{value!r} is no age recipient; they begin with age1, and `age-keygen` makes one.")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{value!r} is no word of a command.")
    return value


_FOLDERS = _list_of('["/mnt/usb/investbot"]', _folder)
_RECIPIENTS = _list_of('["age1…"]', _recipient)
_WORDS = _list_of('["rclone", "copy", "--config", "/home/me/rclone.conf"]', _word)


class BackupsPart(Section):
    """`[backups]`: folders that get a copy of every archive, further age recipients, a command, and retention.

    `after` is run for each archive, its path added at the end, without a shell. `daily`, `weekly` and `monthly` count
    the archives that `backup expire` leaves of each kind; `ship` is how often what is new goes to `to` between two
    archives (0 = only archives).
    """

    to: Annotated[tuple[str, ...], PlainValidator(_FOLDERS), PlainSerializer(list)] = ()
    recipients: Annotated[tuple[str, ...], PlainValidator(_RECIPIENTS), PlainSerializer(list)] = ()
    after: Annotated[tuple[str, ...], PlainValidator(_WORDS), PlainSerializer(list)] = ()
    daily: Whole = 30
    weekly: Whole = 8
    monthly: Whole = 12
    ship: Duration = 0
