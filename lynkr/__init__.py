"""lynkr: the gateway between a team's coding tools and its model providers."""

__version__ = "0.1.0"
