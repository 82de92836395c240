"""What a worker shares with others of its conversations: their pins, and how replies turned out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from lynkr.config.settings import Settings
from lynkr.stores.outcomes import FILE, Outcomes
from lynkr.stores.pins import Pins, at_hand
from lynkr.stores.pins_redis import RedisPins
from lynkr.telemetry.log import AccessLog

Close = Callable[[], None]


def pins_of(settings: Settings, log: AccessLog) -> Pins:
    """The table for all workers, made before they are forked. It outlives a restart, unless the
    state folder is a temporary one, or there were no tiers when the gateway started."""
    ttl_s = settings.routing.pin_ttl_s
    state_dir = Path(settings.server.state_dir).expanduser().absolute()
    if not settings.routing.tiered or state_dir.is_relative_to(tempfile.gettempdir()):
        return Pins(ttl_s=ttl_s)
    return at_hand(state_dir, ttl_s=ttl_s, failed=lambda message: log.event("warning", message))


def link(settings: Settings, pins: Pins, log: AccessLog) -> Close:
    """Share the pins with other hosts, where a place for that is configured; how to end it."""
    url = settings.storage.shared_url
    if not url or not settings.routing.tiered:
        return lambda: None
    shared = RedisPins(
        pins,
        url,
        failed=lambda message: log.event("error", message),
        recovered=lambda: log.event("info", "conversations are shared with other hosts again"),
    )
    shared.start()
    return shared.close


def outcomes_of(settings: Settings, log: AccessLog) -> Outcomes:
    """Where it is counted how replies turned out; opened with the first of them."""
    path = Path(settings.server.state_dir).expanduser() / FILE
    return Outcomes(path, failed=lambda message: log.event("error", message))
