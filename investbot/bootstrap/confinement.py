"""What an instance may reach, worked out of its settings, and put into force before any code of others runs in it."""

from __future__ import annotations

import logging
import os
import resource
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import investbot
from investbot.adapters.isolation.confine import confine
from investbot.adapters.isolation.policy import Policy, Report, apart, switched_off
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.intelligence import files_of, ports_of
from investbot.bootstrap.live import at_venue, venue_keys
from investbot.bootstrap.venues import venue_names
from investbot.config.fleet import load_fleet
from investbot.config.guarding import IsolationPart
from investbot.config.instance import InstanceConfig
from investbot.control.identity import start_time
from investbot.domain.errors import ConfigError
from investbot.instance.memory import OWN

_LOG = logging.getLogger("investbot.instance")
_NAMES, _HTTPS = 53, 443
_OFFLINE = frozenset({"replay", "synthetic"})
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/etc/ld.so.cache")
_CUSTOMS = ("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/usr/share/locale", "/etc/locale.alias")
_MACHINE = ("/dev/urandom", "/sys/devices/system/cpu", "/etc/mime.types")
_NETWORK = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust/extracted",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    # Who keeps the addresses of name servers replaces the file: the folder, so that the next one can be read too.
    "/run/systemd/resolve",
    "/run/resolvconf",
)
_NAME_SERVICES = (Path("/run/systemd/resolve"), Path("/run/nscd"))


def isolate(place: Home, folder: InstanceHome, config: InstanceConfig, key: bytes, *, answers: bool = False) -> Report:
    """Restrict this process, for good, to what its instance needs, and say in the log what of that is in force.

    Its ledger is open by now, and so is the door at which it `answers`. ConfigError for settings that reach into
    another's files; InvariantError when there are threads already.
    """
    wanted = load_fleet(place.path).isolation
    start_time()  # both read /proc, which is out of reach afterwards
    OWN.look()
    if not wanted.holds(config.name):
        mark()
        _LOG.warning("not_isolated", extra={"fields": {"why": "isolation.off in investbot.toml"}})
        return switched_off()
    folder.exit.touch(mode=0o600)
    policy = policy_of(place, folder, config, wanted, _bucket(place, folder, config, key))
    report = confine(replace(policy, answers=answers))
    level = logging.WARNING if set(report.missing) - {"sockets"} else logging.INFO
    _LOG.log(level, "isolated", extra={"fields": report.data()})
    return report


def mark() -> None:
    """Let a supervisor know this process for an instance for as long as it lives (see `is_instance`)."""
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))


def policy_of(
    place: Home, folder: InstanceHome, config: InstanceConfig, wanted: IsolationPart, bucket: Path | None
) -> Policy:
    """Work out what an instance may reach; ConfigError for settings that name files of the home's private part.

    Of its own folder it changes its ledger, its logs and its last word; never its settings, which say all of this.
    """
    ports = _ports(config)
    ledger = folder.ledger
    beside = [ledger.with_name(ledger.name + end) for end in ("-wal", "-shm")]
    named = [*_named(folder, config), *map(Path, wanted.read)]
    for path in named:
        _demand_open(place, folder, path)
    networked = bool(ports or wanted.ports)
    program = _own_program()
    machine = [
        *program,
        *_libraries(),
        *map(Path, (*_LIBRARIES, *_CUSTOMS, *_MACHINE)),
        *(_network() if networked else ()),
    ]
    return Policy(
        read=(
            *apart(machine, place.path, program),
            place.settings,
            place.market,
            folder.path,
            *(path.resolve() for path in named),
        ),
        write=(folder.logs, ledger, *beside, folder.exit, Path(os.devnull), *_of(bucket), *_measured()),
        meet=(place.run.path, *_manager(), *(_NAME_SERVICES if networked else ())),
        connect=(*ports, *wanted.ports),
    )


def _bucket(place: Home, folder: InstanceHome, config: InstanceConfig, key: bytes) -> Path | None:
    """Name the file of requests that an instance shares with others on its account, made where it is not there."""
    if not at_venue(config):
        return None
    from investbot.adapters.venues.ccxt.limiter import bucket_path

    path = bucket_path(place.run.path / "limits", config.venue.name, venue_keys(folder, key))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    return path


def _ports(config: InstanceConfig) -> tuple[int, ...]:
    own, asked = _venue_ports(config), ports_of(config.intelligence)
    return (*own, *sorted((asked | {_NAMES} if asked else asked) - set(own)))


def _venue_ports(config: InstanceConfig) -> tuple[int, ...]:
    name = config.venue.name
    if name in _OFFLINE:
        return ()
    if name in venue_names():
        return (_HTTPS, _NAMES)
    from investbot.adapters.venues.ccxt.ports import venue_ports

    sources = [venue_ports(each.venue, each.ccxt) for each in config.market.sources]
    return tuple(sorted({_HTTPS, _NAMES}.union(venue_ports(name, config.venue.ccxt), *sources)))


def _named(folder: InstanceHome, config: InstanceConfig) -> Iterator[Path]:
    """Name the files that the settings name: candles and a strategy's own."""
    if config.venue.name == "replay":
        told = config.venue.replay
        yield from map(Path, told.files.values())
        yield from _of(told.file)
        yield from _of(told.facts)
    yield from files_of(config.intelligence)
    strategy = config.strategy.name.partition(":")[0]
    if strategy.endswith(".py"):
        yield folder.path / strategy


def _demand_open(place: Home, folder: InstanceHome, path: Path) -> None:
    real = path.resolve()
    own = folder.path.resolve()
    closed = [each.resolve() for each in (place.instances, place.run.path, place.vault)]
    if not real.is_relative_to(own) and any(real.is_relative_to(each) or each.is_relative_to(real) for each in closed):
        raise ConfigError(
            f"The settings of {folder.name} name {path}, and there lie secrets of this home; keep it somewhere else."
        )


def _own_program() -> list[Path]:
    """Name where this program and its libraries lie, be it inside of a home."""
    told = sysconfig.get_paths()
    places = dict.fromkeys(told[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return [Path(next(iter(investbot.__path__))), *map(Path, places)]


def _libraries() -> Iterator[Path]:
    yield from (Path(each) for each in sys.path if each)
    yield Path(sys.base_prefix) / "lib"
    yield from (Path(each) for each in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if each)
    yield from Path(sys.prefix).glob("pyvenv.cfg")


def _network() -> Iterator[Path]:
    import ssl

    told = ssl.get_default_verify_paths()
    yield from map(Path, _NETWORK)
    yield from (Path(each) for each in (told.cafile, told.capath) if each)


def _manager() -> list[Path]:
    """Name the socket of the service manager that waits for word of this process (sd_notify(3))."""
    told = os.environ.get("NOTIFY_SOCKET", "")
    return [Path(told)] if told.startswith("/") else []


def _measured() -> list[Path]:
    """Let a run that is measured write down which lines it came by."""
    coverage = sys.modules.get("coverage")
    measuring = None if coverage is None else coverage.Coverage.current()
    return [] if measuring is None else [Path(measuring.config.data_file).absolute().parent]


def _of(path: Path | str | None) -> Iterable[Path]:
    return () if path is None else (Path(path),)
