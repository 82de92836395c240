#!/bin/sh
# Says in one sentence what a fresh machine lacks, before pip says it in two hundred lines.
python=${1:-python3}

die() { printf 'lynkr needs %s\n    sudo apt-get install -y %s\n' "$1" "$2" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || die "Python 3.11 or newer" "python3 python3-venv python3-dev"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer ($("$python" --version) found)" "python3.11 python3.11-venv python3.11-dev"
"$python" -c 'import venv, ensurepip' 2>/dev/null || die "Python's venv module" "python3-venv"
command -v "${CC:-cc}" >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || die "a C compiler, because its byte path is compiled" "build-essential"
header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")')
[ -f "$header" ] || die "Python's C headers" "python3-dev"
