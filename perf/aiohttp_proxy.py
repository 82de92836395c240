"""The plain aiohttp proxy to compare against: what a competent developer writes first.

It keeps connections alive, streams replies as they come, strips hop-by-hop headers, runs on uvloop
and has no access log. The pool limit of 100 is lifted: the 101st stream would wait forever.
"""

from __future__ import annotations

import argparse

import aiohttp
import uvloop
from aiohttp import web
from multidict import CIMultiDict

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
# Set anew by the client that sends them.
REQUEST_DROPPED = HOP_BY_HOP | {"host", "content-length"}
BODY_BYTES_MAX = 32 * 1024 * 1024

SESSION = web.AppKey("session", aiohttp.ClientSession)


class Proxy:
    def __init__(self, upstream: str) -> None:
        self._upstream = upstream

    async def session(self, app: web.Application) -> None:
        app[SESSION] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            auto_decompress=False,
        )

    async def forward(self, request: web.Request) -> web.StreamResponse:
        headers = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in REQUEST_DROPPED
        )
        body = await request.read()
        async with request.app[SESSION].request(
            request.method, self._upstream + request.path_qs, headers=headers, data=body
        ) as reply:
            response = web.StreamResponse(status=reply.status)
            for name, value in reply.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for data in reply.content.iter_any():
                await response.write(data)
            await response.write_eof()
            return response


async def close_session(app: web.Application) -> None:
    await app[SESSION].close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    options = parser.parse_args()
    proxy = Proxy(options.upstream)
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.on_startup.append(proxy.session)
    app.on_cleanup.append(close_session)
    app.router.add_route("*", "/{path:.*}", proxy.forward)
    web.run_app(
        app,
        host="127.0.0.1",
        port=options.port,
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
