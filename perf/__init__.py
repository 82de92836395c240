"""The performance harness: lynkr beside nginx and a plain aiohttp proxy, in one run.

It measures programs from outside and imports nothing from `lynkr`.
"""
