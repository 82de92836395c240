"""Questions of about twenty tokens, all different, and each also in other words.

Made from parts by a number: as many as one likes, the same each time, without a random generator.
Neighbours share most of their parts, so that each has near misses among the others, as the
questions of one team do.
"""

from __future__ import annotations

from math import gcd, prod

VERBS = (
    *("rotate", "encrypt", "compress", "validate", "migrate", "monitor", "throttle", "restore"),
    *("deploy", "replicate", "paginate", "serialize", "profile", "benchmark", "sanitize", "merge"),
    *("index", "archive", "stream", "schedule"),
)
OBJECTS = (
    *("access logs", "session tokens", "customer records", "audit events", "image uploads"),
    *("database backups", "feature flags", "search results", "payment webhooks", "user passwords"),
    *("metric samples", "email templates", "worker queues", "config files", "background jobs"),
    *("api responses", "test fixtures", "error traces", "video thumbnails", "invoice tables"),
    *("graph edges", "map tiles", "chat messages", "sensor readings", "price lists"),
)
TOOLS = (
    *("postgres", "redis", "kafka", "nginx", "django", "flask", "rails", "spring", "laravel"),
    *("kubernetes", "terraform", "ansible", "docker", "jenkins", "grafana", "prometheus", "spark"),
    *("hadoop", "airflow", "mongodb", "mysql", "sqlite", "cassandra", "rabbitmq", "celery"),
    *("react", "angular", "svelte", "electron", "flutter"),
)
MOMENTS = (
    *("traffic peaks", "a node fails", "the disk is full", "a release starts", "the cache is cold"),
    *("a region is down", "the schema changes", "a test fails", "the queue grows", "a lease ends"),
    *("memory runs out", "a client retries", "the clock drifts", "a shard moves", "a key expires"),
    *("the network splits", "a leader changes", "a quota is hit", "load doubles", "a job hangs"),
)
LIMITS = (
    *("losing data", "any downtime", "extra hardware", "root access", "manual steps"),
    *("a proxy", "new libraries", "locking tables", "restarting servers", "changing clients"),
    *("blocking writers", "a second database", "breaking tests", "higher latency", "more threads"),
    *("shell scripts", "cron", "a message broker", "vendor plugins", "paid services"),
)
PARTS = (VERBS, OBJECTS, TOOLS, MOMENTS, LIMITS)
COUNT = prod(map(len, PARTS))  # 6,000,000
_STEP = 1_618_033  # visits them all, in an order that mixes all parts
assert gcd(_STEP, COUNT) == 1


def _chosen(number: int) -> list[str]:
    rest = number * _STEP % COUNT
    found = []
    for part in PARTS:
        rest, at = divmod(rest, len(part))
        found.append(part[at])
    return found


def _written(parts: list[str]) -> str:
    verb, thing, tool, moment, limit = parts
    return f"How do I {verb} {thing} in {tool} when {moment} and keep going without {limit}?"


def question(number: int) -> str:
    """The ``number``-th question, of ``COUNT``."""
    return _written(_chosen(number))


def reworded(number: int) -> str:
    """The same question, asked by someone else."""
    verb, thing, tool, moment, limit = _chosen(number)
    how = f"how to {verb} {thing} in {tool}"
    return f"Please tell me {how} without {limit} when {moment} and keep going"


def other(number: int, part: int) -> str:
    """A question that differs in one of its five parts."""
    parts = _chosen(number)
    there = PARTS[part]
    # Never the part itself: the step lies between 1 and all but one of them.
    step = 1 + number % (len(there) - 1)
    parts[part] = there[(there.index(parts[part]) + step) % len(there)]
    return _written(parts)
