"""The Python half of scripts/demo: a fleet in a throw-away home, driven through the command line as a user would."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

REPOSITORY = Path(__file__).resolve().parents[1]
PROGRAM = REPOSITORY / ".venv" / "bin" / "investbot"
SECONDS = 20.0
"""How long the fleet trades without a terminal, in seconds."""
STATUS_S = 2.0
SLOWEST, FASTEST = 60.0, 2000.0
"""Candles a second of a replay: it should reach the file's end while somebody watches, on a small machine too."""
QUOTES = ("USDT", "USDC", "USD", "EUR", "JPY", "BTC", "ETH")


class DemoError(Exception):
    """The demo cannot go on; its text is for the user."""


class Ended(BaseException):
    """A signal asks the demo to clean up and go."""


@dataclass(frozen=True)
class Plan:
    """One instance of the demo; capital in quote, `settings` beyond its profile."""

    name: str
    profile: str
    capital: str
    settings: tuple[str, ...] = ()


SYNTHETIC = (
    Plan("scalper", "demo-scalp", "1000", ("venue.synthetic.speed=480",)),  # it waits for hours of its market
    Plan("crosser", "demo-cross", "2500"),
    Plan("swinger", "demo-swing", "5000"),
)
ON_FILES = (
    Plan("crosser", "ma-cross", "2500"),
    Plan("puller", "conservative", "1000"),
    Plan("swinger", "ma-cross", "5000"),
)
WIDE = """
[risk]
allow_wide = true
position_fraction = 0.10
[exits]
stop_fraction = 0.02
targets = [[0.03, 0.5], [0.06, 0.5]]
trailing_fraction = 0.03
max_age = "10d"
"""


class Fleet:
    """A home in `scratch` and the commands on it."""

    def __init__(self, scratch: Path) -> None:
        """Write a random passphrase for the home that `init` is going to make."""
        self.home = scratch / "home"
        self.passphrase = scratch / "passphrase"
        handle = os.open(self.passphrase, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("INVESTBOT_")}

    def line(self, *words: str) -> list[str]:
        """Write a command on this home."""
        return [str(PROGRAM), *words, "--home", str(self.home), "--passphrase-file", str(self.passphrase)]

    def run(self, *words: str) -> str:
        """Run a command and give what it printed; DemoError with its own words when it fails."""
        done = subprocess.run(
            self.line(*words),
            check=False,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise DemoError(f"`investbot {' '.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def rows(self, *words: str) -> list[dict[str, Any]]:
        """Run a command that speaks JSON and give its rows."""
        rows: list[dict[str, Any]] = json.loads(self.run(*words, "--json"))
        return rows

    def close(self) -> None:
        """Take the fleet down if it is still up."""
        if (self.home / "run" / "supervisor.sock").exists():
            with contextlib.suppress(DemoError):
                self.run("down", "--yes")


# ---- candle files -------------------------------------------------------------------------------------------------


def describe(path: Path) -> tuple[str, str, int]:
    """Guess a candle file's symbol from its name, and read its timeframe and number of rows; DemoError."""
    from investbot.adapters.venues.candle_blocks import read_blocks
    from investbot.domain.errors import DataError

    try:
        blocks = [block.times for block in read_blocks(path)]
    except DataError as error:
        raise DemoError(str(error)) from error
    times = [float(each) for each in blocks[0]] if blocks else []
    if len(times) < 2:
        raise DemoError(f"{path.name} holds less than two candles.")
    scale = 1 if times[0] > 1e11 else 1000
    gap = min(int((later - earlier) * scale) for earlier, later in pairwise(times))
    for length, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")):
        if gap >= length and gap % length == 0:
            return symbol_of(path), f"{gap // length}{unit}", sum(len(each) for each in blocks)
    raise DemoError(f"{path.name} does not look like closed candles: {gap} ms lie between two of them.")


def symbol_of(path: Path) -> str:
    """Find something like BTCUSDT or AAPL in a file's name."""
    for word in re.findall(r"[A-Z0-9]{2,12}", path.name):
        for quote in QUOTES:
            if word.endswith(quote) and len(word) > len(quote):
                return f"{word.removesuffix(quote)}/{quote}"
        if word.isalpha():
            return f"{word}/USD"
    return "CANDLES/USD"


def plans_on(files: Sequence[Path], folder: Path, seconds: float) -> list[Plan]:
    """Write a profile for each instance that replays one of the files; three instances at least."""
    described = [describe(path) for path in files]
    folder.mkdir(parents=True, exist_ok=True)
    plans = []
    for number in range(max(len(files), len(ON_FILES))):
        path, (symbol, timeframe, rows) = files[number % len(files)], described[number % len(files)]
        plan = ON_FILES[number % len(ON_FILES)]
        speed = min(FASTEST, max(SLOWEST, rows / (0.7 * seconds)))
        name = plan.name if number < len(ON_FILES) else f"{plan.name}{number // len(ON_FILES) + 1}"
        target = folder / f"{name}.toml"
        target.write_text(
            f'description = "Demo: {plan.profile} on {path.name}"\nextends = "{plan.profile}"\n'
            f'[venue]\nname = "replay"\n[venue.replay]\nfile = {json.dumps(str(path))}\nspeed = {speed:.1f}\n'
            f'[market]\nsymbols = ["{symbol}"]\ntimeframe = "{timeframe}"\n' + (WIDE if plan.name == "swinger" else "")
        )
        plans.append(Plan(name, str(target), plan.capital))
    return plans


# ---- the run ------------------------------------------------------------------------------------------------------


def watch(fleet: Fleet, seconds: float | None) -> None:
    """Open the dashboard on a terminal, elsewhere print the status now and then, until the time is over."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        dashboard = subprocess.Popen(fleet.line("dash"), env=fleet.environment)
        try:
            dashboard.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            dashboard.terminate()
            dashboard.wait()
        return
    began = time.monotonic()
    end = began + (SECONDS if seconds is None else seconds)
    while (now := time.monotonic()) < end:
        print(f"\n{now - began:4.0f} s", flush=True)
        print(fleet.run("status"), end="", flush=True)
        time.sleep(max(0.0, min(STATUS_S, end - time.monotonic())))


def play(fleet: Fleet, plans: Sequence[Plan], seconds: float | None) -> None:
    """Make the fleet, let it trade, stop it and report."""
    disclaimer = fleet.run("init").partition("\n\n")[0]
    print(f"{textwrap.fill(disclaimer, 110)}\n", flush=True)
    for plan in plans:
        settings = [word for setting in plan.settings for word in ("--set", setting)]
        made = fleet.run("create", plan.name, "--profile", plan.profile, "--capital", plan.capital, *settings)
        print(made.partition(" Next:")[0].strip(), flush=True)
    fleet.run("up", "--detach")
    print(fleet.run("start", "--all"), end="", flush=True)
    watch(fleet, seconds)
    print("\nSelling what is held and stopping …", flush=True)
    with contextlib.suppress(DemoError):  # what could not be sold is in the report
        fleet.run("flatten", "--all", "--yes")
    fleet.run("stop", "--all")


# ---- the report ---------------------------------------------------------------------------------------------------


def report(fleet: Fleet, plans: Sequence[Plan], source: str) -> None:
    """Print what every instance and each currency came to, net of costs, and what was refused."""
    status = {row["name"]: row for row in fleet.rows("status")}
    heads = ("instance", "currency", "capital", "trips", "won", "net P&L", "costs", "best", "worst", "held")
    lines: list[tuple[str, ...]] = []
    purses: dict[str, tuple[Decimal, list[dict[str, Any]], int]] = {}
    denials: dict[str, Counter[str]] = {}
    for plan in plans:
        row, trips = status[plan.name], fleet.rows("trips", plan.name)
        currency = str(row["symbols"][0]).partition("/")[2]
        held, capital = int(row["open_positions"] or 0), Decimal(plan.capital)
        lines.append((plan.name, currency, *figures(capital, trips, held)))
        before = purses.get(currency, (Decimal(0), [], 0))
        purses[currency] = (before[0] + capital, before[1] + trips, before[2] + held)
        refused = Counter(row["denied_by"] for row in fleet.rows("signals", plan.name) if row.get("denied_by"))
        del refused["entries_paused"]  # the demo's own doing: it paused entries when it sold what was held
        denials[plan.name] = refused
    lines += [("total", currency, *figures(*purse)) for currency, purse in purses.items()]
    print("\nWhat was traded, net of every cost\n")
    table([heads, *lines])
    print("\nRefused by the gate")
    for name, counts in denials.items():
        print(f"  {name}: " + (", ".join(f"{limit} {count}" for limit, count in counts.most_common()) or "nothing"))
    print(f"\n{source} Such results say nothing about what anyone could earn.")


def figures(capital: Decimal, trips: list[dict[str, Any]], held: int) -> tuple[str, ...]:
    """Sum round trips; money in quote, two decimals."""
    results = [Decimal(trip["net_pnl"]) for trip in trips]
    won = f"{sum(result > 0 for result in results) / len(results):.0%}" if results else "-"
    costs = sum((Decimal(trip["costs"]) for trip in trips), Decimal(0))
    best, worst = (f"{max(results):+,.2f}", f"{min(results):+,.2f}") if results else ("-", "-")
    net = sum(results, Decimal(0))
    return (f"{capital:,.2f}", str(len(trips)), won, f"{net:+,.2f}", f"{costs:,.2f}", best, worst, str(held))


def table(lines: Sequence[Sequence[str]]) -> None:
    """Print columns: the first two to the left, figures to the right."""
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    for line in lines:
        cells = [
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  " + "  ".join(cells).rstrip())


# ---- leaving nothing behind ---------------------------------------------------------------------------------------


def started_for(scratch: Path) -> list[int]:
    """Find the processes whose command line names the folder: nobody else knows its name."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            names_it = any(os.fsencode(scratch / "home") in word for word in words)
            if names_it and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def sweep(scratch: Path, patience_s: float = 10.0) -> None:
    """End whatever is left of a demo, politely for `patience_s` seconds, and remove its folder."""
    for how, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, patience_s)):
        for pid in started_for(scratch):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        end = time.monotonic() + wait_s
        while started_for(scratch) and time.monotonic() < end:
            time.sleep(0.1)
    shutil.rmtree(scratch, ignore_errors=True)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Trade on a made-up market, or on candle files, in a throw-away home."
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="how long (20 without a terminal, else until q)")
    parser.add_argument(
        "--data", type=Path, action="append", default=[], metavar="FILE", help="candles: csv, csv.gz, parquet"
    )
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sweep", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.seconds is not None and not 0 < given.seconds <= 86_400:
        parser.error("--seconds takes a number of seconds above zero")
    return given


def leave(number: int, _frame: object) -> NoReturn:
    """End once; a second signal does not disturb the cleaning up."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Ended(number)


def main() -> int:
    """Play, report, clean up; 0 when all went well."""
    given = arguments()
    if given.sweep is not None:
        sweep(given.sweep)
        return 0
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, leave)
    fleet = None
    try:
        files = [path.resolve() for path in given.data]
        fleet = Fleet(given.scratch)
        plans = plans_on(files, given.scratch / "profiles", given.seconds or 60.0) if files else list(SYNTHETIC)
        play(fleet, plans, given.seconds)
        names = ", ".join(path.name for path in files)
        made_up = "Synthetic data: the candles were made up by a seeded random walk and the fills were simulated."
        report(fleet, plans, f"Replayed candles ({names}) with simulated fills." if files else made_up)
    except DemoError as error:
        print(f"The demo stopped: {error}", file=sys.stderr)
        return 1
    except Ended as ended:
        return 128 + int(ended.args[0])
    finally:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        if fleet is not None:
            fleet.close()
        sweep(given.scratch)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
