"""Builds the compiled modules; everything else about the package is in pyproject.toml."""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup

DEBUG = os.environ.get("LYNKR_DEBUG") == "1"  # line tracing, annotated HTML and bounds checks


# Plain Python that every call runs through, compiled as it stands: 16 % less CPU per call in the
# gateway's own code (`python -m perf.micro`). It stays importable and testable as Python.
HOT = [
    "lynkr/gateway/cache_keys.py",
    "lynkr/gateway/chain.py",
    "lynkr/gateway/exchange.py",
    "lynkr/gateway/flights.py",
    "lynkr/gateway/following.py",
    "lynkr/gateway/lanes.py",
    "lynkr/gateway/pipeline.py",
    "lynkr/gateway/recall.py",
    "lynkr/gateway/replay.py",
    "lynkr/gateway/routing.py",
    "lynkr/gateway/sessions.py",
    "lynkr/gateway/settle.py",
    "lynkr/gateway/shaping.py",
    "lynkr/gateway/translate.py",
    "lynkr/gateway/whole.py",
    "lynkr/gateway/writing.py",
    "lynkr/policies/bill.py",
    "lynkr/policies/breaker.py",
    "lynkr/policies/cache_facts.py",
    "lynkr/policies/cacheable.py",
    "lynkr/policies/calibration.py",
    # A routing decision: the words read, measured and weighed.
    "lynkr/policies/difficulty/dimensions.py",
    "lynkr/policies/difficulty/floors.py",
    "lynkr/policies/difficulty/followups.py",
    "lynkr/policies/difficulty/intent.py",
    "lynkr/policies/difficulty/quotes.py",
    "lynkr/policies/difficulty/reading.py",
    "lynkr/policies/difficulty/score.py",
    "lynkr/policies/failover.py",
    # A question's lookup: its canonical words and features, 20 tokens.
    "lynkr/policies/questions/canon.py",
    "lynkr/policies/questions/features.py",
    "lynkr/policies/questions/frames.py",
    "lynkr/policies/questions/guard.py",
    "lynkr/policies/questions/tokens.py",
    "lynkr/policies/routing/asked.py",
    "lynkr/policies/routing/complaints.py",
    "lynkr/policies/routing/guards.py",
    "lynkr/policies/routing/ladder.py",
    "lynkr/policies/routing/modes.py",
    "lynkr/policies/routing/reasons.py",
    "lynkr/policies/routing/results.py",
    "lynkr/policies/routing/seen.py",
    "lynkr/policies/routing/verdict.py",
    "lynkr/policies/side_calls.py",
    "lynkr/server/front.py",
    "lynkr/telemetry/log.py",
    "lynkr/telemetry/metrics.py",
    # The token passes: 60 us less CPU per 100 KB request (`perf --only tokens`).
    "lynkr/transforms/cache_marks.py",
    "lynkr/transforms/cache_plan.py",
    "lynkr/transforms/passes.py",
    "lynkr/transforms/results/reading.py",
    "lynkr/transforms/repeats.py",
    "lynkr/transforms/results/texts.py",
    "lynkr/transforms/results/forms.py",
    "lynkr/transforms/tools/offers.py",
    "lynkr/transforms/tools/own_words.py",
    "lynkr/transforms/tools/selection.py",
    "lynkr/upstream/pool.py",
    "lynkr/wire/anthropic/format.py",
    # A call translated from Messages to Chat and back, streams aside: 23 % less CPU per 1 KB call
    # (`python -m perf.micro`, 91 to 70 us). For streams it makes no difference.
    "lynkr/wire/anthropic/replies.py",
    "lynkr/wire/anthropic/requests.py",
    "lynkr/wire/chat/messages.py",
    "lynkr/wire/chat/replies.py",
    "lynkr/wire/chat/write.py",
    "lynkr/wire/codec.py",
    "lynkr/wire/fields.py",
    "lynkr/wire/jsontext.py",
    "lynkr/wire/message.py",
    "lynkr/wire/plain_tools.py",
    "lynkr/wire/format.py",
]


def extensions() -> list[Extension]:
    from Cython.Build import cythonize

    sources = [*sorted(Path("lynkr/_native").glob("*.pyx")), *map(Path, HOT)]
    modules = [
        Extension(
            ".".join(path.with_suffix("").parts),
            [str(path)],
            # gcc 12 sees array bounds broken in CPython's own headers, at great length.
            extra_compile_args=["-O0", "-g"]
            if DEBUG
            else ["-O3", "-g0", "-Wall", "-Wno-array-bounds"],
            define_macros=[("CYTHON_TRACE_NOGIL", "1")] if DEBUG else [],
        )
        for path in sources
    ]
    return cythonize(
        modules,
        annotate=DEBUG,
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": 3,
            "annotation_typing": False,  # annotations are for mypy; C types stand in the .pxd files
            "freethreading_compatible": False,
            "linetrace": DEBUG,
        },
    )


# `python setup.py clean` and metadata queries must work where Cython is not installed yet.
setup(ext_modules=extensions() if not {"--version", "clean"} & set(sys.argv) else [])
