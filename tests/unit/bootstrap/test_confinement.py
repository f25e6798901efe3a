"""What an instance may reach, by its settings: never the home around it, never another's files."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import investbot
from investbot.adapters.isolation.policy import Policy
from investbot.adapters.storage.secrets import set_secrets
from investbot.bootstrap import confinement
from investbot.bootstrap.confinement import policy_of
from investbot.bootstrap.home import Home, InstanceHome
from investbot.config.fleet import load_fleet
from investbot.config.guarding import IsolationPart
from investbot.config.instance import load_instance
from investbot.domain.errors import ConfigError
from tests.integration.instance_homes import KEY, make_home, make_instance, replaying, write_candles

EXCHANGE = ("venue.name=binance", "venue.mode=sandbox")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "fleet")


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    return write_candles(tmp_path / "candles.csv", 10)


def policy(home: Home, folder: InstanceHome, bucket: Path | None = None, **wanted: Any) -> Policy:
    return policy_of(home, folder, load_instance(folder.path), IsolationPart(**wanted), bucket)


def reached(paths: tuple[Path, ...], path: Path) -> bool:
    return any(path.resolve().is_relative_to(each.resolve()) for each in paths)


def test_of_a_home_only_its_own_part_is_within_reach(home: Home, candles: Path) -> None:
    alpha, beta = replaying(home, "alpha", candles), replaying(home, "beta", candles)
    told = policy(home, alpha)
    for path in (beta.path, beta.ledger, beta.logs, home.vault, home.run.journal, home.run.audit, home.profiles):
        assert not reached(told.read + told.write, path), path
    for path in (home.path, home.instances, home.run.path):
        assert path not in told.read + told.write, path
    for path in (alpha.ledger, alpha.settings, home.market, home.settings, candles, Path(investbot.__file__)):
        assert reached(told.read, path), path
    assert told.meet == (home.run.path,)


def test_it_changes_its_ledger_its_logs_and_its_last_word(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    told = policy(home, alpha)
    ledger = alpha.ledger
    written = {path for path in told.write if path != Path("/dev/null")} - set(confinement._measured())
    assert written == {
        alpha.logs,
        alpha.exit,
        ledger,
        *(ledger.with_name(f"ledger.db-{end}") for end in ("wal", "shm")),
    }
    assert not reached(told.write, alpha.settings)
    assert not reached(told.write, alpha.versions)


def test_who_replays_has_no_network(home: Home, candles: Path) -> None:
    told = policy(home, replaying(home, "alpha", candles))
    assert (told.connect, told.listen, told.networked) == ((), (), False)
    assert Path("/etc/resolv.conf") not in told.read
    told = policy(home, make_instance(home, "gamma", "venue.name=synthetic"))
    assert not told.networked


def test_who_trades_at_an_exchange_reaches_its_ports(home: Home) -> None:
    told = policy(home, make_instance(home, "alpha", *EXCHANGE))
    assert set(told.connect) == {53, 443, 9443}
    assert told.listen == ()
    assert Path("/etc/hosts") in told.read
    assert {Path("/run/systemd/resolve"), home.run.path} <= set(told.meet)


def test_ports_of_the_settings_count_too(home: Home) -> None:
    proxied = make_instance(
        home,
        "alpha",
        "venue.name=kraken",
        "venue.ccxt.httpsProxy=http://127.0.0.1:3128",
        'venue.ccxt.urls.api={public = "http://[::1]:8099/x", private = "HTTP://host/x", ws = "ws://u@h:65536"}',
        'venue.ccxt.more=["socks5://10.0.0.1", 7, "not an address:99"]',
    )
    assert set(policy(home, proxied).connect) == {53, 80, 443, 1080, 3128, 8099}


def test_where_candles_come_from_else_is_reached_too(home: Home) -> None:
    told = 'market.sources=[{venue = "kraken", ccxt = {urls = {api = {public = "http://127.0.0.1:8077"}}}}]'
    assert {443, 8077} < set(policy(home, make_instance(home, "alpha", "venue.name=coinbase", told)).connect)


def test_sources_of_intelligence_are_reached_by_their_ports_and_files(
    home: Home, candles: Path, tmp_path: Path
) -> None:
    told = (
        'intelligence.sources=[{name = "a", kind = "json", url = "https://api.example.org/"},'
        ' {name = "b", kind = "feed", url = "http://127.0.0.1:8077/", bullish = ["up"]},'
        f' {{name = "c", kind = "file", file = "{tmp_path}/items.jsonl"}}]'
    )
    given = (f"venue.replay.facts={tmp_path}/past.jsonl",)
    seen = policy(home, replaying(home, "alpha", candles, told, *given))
    assert set(seen.connect) == {53, 443, 8077}
    assert Path("/etc/hosts") in seen.read
    assert {tmp_path / "items.jsonl", tmp_path / "past.jsonl"} <= set(seen.read)
    only_file = told[: told.index('{name = "a"')] + told[told.index('{name = "c"') :]
    assert not policy(home, replaying(home, "beta", candles, only_file)).networked
    stolen = only_file.replace(f"{tmp_path}/items.jsonl", str(home.vault))
    with pytest.raises(ConfigError, match="secrets of this home"):
        policy(home, replaying(home, "gamma", candles, stolen))


def test_a_venue_of_others_reaches_what_everybody_does(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "venue_names", lambda: ["elsewhere", "replay", "synthetic"])
    elsewhere = make_instance(home, "alpha", "venue.name=elsewhere")
    assert policy(home, elsewhere).connect == (443, 53)


def test_what_the_operator_adds_is_added(home: Home, candles: Path, tmp_path: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    models = tmp_path / "models"
    models.mkdir()
    told = policy(home, alpha, read=(str(models),), ports=(8443,))
    assert models in told.read
    assert told.connect == (8443,)
    assert told.networked


def test_a_strategy_of_a_file_is_read_from_where_it_lies(home: Home, candles: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("")
    told = policy(home, replaying(home, "alpha", candles, f"strategy.name={mine}:Mine"))
    assert mine in told.read
    assert tmp_path not in told.read


def test_settings_cannot_name_what_is_another_s(home: Home, candles: Path, tmp_path: Path) -> None:
    alpha, beta = replaying(home, "alpha", candles), replaying(home, "beta", candles)
    link = tmp_path / "link.csv"
    link.symlink_to(beta.ledger)
    for path in (beta.ledger, home.vault, home.run.journal, home.instances, home.path, tmp_path, link):
        with pytest.raises(ConfigError, match="there lie secrets of this home"):
            policy(home, alpha, read=(str(path),))
        config = load_instance(alpha.path)
        replay = config.venue.replay.model_copy(update={"file": str(path)})
        bent = config.model_copy(update={"venue": config.venue.model_copy(update={"replay": replay})})
        with pytest.raises(ConfigError, match="The settings of alpha name"):
            policy_of(home, alpha, bent, IsolationPart(), None)
    own = replaying(home, "gamma", write_candles(alpha.path / "own.csv", 3))
    with pytest.raises(ConfigError):
        policy(home, own)
    assert alpha.path / "own.csv" in policy(home, alpha, read=(str(alpha.path / "own.csv"),)).read


def test_a_home_around_the_program_or_within_its_way_stays_closed(
    tmp_path: Path, candles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "package").mkdir(parents=True)
    (checkout / "package" / "__init__.py").touch()
    home = make_home(checkout)
    alpha, beta = replaying(home, "alpha", candles), replaying(home, "beta", candles)
    for way in (checkout, tmp_path, checkout / "instances"):
        monkeypatch.setattr(sys, "path", [str(way), "", *sys.path])
    told = policy(home, alpha)
    assert not reached(told.read, beta.ledger)
    assert not reached(told.read, home.vault)
    monkeypatch.setattr(confinement, "_own_program", lambda: [checkout / "package"])
    assert checkout / "package" in policy(home, alpha).read


def test_libraries_are_found_where_the_environment_says(
    home: Home, candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libraries").mkdir()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path / 'libraries'}::")
    assert tmp_path / "libraries" in policy(home, replaying(home, "alpha", candles)).read


@pytest.mark.parametrize(("told", "met"), [("/run/systemd/notify", True), ("@hidden", False), ("", False)])
def test_a_service_manager_hears_of_it(
    home: Home, candles: Path, monkeypatch: pytest.MonkeyPatch, told: str, met: bool
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", told)
    more = (Path(told),) if met else ()
    assert policy(home, replaying(home, "alpha", candles)).meet == (home.run.path, *more)


def test_the_bucket_of_requests_is_that_of_its_own_account(home: Home) -> None:
    alpha = make_instance(home, "alpha", *EXCHANGE)
    set_secrets(alpha.ledger, KEY, {"apiKey": "k" * 20, "secret": "s" * 20}, 0)
    bucket = confinement._bucket(home, alpha, load_instance(alpha.path), KEY)
    assert bucket is not None
    assert (bucket.parent, bucket.stat().st_mode & 0o777) == (home.run.path / "limits", 0o600)
    told = policy(home, alpha, bucket)
    assert bucket in told.write
    assert not reached(told.write, bucket.parent / "binance-0000000000000000.json")
    paper = make_instance(home, "beta", "venue.name=binance")
    assert confinement._bucket(home, paper, load_instance(paper.path), KEY) is None


ISOLATED = """
import json, resource, sys
from pathlib import Path
from investbot.bootstrap.confinement import isolate
from investbot.bootstrap.home import Home
from investbot.config.instance import load_instance
from investbot.control.identity import start_time
from investbot.instance.memory import OWN
home = Home(Path(sys.argv[1]))
alpha, beta = home.instance("alpha"), home.instance("beta")
report = isolate(home, alpha, load_instance(alpha.path), bytes(range(32)))
try:
    seen = beta.settings.read_text() != ""
except PermissionError:
    seen = False
memory = OWN.look()
limit = resource.getrlimit(resource.RLIMIT_MSGQUEUE)[1]
print(json.dumps([report.state, seen, limit, start_time(), [memory.rss_mb, memory.pss_mb]]))
"""


def isolated(home: Home) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", ISOLATED, str(home.path)], capture_output=True, text=True, check=True, cwd=home.path
    )
    return json.loads(done.stdout)


def test_a_process_is_isolated_and_still_knows_itself(home: Home, candles: Path, landlock: int) -> None:
    replaying(home, "alpha", candles)
    replaying(home, "beta", candles)
    state, seen, limit, began, (rss_mb, pss_mb) = isolated(home)
    assert (state, seen, limit) == ("on" if landlock >= 9 else "degraded", False, 0)
    assert began > 0
    assert rss_mb >= pss_mb > 1


def test_the_switch_leaves_all_open_but_the_mark(home: Home, candles: Path) -> None:
    replaying(home, "alpha", candles)
    replaying(home, "beta", candles)
    with home.settings.open("a") as file:
        file.write('[isolation]\noff = ["alpha"]\n')
    assert not load_fleet(home.path).isolation.holds("alpha")
    state, seen, limit, _, _ = isolated(home)
    assert (state, seen, limit) == ("off", True, 0)


ONLINE = """
import json, socket, ssl, sys
from pathlib import Path
from investbot.bootstrap.confinement import isolate
from investbot.bootstrap.home import Home
from investbot.config.instance import load_instance
home = Home(Path(sys.argv[1]))
alpha = home.instance("alpha")
isolate(home, alpha, load_instance(alpha.path), bytes(range(32)))
found = {row[4][0] for row in socket.getaddrinfo("localhost", 443, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)}
met = []
for port in (int(sys.argv[2]), int(sys.argv[3])):
    try:
        socket.create_connection(("127.0.0.1", port), 10).close()
        met.append("connected")
    except PermissionError:
        met.append("refused")
context = ssl.create_default_context()
import encodings.idna, mimetypes, zoneinfo
mimetypes.init()
print(json.dumps([sorted(found), met, str(zoneinfo.ZoneInfo("Europe/Berlin"))]))
"""


def test_names_certificates_and_its_own_port_are_reached(home: Home, landlock: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own, socket.create_server(("127.0.0.1", 0)) as foreign:
        ports = own.getsockname()[1], foreign.getsockname()[1]
        make_instance(home, "alpha", "venue.name=kraken", f"venue.ccxt.urls.api=http://127.0.0.1:{ports[0]}")
        done = subprocess.run(
            [sys.executable, "-c", ONLINE, str(home.path), *map(str, ports)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found, met, zone = json.loads(done.stdout)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert found
    assert met == ["connected", "refused"]
    assert zone == "Europe/Berlin"
