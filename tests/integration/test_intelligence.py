"""An isolated instance asks a source over a real connection, keeps its key to itself, and lets nothing disturb it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage.secrets import set_secrets
from investbot.bootstrap.intelligence import key_name
from tests.integration.instance_homes import BEGIN, KEY, events, make_home, make_instance, running, wait_for

pytestmark = pytest.mark.slow

CANARY = "canary-source-key-77aa"
GOOD = {"data": [{"value": 80, "timestamp": BEGIN // 1000, "text": "Greed"}]}


class World:
    """Answers as it is told to: a good index at /good, a page at /page, nothing at all at /hangs."""

    def __init__(self) -> None:
        world, self.keys, self.asked = self, set[str | None](), set[str]()
        self.over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                world.asked.add(self.path)
                world.keys.add(self.headers.get("X-Key"))
                if self.path == "/hangs":
                    world.over.wait(60)
                    return
                body = json.dumps(GOOD).encode() if self.path == "/good" else b"<html>Just a moment</html>"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.over.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def source(world: World, name: str) -> str:
    return (
        f'{{name = "{name}", kind = "json", url = "http://127.0.0.1:{world.port}/{name}", items = "data", '
        'bias = "value", bias_range = [0, 100], published_at = "timestamp", text = "text", every = "1s", '
        'timeout = "1s", expires_after = "20d", key_header = "X-Key"}'
    )


@pytest.mark.timeout(300)
def test_a_source_is_heard_through_the_walls_and_others_change_nothing(
    tmp_path: Path, world: World, landlock: int
) -> None:
    home = make_home(tmp_path / "fleet")
    sources = ", ".join(source(world, name) for name in ("good", "page", "hangs"))
    synthetic = ("venue.name=synthetic", "venue.synthetic.speed=20", f"intelligence.sources=[{sources}]")
    alpha = make_instance(home, "alpha", *synthetic)
    set_secrets(alpha.ledger, KEY, {key_name("good"): CANARY}, BEGIN)
    with running(home, "alpha") as process:
        told = wait_for(lambda: _told(alpha, process), 90)
        process.terminate()
        process.wait(timeout=60)
    (heard,) = told["IntelligenceHeard"]
    assert (heard["item"]["bias"], heard["item"]["text"]) == (0.6, "Greed")
    reasons = {each["source"]: each["reason"] for each in told["IntelligenceRefused"]}
    assert set(reasons) == {"page", "hangs"}
    assert "page" in reasons["page"]
    assert "did not answer" in reasons["hangs"]
    assert len(told["IntelligenceRefused"]) == 2
    assert world.keys == {CANARY, None}
    assert CANARY not in "".join(path.read_text() for path in alpha.log_files())
    assert any(event["at"] > "2024-01-01" for event in told["SignalRaised"])
    assert heard["item"]["expires_at"] > heard["at"]


def _told(alpha: Any, process: Any) -> dict[str, list[dict[str, Any]]] | None:
    """Give the events by kind once all that is waited for is there."""
    assert process.poll() is None, process.communicate()
    found: dict[str, list[dict[str, Any]]] = {}
    for event in events(alpha):
        found.setdefault(event["kind"], []).append(event)
    enough = (
        len(found.get("IntelligenceRefused", ())) >= 2 and found.get("IntelligenceHeard") and found.get("SignalRaised")
    )
    return found if enough else None
