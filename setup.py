"""Builds the compiled modules; everything else about the package is in pyproject.toml."""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup

DEBUG = os.environ.get("LYNKR_DEBUG") == "1"  # line tracing, annotated HTML and bounds checks


def extensions() -> list[Extension]:
    from Cython.Build import cythonize

    modules = [
        Extension(
            f"lynkr._native.{path.stem}",
            [str(path)],
            extra_compile_args=["-O0", "-g"] if DEBUG else ["-O3", "-Wall"],
            define_macros=[("CYTHON_TRACE_NOGIL", "1")] if DEBUG else [],
        )
        for path in sorted(Path("lynkr/_native").glob("*.pyx"))
    ]
    return cythonize(
        modules,
        annotate=DEBUG,
        compiler_directives={
            "language_level": 3,
            "freethreading_compatible": False,
            "boundscheck": DEBUG,
            "wraparound": False,
            "linetrace": DEBUG,
        },
    )


# `python setup.py clean` and metadata queries must work where Cython is not installed yet.
setup(ext_modules=extensions() if not {"--version", "clean"} & set(sys.argv) else [])
