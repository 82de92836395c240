"""The ``lynkr`` command: arguments in, exit codes out. One file per command or group."""
