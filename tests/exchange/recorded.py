"""Recorded answers of real exchanges, served on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from investbot.adapters.venues.ccxt.loader import exchange_class


@contextmanager
def recorded(folder: Path, name: str, first: str = "") -> Iterator[dict[str, Any]]:
    """Serve the recordings of one exchange, the file `first` before others; gives the `urls` to put into settings."""
    routes = [route for route in json.loads((folder / "routes.json").read_text()) if route["exchange"] == name]
    routes.sort(key=lambda route: not Path(route["file"]).name.startswith(("recorded_", "ccxt_")))
    routes.sort(key=lambda route: Path(route["file"]).name != first)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            match = next(
                (route for route in routes if route["http"] == "GET" and re.search(route["path_regex"], path)), None
            )
            body = b'{"message": "not recorded"}' if match is None else (folder / match["file"]).read_bytes()
            self.send_response(404 if match is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        host = f"http://127.0.0.1:{server.server_address[1]}"
        yield {"api": _moved(exchange_class(name)().urls["api"], host)}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _moved(urls: Any, host: str) -> Any:
    """Put `host` in the place of scheme and host of every address."""
    if isinstance(urls, dict):
        return {key: _moved(value, host) for key, value in urls.items()}
    return re.sub(r"^https?://[^/]+", host, urls) if isinstance(urls, str) else urls
