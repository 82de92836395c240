"""What ``lynkr serve`` says on a terminal: where it listens, whom it asks, and what to paste."""

from __future__ import annotations

from collections.abc import Iterable

from lynkr.config.loader import Loaded
from lynkr.config.settings import Settings
from lynkr.providers.catalog import Endpoint, looked_for


def _url(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  # only shown
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _providers(loaded: Loaded, endpoints: Iterable[Endpoint]) -> list[str]:
    credentials = {
        "key": "its own key",
        "client": "the caller's credential",
        "none": "no credential",
        "sigv4": "AWS signatures",
        "google": "Google's application default credentials",
    }
    lines = []
    for endpoint in endpoints:
        if endpoint.origin.scheme == "demo":
            continue
        aliases = f", aliases {', '.join(endpoint.aliases)}" if endpoint.aliases else ""
        scheme = endpoint.auth if endpoint.scheme == "header" else endpoint.scheme
        lines.append(
            f"  {endpoint.name}: {endpoint.kind} at {endpoint.origin}, "
            f"{credentials[scheme]}{aliases}"
        )
    if lines:
        return ["providers", *lines]
    if loaded.settings.providers:
        return ["provider: the built-in demo, as asked; it answers offline and costs nothing"]
    names = ", ".join(looked_for())
    where = "providers in the file" if loaded.file else "a lynkr.toml here or in LYNKR_CONFIG"
    return [
        "provider: none found, so the built-in demo answers",
        f"  looked for: {names} in the environment or .env, and {where}",
    ]


def _exposure(settings: Settings) -> list[str]:
    """A proxy in front makes everybody's requests look local."""
    server = settings.server
    if (server.trusted_proxies or server.unix_socket) and not settings.auth.required:
        return ["a proxy is expected in front, and no key is required: whoever reaches it may call"]
    return []


def banner(loaded: Loaded, endpoints: Iterable[Endpoint], port: int, workers: int) -> str:
    """Several lines, without a final line end."""
    settings = loaded.settings
    url = _url(settings.server.host, port)
    key = "YOUR_LYNKR_KEY" if settings.auth.required else "unused"
    several = f", {workers} workers" if workers > 1 else ""
    lines = [
        f"lynkr listens on {url}{several}",
        f"configuration: {loaded.file or 'defaults and environment'}",
        *_providers(loaded, endpoints),
        *(f"note: {notice}" for notice in [*loaded.notices, *_exposure(settings)]),
        "",
        "Claude Code   "
        f"ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN={key} ENABLE_TOOL_SEARCH=true claude",
        f"Codex         OPENAI_API_KEY={key} codex -c model_provider=lynkr "
        f'-c \'model_providers.lynkr={{name="lynkr",base_url="{url}/v1",'
        'env_key="OPENAI_API_KEY",wire_api="responses"}\'',
        f"Cursor        Settings > Models > OpenAI base URL: {url}/v1   key: {key}",
        f"OpenAI SDK    OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={key}",
        f"Anthropic SDK ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY={key}",
        "",
        f"try: curl -N {url}/v1/messages -H 'content-type: application/json' "
        + (f"-H 'x-api-key: {key}' " if settings.auth.required else "")
        + '-d \'{"model":"claude-haiku-4-5","max_tokens":200,"stream":true,'
        '"messages":[{"role":"user","content":"Hello!"}]}\'',
    ]
    return "\n".join(lines)
