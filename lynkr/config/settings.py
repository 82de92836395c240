"""The settings tree: every key, its unit, its default and the reason for it.

Plain data. Nothing here reads a file or the environment (``loader`` does) and nothing below the
entry point reads either: code receives its own section as an argument. Units are in the names;
every bound is finite, because a gateway that waits or buffers without limit is a gateway that falls
over.
"""

from __future__ import annotations

from typing import Literal

import msgspec

KIB = 1024
MIB = 1024 * KIB


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every table in the file: immutable, and an unknown key is an error."""


class Server(Section, frozen=True):
    """Where the gateway listens and how it stops."""

    host: str = "127.0.0.1"  # loopback; any other address needs auth.required and a key
    port: int = 8081  # 0 asks the system for a free one
    unix_socket: str = ""  # path of an additional Unix socket, for a proxy on the same host
    workers: int = 1  # processes sharing the port; one per core is plenty
    state_dir: str = "~/.local/state/lynkr"
    trusted_proxies: list[
        str
    ] = []  # addresses or networks whose X-Forwarded-* headers are believed
    drain_s: float = 30.0  # after SIGTERM, how long open streams may go on before they are ended


class Limits(Section, frozen=True):
    """What one client may cost before it is refused. Each limit names the status it answers
    with."""

    body_bytes_max: int = 64 * MIB  # 413; agent bodies reach a few MB, images tens
    header_bytes_max: int = 64 * KIB  # 431; Claude Code sends about 2 KB, some SSO cookies 16 KB
    header_count_max: int = 128  # 431; agents send about 25
    header_timeout_s: float = 15.0  # 408; from the first byte of a head to its end
    body_timeout_s: float = 60.0  # 408; silence inside a body
    keepalive_timeout_s: float = 120.0  # an idle client connection is closed; above nginx's 60 s
    pipeline_max: int = 64  # requests of one connection parsed ahead of their turn
    connections_max: int = 10_000  # client connections per worker; more are refused with 503
    write_buffer_bytes: int = 64 * KIB  # a slow client pauses its upstream above this


class Upstream(Section, frozen=True):
    """Deadlines and the pool towards the providers."""

    connect_timeout_s: float = 10.0  # TCP, proxy CONNECT and TLS together
    first_byte_timeout_s: float = (
        600.0  # the SDKs' own default; non-streamed thinking takes minutes
    )
    idle_timeout_s: float = 300.0  # silence inside a reply; thinking models are silent for minutes
    total_timeout_s: float = 7200.0  # a whole call
    pool_idle_s: float = 55.0  # below the 60 s after which common load balancers hang up
    pool_life_s: float = 3600.0  # a pooled connection is retired after this, so DNS changes arrive
    connections_max: int = 4096  # per origin and worker
    queue_max: int = 1024  # calls waiting for a connection when all are busy; more are refused, 503
    queue_timeout_s: float = 10.0  # and how long each may wait, 504
    proxy: str = ""  # forward proxy; empty means HTTPS_PROXY / NO_PROXY from the environment
    no_proxy: str = ""  # hosts reached directly; comma separated, as in NO_PROXY
    ca_file: str = ""  # extra trusted certificates (PEM), beside the system store


AuthMode = Literal["", "key", "client", "none"]


class Provider(Section, frozen=True):
    """One endpoint with its credential. The table's name is the user's."""

    kind: str  # an entry of the provider catalog
    base_url: str = ""  # overrides the catalog's
    api_key: str = ""  # "${ENV}" is expanded; never logged; empty: the catalog's usual variable
    api_keys: list[str] = []  # several keys instead of one; a session stays with one of them
    auth: AuthMode = ""  # key, client (pass the caller's own credential on), none; "" means key
    apis: list[str] = []  # overrides what the catalog says the endpoint serves
    models: dict[str, str] = {}  # alias = model name at the provider
    headers: dict[str, str] = {}  # sent with every request, replacing the client's own of that name
    region: str = ""  # of kinds whose address has one; empty: the usual variable, or the default
    project: str = ""  # Google Cloud's project; empty: the usual variable
    resource: str = ""  # Azure's resource name; empty: the usual variable
    api_version: str = ""  # of kinds that still want a dated one; empty: the catalog's
    capabilities: list[str] = []  # overrides what the catalog says of every model here
    drops: list[str] = []  # what may be left out, and said so, where the provider cannot take it


class Catalog(Section, frozen=True):
    """What the gateway knows of models, beyond what it ships with."""

    models_file: str = ""  # TOML with facts of your own: prices, limits, capabilities


Chain = str | list[str]
Tier = Literal["simple", "medium", "complex", "reasoning"]
TIER_PREFIX = "lynkr/"  # model names that stand for tiers: lynkr/auto, lynkr/simple, ...
TIER_NAMES: tuple[Tier, ...] = ("simple", "medium", "complex", "reasoning")


class Routing(Section, frozen=True):
    """Which provider a request goes to when its model name does not say, and which models serve
    easy and hard ones."""

    default: str = (
        ""  # provider, "provider:model" or "lynkr/auto"; "" means the first that serves the API
    )
    fallbacks: list[
        str
    ] = []  # targets to try, in order, when the first fails before its first byte
    simple: Chain = ""  # "provider:model", or a list of them: the next is tried when one fails
    medium: Chain = ""
    complex: Chain = ""
    reasoning: Chain = ""
    side: Literal["simple", "medium", "complex", "reasoning", "asked"] = (
        "simple"  # titles, summaries and other calls that tools make for themselves
    )
    risk_floor: Tier = "complex"  # least tier of changes to auth, payments, schemas and the like
    autonomous_floor: Tier = "reasoning"  # of long work without anybody looking
    plan_floor: Tier = "complex"  # of a client's plan mode
    pin_ttl_s: float = 21_600.0  # how long a silent conversation keeps its tier: six hours
    cascade: bool = False  # single questions: check a cheap answer's form, and ask a tier up if bad
    answer_side_calls: bool = False  # titles, quota probes and warm-ups without asking a provider

    def chain(self, tier: Tier) -> list[str]:
        """The targets of a tier, in order; none: it is not set."""
        given: Chain = getattr(self, tier)
        return list(given) if isinstance(given, list) else [given] if given else []

    @property
    def tiered(self) -> bool:
        """Whether calls may be routed by tiers: all four are set."""
        return all(self.chain(tier) for tier in TIER_NAMES)


class RouteRule(Section, frozen=True):
    """The targets of one model name, or of all that match it."""

    model: str  # as clients name it; * and ? match anything
    targets: list[
        str
    ]  # "provider", "provider:model" or "lynkr/auto"; the second is tried when the first fails


class Failover(Section, frozen=True):
    """When a target is given up, and for how long."""

    breaker_failures: int = 5  # server errors, resets and timeouts in a row; 0 never opens it
    breaker_open_s: float = 30.0  # then the target is left alone this long, or its retry-after
    retries_max: int = (
        0  # tries of the last target again; clients retry by themselves, and wait better
    )
    retry_wait_s_max: float = 10.0  # a retry-after beyond this is passed to the client instead


ToolsMode = Literal["off", "session", "request"]
ResultsMode = Literal["off", "lossless", "recoverable"]


class Tokens(Section, frozen=True):
    """What is taken out of requests on their way, and how prompt caches are used."""

    tools: ToolsMode = "session"  # which tools are offered: chosen per session, per request, or all
    results: ResultsMode = "lossless"  # tool results: as they came, in smaller equal forms, digests
    repeats: bool = True  # a result that stood earlier in the conversation becomes a reference
    cache_marks: bool = True  # prompt-cache marks and keys for clients that set none
    first_write_wait_s: float = (
        5.0  # parallel calls with one new prefix wait this long for the first of them; 0: never
    )
    memo_bytes_max: int = 64 * MIB  # per worker: results seen before, with what became of them
    originals_ttl_h: float = 168.0  # how long the originals of digests can be had again: a week
    originals_bytes_max: int = 1024 * MIB  # of all keys together; the oldest go first


CacheMode = Literal["auto", "off", "exact", "semantic"]


class Cache(Section, frozen=True):
    """Which answers are kept, for how long, and when one of them answers another call."""

    mode: CacheMode = "auto"  # exact: what is safe to repeat; semantic: reworded questions too
    scope: Literal["key", "team"] = "key"  # who shares answers: nobody else sees them
    ttl_s: float = 86_400.0  # how long an answer may be served: a day
    epoch: str = ""  # change it to leave all earlier answers behind; x-lynkr-cache-epoch adds to it
    request_bytes_max: int = 256 * KIB  # larger requests are not worth remembering
    reply_bytes_max: int = 256 * KIB  # and larger answers
    memory_bytes_max: int = 64 * MIB  # per worker: contents at hand; others are read from the store
    entries_max: int = 100_000  # per worker, of all keys together; about 1 KB each
    entries_per_key_max: int = 20_000
    store_bytes_max: int = 1024 * MIB  # on disk or in Redis, of all keys together
    rule: Literal["strict", "default", "balanced"] = (
        "default"  # how alike two questions must be; balanced finds more, and errs more
    )
    max_false_hit: float = 0.01  # of semantic hits; where it is exceeded, the bar rises or they end
    shadow_rate: float = 0.01  # share of semantic hits that are compared with a fresh answer
    judge: str = ""  # "provider:model" that compares the two answers, beside their words
    model_dir: str = ""  # a static embedding model (model2vec) in place of the one that is built in
    encryption_key: str = ""  # 32 bytes in hex or base64: what is stored is encrypted with it


class Memory(Section, frozen=True):
    enabled: bool = False


class Key(Section, frozen=True):
    """A static virtual key. Only its digest is known here."""

    name: str
    digest: str  # "sha256:<64 hex>", as `lynkr keys hash` prints it
    team: str = ""
    admin: bool = False  # may use /admin
    tools: Literal["", "off", "session", "request"] = ""  # overrides tokens.tools for this key
    results: Literal["", "off", "lossless", "recoverable"] = ""  # and tokens.results
    cache: Literal["", "off", "exact", "semantic"] = ""  # and cache.mode
    max_false_hit: float | None = None  # and cache.max_false_hit


class Auth(Section, frozen=True):
    required: bool = False  # true: every inference call needs one of the keys; needed off loopback
    keys: list[Key] = []


class Storage(Section, frozen=True):
    database_url: str = "sqlite:///lynkr.db"
    shared_url: str = ""


class Log(Section, frozen=True):
    """Where the JSON lines go: one per call, no bodies and no keys."""

    access: str = "stderr"  # stderr, stdout, off, or a file path (reopened on SIGHUP)
    level: Literal["debug", "info", "warning", "error"] = "info"
    buffer_bytes_max: int = (
        8 * MIB
    )  # lines waiting for a slow disk; beyond it they are dropped, counted


class Settings(Section, frozen=True):
    """The whole file."""

    server: Server = Server()
    limits: Limits = Limits()
    upstream: Upstream = Upstream()
    providers: dict[str, Provider] = {}
    catalog: Catalog = Catalog()
    routing: Routing = Routing()
    routes: list[RouteRule] = []
    failover: Failover = Failover()
    tokens: Tokens = Tokens()
    cache: Cache = Cache()
    memory: Memory = Memory()
    auth: Auth = Auth()
    storage: Storage = Storage()
    log: Log = Log()
