"""Short work at a venue in a process of its own: a supervisor holds no exchange class and waits for no venue.

`python -m investbot.bootstrap.errands account|flatten` prints one JSON object, or a sentence and an exit code.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from investbot.bootstrap.process import harden, read_key
from investbot.domain.errors import InvestBotError


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the process that `send` starts; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="investbot.bootstrap.errands", description="Short work at the venue of one instance."
    )
    parser.add_argument("errand", choices=("account", "flatten"))
    parser.add_argument("--home", type=Path, required=True, help="the fleet's home")
    parser.add_argument("--name", required=True, help="the instance")
    parser.add_argument("--key-fd", type=int, required=True, help="the pipe that holds the 32-byte data key")
    parser.add_argument("--by", default="operator", help="who asks")
    given = parser.parse_args(arguments)
    harden()
    try:
        answer = _run(given.errand, given.home, given.name, read_key(given.key_fd), given.by)
    except InvestBotError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _run(errand: str, home: Path, name: str, key: bytes, by: str) -> dict[str, Any]:
    from investbot.bootstrap.account import ask_venue
    from investbot.bootstrap.home import Home
    from investbot.bootstrap.instance import flatten_at_venue

    if errand == "account":
        return ask_venue(Home(home), name, key).data()
    return flatten_at_venue(home, name, key, by)


if __name__ == "__main__":
    sys.exit(main())
