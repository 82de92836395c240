"""``python -m lynkr``: the same as the ``lynkr`` command."""

from lynkr.cli.main import main

main()
