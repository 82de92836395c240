"""Responses requests made at random: every item, part and tool that we know, some that nobody does,
nulls and empty values wherever they are allowed."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.wire.made_json import objects, some_text, unknown, values, words

Body = dict[str, Any]

# Other programs on the machine are no fault of an example.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = some_text()
opaque = st.text("abcdefABCDEF0123456789+/", min_size=4, max_size=24)
statuses = st.sampled_from(["completed", "in_progress", "incomplete"])
flags = st.one_of(st.none(), st.booleans())


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def made(needed: Body, optional: Body | None = None) -> st.SearchStrategy[Body]:
    """An object with its fields, perhaps with one that nobody knows."""
    return st.tuples(unknown, st.fixed_dictionaries(needed, optional=optional or {})).map(
        lambda both: {**both[0], **both[1]}
    )


def typed(kind: str, needed: Body, optional: Body | None = None) -> st.SearchStrategy[Body]:
    return made({"type": st.just(kind), **needed}, optional)


@st.composite
def parts(draw: st.DrawFn) -> Body:
    """One part of a content. A function, as everything large: Hypothesis prints strategies."""
    return draw(_parts)


@st.composite
def tools(draw: st.DrawFn) -> Body:
    return draw(_tools)


@st.composite
def items(draw: st.DrawFn) -> Body:
    return draw(_items)


@st.composite
def requests(draw: st.DrawFn) -> Body:
    return draw(_requests)


@st.composite
def events(draw: st.DrawFn) -> Body:
    """An event of a reply's stream, of a known type and with nothing else right in it."""
    return draw(_events)


marks = maybe(
    st.fixed_dictionaries(
        {"mode": st.just("explicit")}, optional={"ttl": st.sampled_from(["30m", "12h"])}
    )
)
details = st.sampled_from(["auto", "low", "high", "original"])
urls = st.one_of(
    opaque.map(lambda data: f"data:image/png;base64,{data}"),
    st.sampled_from(["https://e.org/a.png", "data:image/svg+xml,<svg/>", "data:x;base64,", ""]),
)
files = st.one_of(opaque.map(lambda data: f"data:application/pdf;base64,{data}"), opaque)

_parts: st.SearchStrategy[Body] = st.one_of(
    typed("input_text", {"text": text}, {"prompt_cache_breakpoint": marks}),
    typed(
        "output_text",
        {"text": text},
        {"annotations": st.lists(objects, max_size=1), "logprobs": st.lists(objects, max_size=1)},
    ),
    typed("refusal", {"refusal": text}),
    typed(
        "input_image",
        {},
        {
            "image_url": maybe(urls),
            "file_id": maybe(words),
            "detail": maybe(details),
            "prompt_cache_breakpoint": marks,
        },
    ),
    typed(
        "input_file",
        {},
        {
            "filename": text,
            "file_data": files,
            "file_url": words,
            "file_id": maybe(words),
            "detail": details,
            "prompt_cache_breakpoint": marks,
        },
    ),
    typed(
        "input_audio",
        {"input_audio": made({"data": opaque, "format": st.sampled_from(["mp3", "wav"])})},
    ),
    typed("x_hologram", {"value": values}),
)
contents = st.one_of(text, st.lists(parts(), max_size=3))

functions = typed(
    "function",
    {"name": words},
    {
        "description": maybe(text),
        "parameters": maybe(objects),
        "strict": flags,
        "defer_loading": st.booleans(),
    },
)
customs = typed(
    "custom",
    {"name": words},
    {"description": text, "format": objects, "defer_loading": st.booleans()},
)
hosted = st.one_of(
    typed("web_search", {}, {"filters": values}),
    typed("mcp", {"server_label": words}),
    typed("tool_search", {}, {"execution": st.just("server")}),
    typed("x_telepathy", {"name": words}),
)
namespaces = typed(
    "namespace",
    {"name": words, "tools": st.lists(st.one_of(functions, customs), max_size=3)},
    {"description": maybe(text)},
)
_tools: st.SearchStrategy[Body] = st.one_of(
    functions,
    customs,
    hosted,
    namespaces,
    typed("local_shell", {}),
    typed(
        "tool_search",
        {"execution": st.just("client")},
        {"description": maybe(text), "parameters": maybe(objects)},
    ),
)

ids = {"id": maybe(words), "status": maybe(statuses)}
roles = st.sampled_from(["user", "assistant", "system", "developer"])
_items: st.SearchStrategy[Body] = st.one_of(
    typed("message", {"role": roles, "content": contents}, {**ids, "phase": maybe(words)}),
    made({"role": roles, "content": contents}, {"type": st.none()}),
    typed(
        "function_call",
        {"call_id": words, "name": words, "arguments": text},
        {**ids, "namespace": maybe(words)},
    ),
    typed("function_call_output", {"call_id": words, "output": contents}, ids),
    typed("function_call_output", {"output": contents}, {"call_id": st.none(), "name": words}),
    typed("custom_tool_call", {"call_id": words, "name": words, "input": text}, ids),
    typed("custom_tool_call_output", {"call_id": words, "output": contents}, ids),
    typed(
        "reasoning",
        {"summary": st.lists(typed("summary_text", {"text": text}), max_size=2)},
        {
            **ids,
            "content": maybe(st.lists(typed("reasoning_text", {"text": text}), max_size=1)),
            "encrypted_content": maybe(opaque),
        },
    ),
    typed("local_shell_call", {"call_id": words, "action": objects}, ids),
    typed("local_shell_call_output", {"output": text}, {"id": words, "call_id": words}),
    typed(
        "tool_search_call",
        {"arguments": values},
        {**ids, "call_id": maybe(words), "execution": st.sampled_from(["client", "server"])},
    ),
    typed(
        "tool_search_output",
        {"tools": st.lists(tools(), max_size=3)},
        {**ids, "call_id": maybe(words), "execution": st.sampled_from(["client", "server"])},
    ),
    typed(
        "additional_tools",
        {"role": st.sampled_from(["developer", "tool"]), "tools": st.lists(tools(), max_size=3)},
        {"id": maybe(words)},
    ),
    typed("compaction", {"encrypted_content": opaque}, ids),
    typed("compaction_trigger", {}),
    typed("item_reference", {"id": words}, {"status": statuses}),
    made({"id": words}),
    typed("web_search_call", {"action": values}, ids),
    typed("x_future_call_output", {"value": values}, ids),
)

choices = st.one_of(
    st.sampled_from(["auto", "none", "required"]),
    made({"type": st.sampled_from(["function", "custom"]), "name": words}),
    made({"type": st.sampled_from(["web_search", "mcp"])}, {"name": words}),
    made(
        {
            "type": st.just("allowed_tools"),
            "mode": st.sampled_from(["auto", "required"]),
            "tools": st.lists(objects, max_size=2),
        }
    ),
)
forms = st.one_of(
    typed("text", {}),
    typed("json_object", {}),
    typed("x_grammar", {"value": values}),
    typed(
        "json_schema",
        {"name": words, "schema": objects},
        {"strict": flags, "description": maybe(text)},
    ),
)
_requests = made(
    {"model": words},
    {
        "input": st.one_of(text, st.lists(items(), max_size=4)),
        "instructions": maybe(text),
        "stream": st.booleans(),
        "tools": maybe(st.lists(tools(), max_size=4)),
        "tool_choice": maybe(choices),
        "parallel_tool_calls": flags,
        "max_output_tokens": maybe(st.integers(16, 10**6)),
        "temperature": maybe(st.floats(0, 2)),
        "top_p": maybe(st.integers(0, 1)),
        "top_logprobs": maybe(st.integers(0, 20)),
        "reasoning": maybe(
            made({}, {"effort": maybe(words), "summary": maybe(words), "context": maybe(words)})
        ),
        "text": maybe(made({}, {"format": maybe(forms), "verbosity": maybe(words)})),
        "include": maybe(
            st.lists(
                st.sampled_from(
                    ["reasoning.encrypted_content", "message.output_text.logprobs", "x_more"]
                ),
                max_size=2,
            )
        ),
        "store": flags,
        "background": flags,
        "truncation": maybe(st.sampled_from(["auto", "disabled"])),
        "stream_options": maybe(made({}, {"include_obfuscation": st.booleans()})),
        "previous_response_id": maybe(words),
        "conversation": maybe(values),
        "prompt": maybe(objects),
        "metadata": maybe(st.dictionaries(words, words, max_size=2)),
        "service_tier": maybe(words),
        "prompt_cache_key": maybe(text),
        "prompt_cache_retention": maybe(words),
        "user": maybe(text),
        "safety_identifier": maybe(words),
        "client_metadata": maybe(objects),
    },
)

_KINDS = [
    *("created", "completed", "failed", "output_item.added", "output_item.done"),
    *("output_text.delta", "output_text.done", "refusal.delta", "refusal.done"),
    *("function_call_arguments.delta", "function_call_arguments.done"),
    *("custom_tool_call_input.delta", "custom_tool_call_input.done"),
    *("reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_text.delta"),
]
_ITEMS = ["message", "reasoning", "function_call", "custom_tool_call", "tool_search_call", "x"]
_odd = st.one_of(values, some_text(lone=True))
_odd_items = st.fixed_dictionaries(
    {"type": st.sampled_from(_ITEMS)},
    optional={
        **dict.fromkeys(("id", "call_id", "name"), st.one_of(words, values)),
        **dict.fromkeys(("arguments", "input", "summary", "content", "encrypted_content"), _odd),
    },
)
_indices = st.one_of(st.none(), st.integers(0, 3), values)
_events = st.fixed_dictionaries(
    {"type": st.sampled_from(_KINDS).map(lambda name: f"response.{name}")},
    optional={
        **dict.fromkeys(("output_index", "content_index", "summary_index"), _indices),
        **dict.fromkeys(("delta", "text", "logprobs", "item_id", "error"), _odd),
        "item": st.one_of(_odd_items, values),
        "response": st.one_of(values, st.fixed_dictionaries({"output": st.lists(_odd_items)})),
    },
)
