"""Chat Completions requests made at random: what clients of this dialect may send.

``requests()`` has everything; ``requests(normal=True)`` only the spellings that the encoder itself
would choose, so that it must write the same without the client's own words to go by.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.wire.made_json import objects, some_text, values, words

Made = dict[str, object]

# On a busy machine drawing takes its time, and that is no fault of what is tested.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

_EMPTY: tuple[object, ...] = (None, "", [], {})
_PNG = "iVBORw0KGgo="


def _unknown(normal: bool) -> st.SearchStrategy[Made]:
    """Fields nobody has heard of; in normal form they are not empty."""
    inside = values.filter(lambda value: value not in _EMPTY) if normal else values
    return st.dictionaries(words.map(lambda name: "x_" + name), inside, max_size=1)


def _some(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[object]]) -> Made:
    """Any of the fields."""
    return {name: draw(made) for name, made in fields.items() if draw(st.booleans())}


def _nullable(made: st.SearchStrategy[object], normal: bool) -> st.SearchStrategy[object]:
    return made if normal else st.one_of(st.none(), made)


_marks: st.SearchStrategy[object] = st.sampled_from(
    [{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}]
)


@st.composite
def _parts(draw: st.DrawFn, normal: bool, kinds: tuple[str, ...]) -> Made:
    kind = draw(st.sampled_from(kinds))
    part: Made = {"type": kind}
    if kind == "text":
        part["text"] = draw(some_text())
    elif kind == "image_url":
        url = draw(st.sampled_from([f"data:image/png;base64,{_PNG}", "https://example.com/a.png"]))
        part["image_url"] = {"url": url, **_some(draw, {"detail": st.just("high")})}
        if not normal and draw(st.booleans()):
            part["image_url"] = draw(
                st.sampled_from([url, {"url": f"data:image/png;x=1;base64,{_PNG}", "detail": None}])
            )
    elif kind == "input_audio":
        return {"type": kind, "input_audio": {"data": "UklGRg==", "format": "wav"}}
    elif kind == "file":
        known = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}
        part["file"] = draw(
            st.sampled_from([known, {"file_id": "file-1"}, {**known, "x_more": True}])
        )
    elif kind == "video_url":
        return {"type": kind, "video_url": {"url": "https://example.com/a.mp4"}}
    mark: Made = _some(draw, {"cache_control": _marks})
    return {**part, **mark, **draw(_unknown(normal))}


def _content(normal: bool, kinds: tuple[str, ...]) -> st.SearchStrategy[object]:
    lists = st.lists(_parts(normal, kinds), min_size=1 if normal else 0, max_size=3)
    return st.one_of(some_text(), lists)


@st.composite
def _messages(draw: st.DrawFn, normal: bool) -> Made:
    role = draw(st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"]))
    more = draw(_unknown(normal))
    if role == "function":
        if normal:
            role = "user"
        else:
            return {"role": role, "name": draw(words), "content": draw(some_text()), **more}
    if role == "tool":
        content = draw(_content(normal, ("text", "image_url")))
        known = {"name": words.map(str), "cache_control": _marks}
        call_id = draw(words)
        return {
            "role": role,
            "tool_call_id": call_id,
            "content": content,
            **more,
            **_some(draw, known),
        }
    if role == "assistant":
        return {**draw(_assistants(normal)), **more}
    kinds = (
        ("text", "image_url", "input_audio", "file", "video_url") if role == "user" else ("text",)
    )
    message: Made = {"role": role, "content": draw(_content(normal, kinds))}
    message.update(_some(draw, {"name": words}))
    if not normal:
        message.update(_some(draw, {"cache_control": _marks}))
    return {**message, **more}


@st.composite
def _assistants(draw: st.DrawFn, normal: bool) -> Made:
    message: Made = {"role": "assistant", "content": None}
    if draw(st.booleans()):
        message["content"] = draw(_content(normal, ("text",)))
    elif not normal and draw(st.booleans()):
        del message["content"]
    some = some_text().filter(bool)
    details = st.sampled_from(
        [
            [{"type": "reasoning.text", "text": "Hm", "signature": "s", "index": 0}],
            [{"type": "reasoning.encrypted", "data": "gA", "id": "x"}],
        ]
    )
    known: dict[str, st.SearchStrategy[object]] = {
        "refusal": _nullable(some, normal),
        "reasoning_content": _nullable(some, normal),
        "reasoning_details": _nullable(details, normal),
        "tool_calls": st.lists(_calls(normal), min_size=int(normal), max_size=2),
    }
    if not normal:
        known["reasoning"] = st.one_of(some, objects)
        known["function_call"] = st.just({"name": "f", "arguments": "{}"})
        known["audio"] = st.just({"id": "audio_1"})
        known["annotations"] = st.just([])
    return {**message, **_some(draw, known)}


@st.composite
def _calls(draw: st.DrawFn, normal: bool) -> Made:
    call: Made = {"id": draw(words), "type": "function"}
    if draw(st.booleans()):
        call["function"] = {"name": draw(words), "arguments": draw(some_text())}
    else:
        call = {
            **call,
            "type": "custom",
            "custom": {"name": draw(words), "input": draw(some_text())},
        }
    if not normal:
        call.update(_some(draw, {"index": st.integers(0, 3)}))
        if draw(st.booleans()):
            call = {"id": "c", "function": {"name": "f", "arguments": draw(objects)}}
    return {**call, **draw(_unknown(normal)), **_some(draw, {"cache_control": _marks})}


@st.composite
def _tools(draw: st.DrawFn, normal: bool) -> Made:
    kind = draw(st.sampled_from(["function", "custom", "hosted", "anthropic", "flat"]))
    name = draw(words)
    known = {"description": some_text().map(str)}
    if kind == "hosted":
        return {"type": "web_search", **draw(_unknown(normal))}
    if kind == "custom":
        form = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}
        inner = {"name": name, **_some(draw, {**known, "format": st.just(form)})}
        return {"type": "custom", "custom": inner, **_some(draw, {"cache_control": _marks})}
    if kind == "anthropic" and not normal:
        return {
            "name": name,
            "input_schema": draw(objects),
            **_some(draw, {"cache_control": _marks}),
        }
    if kind == "flat" and not normal:
        return {"type": "function", "name": name, "parameters": draw(objects)}
    inner = {"name": name, **_some(draw, {**known, "parameters": objects, "strict": st.booleans()})}
    inner.update(draw(_unknown(normal)))
    return {"type": "function", "function": inner, **_some(draw, {"cache_control": _marks})}


def _settings(normal: bool) -> dict[str, st.SearchStrategy[object]]:
    small, text = st.integers(0, 1000), some_text().filter(bool)
    named = {"type": "function", "function": {"name": "f"}}
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}
    known: dict[str, st.SearchStrategy[object]] = {
        "max_completion_tokens": small,
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": small,
        "seed": small,
        "n": st.integers(2, 4),
        "presence_penalty": st.floats(-2, 2),
        "frequency_penalty": st.floats(-2, 2),
        "logprobs": st.booleans(),
        "top_logprobs": small,
        "stop": st.lists(text, min_size=1, max_size=2),
        "tool_choice": st.sampled_from(["auto", "none", "required", named]),
        "parallel_tool_calls": st.booleans(),
        "reasoning_effort": st.sampled_from(["minimal", "low", "xhigh", "max"]),
        "response_format": st.sampled_from([{"type": "json_object"}, schema]),
        "verbosity": st.just("low"),
        "user": text,
        "metadata": st.just({"a": "b"}),
        "prompt_cache_key": text,
        "prompt_cache_retention": st.just("24h"),
        "service_tier": st.just("flex"),
        "store": st.booleans(),
        "logit_bias": st.just({"1": 5}),
        "web_search_options": st.just({"search_context_size": "low"}),
        "prediction": st.just({"type": "content", "content": "x"}),
    }
    if normal:
        return known
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}
    known = {name: st.one_of(st.none(), made) for name, made in known.items()}
    return {
        **known,
        "max_tokens": small,
        "stop": st.one_of(st.none(), text, st.lists(text)),
        "tool_choice": st.sampled_from(["auto", "any", allowed, {"type": "any"}, None]),
        "reasoning": st.sampled_from([{"effort": "low"}, {"max_tokens": 5, "exclude": True}, None]),
        "thinking": st.sampled_from([{"type": "disabled"}, {"type": "new", "x": 1}]),
        "response_format": st.sampled_from([{"type": "text"}, {"type": "regex", "x": 1}, schema]),
        "safety_identifier": text,
        "modalities": st.sampled_from([["text"], ["text", "audio"]]),
        "stream_options": st.sampled_from([None, {}, {"include_usage": False, "x_more": 1}]),
        "usage": st.just({"include": True}),
        "functions": st.just([{"name": "f", "parameters": {}}]),
        "tools": st.sampled_from([None, []]),
    }


@st.composite
def requests(draw: st.DrawFn, *, normal: bool = False) -> Made:
    """A request's body."""
    body: Made = {"model": draw(words), **_some(draw, _settings(normal))}
    body["messages"] = draw(st.lists(_messages(normal), max_size=4))
    if draw(st.booleans()):
        body["tools"] = draw(st.lists(_tools(normal), min_size=1, max_size=3))
    if draw(st.booleans()):
        body["stream"] = True
        if draw(st.booleans()):
            body["stream_options"] = {"include_usage": True}
    elif not normal:
        body["stream"] = False
    return {**body, **draw(_unknown(normal))}
