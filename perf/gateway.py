"""The gateways under test, as a table: how each is configured, started and known to be ready.

Adding a subject is adding a function that writes its configuration and returns its command line.
"""

from __future__ import annotations

import contextlib
import getpass
import http.client
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from perf.process import Child, Cores, HarnessError, free_port
from perf.target import CACHING, OURS, TRANSLATING

READY_TIMEOUT_S = 30.0
READY_POLL_S = 0.002
PROBE_HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}

NGINX_CONFIG = """\
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 8192;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log {directory}/nginx-access.log combined{log_options};
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  tcp_nodelay on;
  # The default of 1000 calls would make nginx reconnect while the others do not.
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  # 100 KB stays in memory. nginx reads a body whole before it connects, which is its default.
  client_max_body_size 32m;
  client_body_buffer_size 256k;
  upstream provider {{
    server 127.0.0.1:{upstream_port};
    keepalive 256;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
}}
"""

LYNKR_CONFIG = """\
[server]
port = {port}
state_dir = "{directory}/state"

[providers.main]
{provider}
api_key = "sk-perf"

[log]
access = "{directory}/lynkr-access.log"
{more}"""
# The client speaks Messages to both.
SPLICED = """\
kind = "anthropic"
base_url = "http://127.0.0.1:{upstream_port}\""""
TRANSLATED = """\
kind = "openai-compatible"
apis = ["chat"]
base_url = "http://127.0.0.1:{upstream_port}/v1\""""
# All hits are served from the cache: none is compared with a fresh answer.
SEMANTIC = """\
[cache]
mode = "semantic"
shadow_rate = 0.0
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a gateway is to live: its own directory, its port, and the mock's."""

    directory: Path
    port: int
    upstream_port: int


Command = Callable[[Site], list[str]]


@dataclass(frozen=True, slots=True)
class Gateway:
    name: str
    port: int
    session: int | None  # None: no gateway, the client talks to the mock
    start_ms: float


def _nginx(site: Site, log_options: str) -> list[str]:
    config = site.directory / "nginx.conf"
    config.write_text(
        NGINX_CONFIG.format(
            # As root, nginx would drop to a user that cannot write here.
            user=f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
            directory=site.directory,
            port=site.port,
            upstream_port=site.upstream_port,
            log_options=log_options,
        )
    )
    return ["nginx", "-c", str(config), "-p", str(site.directory)]


def nginx(site: Site) -> list[str]:
    return _nginx(site, "")


def nginx_buffered_log(site: Site) -> list[str]:
    return _nginx(site, " buffer=64k flush=1s")


def aiohttp_proxy(site: Site) -> list[str]:
    program = Path(__file__).parent / "aiohttp_proxy.py"
    upstream = f"http://127.0.0.1:{site.upstream_port}"
    return [sys.executable, str(program), "--port", str(site.port), "--upstream", upstream]


def lynkr_at(executable: str, provider: str = SPLICED, more: str = "") -> Command:
    def command(site: Site) -> list[str]:
        config = site.directory / "lynkr.toml"
        config.write_text(
            LYNKR_CONFIG.format(
                directory=site.directory,
                port=site.port,
                provider=provider.format(upstream_port=site.upstream_port),
                more=more,
            )
        )
        return [executable, "serve", "--config", str(config)]

    return command


_LYNKR = str(Path(sys.executable).parent / "lynkr")
SUBJECTS: dict[str, Command] = {
    "nginx": nginx,
    "aiohttp": aiohttp_proxy,
    OURS: lynkr_at(_LYNKR),
    TRANSLATING: lynkr_at(_LYNKR, TRANSLATED),
    CACHING: lynkr_at(_LYNKR, more=SEMANTIC),
    # Not run unless asked for: what nginx saves when its log is not written once per request.
    "nginx-buffered-log": nginx_buffered_log,
}
DEFAULT_SUBJECTS = ("nginx", "aiohttp", OURS, TRANSLATING, CACHING)


def answers(port: int, body: bytes) -> bool:
    """Whether the gateway forwarded a call to the mock and brought back its reply."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("POST", "/v1/messages", body, PROBE_HEADERS)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def started(
    name: str, command: Command, upstream_port: int, cores: Cores, body: bytes
) -> Iterator[Gateway]:
    """Runs a gateway until the block ends. Its start time ends with its first forwarded call."""
    with tempfile.TemporaryDirectory(prefix="perf-") as directory:
        site = Site(Path(directory), free_port(), upstream_port)
        argv = command(site)
        begun = time.monotonic()
        with Child(argv, cores.gateway, site.directory / "output.log", is_piped=False) as child:
            while not answers(site.port, body):
                if not child.is_running():
                    raise HarnessError(f"{name} ended at start: {child.complaint()}")
                if time.monotonic() - begun > READY_TIMEOUT_S:
                    raise HarnessError(f"{name} is not ready in time: {child.complaint()}")
                time.sleep(READY_POLL_S)
            start_ms = (time.monotonic() - begun) * 1000
            yield Gateway(name, site.port, child.pid, start_ms)
