"""Which tools a request offers."""
