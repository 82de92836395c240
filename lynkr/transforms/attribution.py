"""Claude Code's attribution block, made the same in every thread of a session.

Its first system block is a line for Anthropic's books: ``x-anthropic-billing-header: cc_version=
2.1.197.1ab; ...``. Three of its characters differ between the main thread, side requests and
sub-agents, and older versions add a ``cch`` that differs with every request. Anthropic takes the
block off before the model sees it; to everybody else it is the beginning of the prompt, and a
prompt cache that compares beginnings would never match again.
"""

from __future__ import annotations

import re

from lynkr.transforms.passes import Work

HEADER = b'"x-anthropic-billing-header:'  # how the JSON string begins
_VERSION = re.compile(rb"(cc_version=\d+\.\d+\.\d+)\.[0-9a-f]+")
_VARYING = re.compile(rb"[ ]?\b(?:cch|cc_is_subagent)=[^;\"\\]*;?")


def attribution(work: Work) -> None:
    if work.aim.billing_header:
        return
    for block in work.layout.system_blocks[:1]:
        span = block.text
        if span is None or not work.body.startswith(HEADER, span[0]):
            continue
        # Its first line only: what follows in the same text is somebody's prompt.
        end = work.body.find(b"\\", span[0], span[1])
        line = work.body[span[0] : end if end >= 0 else span[1]]
        same = _VARYING.sub(b"", _VERSION.sub(rb"\1", line))
        if same != line:
            work.edits.append((span[0], span[0] + len(line), same))
