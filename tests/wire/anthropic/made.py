"""Messages requests made at random, in the form that the decoder keeps: see its normal forms."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.wire.made_json import objects, some_text, unknown, values, words

Body = dict[str, Any]

# Whole requests and streams take their time to be made, more so on a busy machine.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = some_text()
# Base64url of nothing in particular, and what no gateway of ours has written.
opaque = st.text("abcdefABCDEF0123456789+/", min_size=4, max_size=24)
cache_marks = st.fixed_dictionaries(
    {"type": st.sampled_from(["ephemeral", "x_lasting"])},
    optional={"ttl": st.sampled_from(["5m", "1h"]), "x_scope": words},
)
said = text.filter(bool)


def block(kind: str, needed: Body, optional: Body | None = None) -> st.SearchStrategy[Body]:
    """A block with its fields, perhaps a cache mark, perhaps an unknown field."""
    return st.tuples(
        st.fixed_dictionaries(
            {"type": st.just(kind), **needed},
            optional={"cache_control": cache_marks, **(optional or {})},
        ),
        unknown,
    ).map(lambda both: {**both[1], **both[0]})


def source(kind: str, fields: Body) -> st.SearchStrategy[Body]:
    return st.tuples(st.fixed_dictionaries({"type": st.just(kind), **fields}), unknown).map(
        lambda both: {**both[1], **both[0]}
    )


texts = block(
    "text",
    {"text": text},
    {"citations": st.one_of(st.none(), st.lists(objects, max_size=2))},
)
images = block(
    "image",
    {
        "source": st.one_of(
            source("base64", {"media_type": words, "data": opaque}),
            source("url", {"url": words}),
            source("file", {"file_id": words}),
            source("x_future", {"value": values}),
        )
    },
)
documents = block(
    "document",
    {
        "source": st.one_of(
            source("base64", {"media_type": words, "data": opaque}),
            source("text", {"media_type": words, "data": said}),
            source("url", {"url": words}),
            source("file", {"file_id": words}),
            source("content", {"content": text}),
        )
    },
    {"title": said, "context": st.one_of(st.none(), text), "citations": objects},
)
thinking = st.fixed_dictionaries(
    {"type": st.just("thinking"), "thinking": text, "signature": st.one_of(st.just(""), opaque)}
)
redacted = st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": opaque})
calls = block("tool_use", {"id": words, "name": words, "input": st.one_of(objects, values)})
references = block("tool_reference", {"tool_name": words})
unknown_blocks = words.flatmap(lambda name: block("x_" + name, {}, {"x_value": values}))
results = block(
    "tool_result",
    {"tool_use_id": words},
    {
        "content": st.one_of(
            text,
            st.lists(
                st.one_of(texts, images, documents, references, unknown_blocks),
                min_size=1,
                max_size=3,
            ),
        ),
        "is_error": st.just(True),
    },
)
blocks = st.one_of(
    texts, images, documents, thinking, redacted, calls, results, references, unknown_blocks
)
messages = st.tuples(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system"]),
            "content": st.one_of(text, st.lists(blocks, max_size=4)),
        }
    ),
    unknown,
).map(lambda both: {**both[1], **both[0]})

custom_tools = st.tuples(
    st.fixed_dictionaries(
        {"name": words},
        optional={
            "description": text,
            "input_schema": objects,
            "strict": st.booleans(),
            "defer_loading": st.just(True),
            "cache_control": cache_marks,
            "eager_input_streaming": st.booleans(),
            "input_examples": st.lists(objects, max_size=2),
        },
    ),
    unknown,
).map(lambda both: {**both[1], **both[0]})
hosted_tools = st.tuples(words, objects).map(lambda both: {**both[1], "type": "x_" + both[0]})

choices = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["auto", "any", "none"])},
        optional={"disable_parallel_tool_use": st.booleans(), "x_more": values},
    ),
    st.fixed_dictionaries(
        {"type": st.just("tool"), "name": words},
        optional={"disable_parallel_tool_use": st.booleans()},
    ),
    st.fixed_dictionaries({"type": st.just("x_allowed"), "x_more": values}),
)
schemas = st.fixed_dictionaries(
    {"type": st.just("json_schema"), "schema": objects}, optional={"x_more": values}
)
thinkings = st.fixed_dictionaries(
    {"type": st.sampled_from(["enabled", "disabled", "adaptive", "between_tools"])},
    optional={
        "budget_tokens": st.integers(0, 100_000),
        "display": st.sampled_from(["summarized", "omitted"]),
        "x_more": values,
    },
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "effort": st.sampled_from(["low", "high", "xhigh", "x_more"]),
        "format": st.one_of(schemas, objects),
        "task_budget": objects,
    },
).filter(bool)
requests: st.SearchStrategy[Body] = st.tuples(
    st.fixed_dictionaries(
        {"model": words, "messages": st.lists(messages, max_size=4)},
        optional={
            "system": st.one_of(text, st.lists(texts, max_size=2)),
            "max_tokens": st.integers(0, 200_000),
            "stream": st.just(True),
            "tools": st.lists(st.one_of(custom_tools, hosted_tools), min_size=1, max_size=3),
            "tool_choice": choices,
            "temperature": st.floats(0, 1),
            "top_p": st.floats(0, 1),
            "top_k": st.integers(0, 500),
            "stop_sequences": st.lists(text, min_size=1, max_size=2),
            "thinking": thinkings,
            "output_config": configs,
            "output_format": schemas,
            "metadata": st.fixed_dictionaries({"user_id": said}, optional={"x_more": values}),
            "service_tier": st.sampled_from(["auto", "standard_only", "x_more"]),
            "context_management": objects,
            "container": st.one_of(st.none(), words),
            "mcp_servers": st.lists(objects, max_size=1),
            "cache_control": cache_marks,
        },
    ),
    unknown,
).map(lambda both: {**both[1], **both[0]})
