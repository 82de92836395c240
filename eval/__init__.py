"""Evaluations of what the gateway decides: tokens, money, recall. Speed is measured in ``perf``."""
