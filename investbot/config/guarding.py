"""`[control]` and `[isolation]` of investbot.toml: who may talk to the supervisor, and what instances may reach."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

from investbot.config.sections import Section

Who = str | int
"""A user's name or number; with an @ before it a group's."""
_ACCOUNT = re.compile(r"@?[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?|@[0-9]{1,10}")
_MOST_ID = 2**32 - 2


def _list_of(what: str, read: Callable[[object], object]) -> Callable[[object], tuple[object, ...]]:
    def read_all(value: object) -> tuple[object, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ValueError(f"write a list, such as {what}.")  # noqa: TRY004  a ValueError is what the reader collects
        found = tuple(map(read, value))
        for each in found:
            if found.count(each) > 1:
                raise ValueError(f"{each} is named twice.")
        return found

    return read_all


def _account(value: object) -> Who:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_ID:
        return value
    if not isinstance(value, str) or not _ACCOUNT.fullmatch(value):
        raise ValueError(f'{value!r} is neither a user nor a group; write "ana", 1001, "@ops" or "@1001".')
    return value


def _instance(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\*|[a-z0-9][a-z0-9_-]{0,31}", value):
        raise ValueError(f'{value!r} is not the name of an instance; "*" means all of them.')
    return value


def _path(value: object) -> str:
    if not isinstance(value, str) or not Path(value).is_absolute():
        raise ValueError(f"{value!r} is not a path from the root; write it whole, such as /srv/models.")
    return value


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65_535:
        raise ValueError(f"{value!r} is not a port; write a number from 1 to 65535.")
    return value


Accounts = Annotated[tuple[Who, ...], PlainValidator(_list_of('["ana", "@ops"]', _account)), PlainSerializer(list)]
Instances = Annotated[tuple[str, ...], PlainValidator(_list_of('["alpha"]', _instance)), PlainSerializer(list)]
Paths = Annotated[tuple[str, ...], PlainValidator(_list_of('["/srv/models"]', _path)), PlainSerializer(list)]
Ports = Annotated[tuple[int, ...], PlainValidator(_list_of("[8443]", _port)), PlainSerializer(list)]


class ControlPart(Section):
    """`[control]`: who else than the owner of the home may give commands (`admins`), or look only (`readers`)."""

    admins: Accounts = ()
    readers: Accounts = ()


class IsolationPart(Section):
    """`[isolation]`: what instances may reach beside what they need, and those that are not isolated at all.

    `off` names instances ("*" = all), `read` files and folders, `ports` TCP ports that every instance may connect to.
    """

    off: Instances = ()
    read: Paths = ()
    ports: Ports = ()

    def holds(self, name: str) -> bool:
        """Tell whether an instance is to be isolated."""
        return not {"*", name} & set(self.off)
