"""A gateway of fixed answers, for commands that ask one."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable
from typing import NamedTuple


class Asked(NamedTuple):
    path: str
    key: str | None
    method: str = "GET"
    body: bytes = b""


class Gateway:
    """Answers all that it is asked with one text, and notes what it was asked."""

    def __init__(self, status: int, body: str, **headers: str) -> None:
        asked: list[Asked] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                given = self.rfile.read(size)
                key = self.headers.get("x-lynkr-key")
                asked.append(Asked(self.path, key, self.command, given))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_DELETE = _answer  # http.server's own names

            def log_message(self, *_: object) -> None:
                return

        self.asked = asked
        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


Serve = Callable[..., Gateway]
