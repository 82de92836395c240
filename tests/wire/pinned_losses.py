"""What of each request gets lost on its way to a capable model of each provider.

Losses go by the names that the catalog's ``drops`` use. A request or target that is not listed
loses nothing. Each line is a decision: a new one means that a codec stopped carrying something, a
missing one that it carries more than before.
"""

from __future__ import annotations

# The vocabulary of losses. Beside these are unknown fields, by their own name, and what only one
# dialect knows (hosted tools, blocks, items), by its type.
NAMES = frozenset(
    (
        "audio", "cache_control", "document", "document.title", "document_url", "file_id",
        "frequency_penalty", "image", "image.detail", "image_url", "logprobs", "message.name",
        "metadata", "n", "output_format", "output_format.description", "output_format.strict",
        "parallel_tool_calls", "presence_penalty", "previous_response_id", "prompt_cache_key",
        "prompt_cache_retention", "reasoning", "reasoning.summary", "refusal", "seed",
        "service_tier", "stop_sequences", "store", "temperature", "thinking", "tool.cache_control",
        "tool.strict", "tool_call.arguments", "tool_choice", "tool_reference", "tool_result.image",
        "tool_result.is_error", "tools", "top_k", "top_logprobs", "top_p", "user", "verbosity",
    )
)  # fmt: skip

LOSSES: dict[str, dict[str, list[str]]] = {
    "dialogue/claude_first_turn": {
        "openai_chat": ["cache_control"],
        "openai_responses": ["cache_control"],
        "gemini": ["cache_control", "user"],
        "bedrock": ["user"],
    },
    "dialogue/claude_tool_loop": {
        "openai_chat": ["cache_control", "thinking", "tool_result.is_error"],
        "openai_responses": ["cache_control", "thinking", "tool_result.is_error"],
        "gemini": ["cache_control", "thinking"],
    },
    "dialogue/claude_mid_conversation_system": {
        "openai_chat": ["cache_control", "context_management"],
        "openai_responses": ["cache_control", "context_management"],
        "gemini": ["cache_control", "context_management"],
        "bedrock": ["context_management"],
    },
    "dialogue/claude_tool_search": {
        "openai_chat": ["cache_control", "eager_input_streaming"],
        "openai_responses": ["cache_control", "eager_input_streaming"],
        "gemini": ["cache_control", "eager_input_streaming"],
        "bedrock": ["eager_input_streaming"],
    },
    "dialogue/claude_images_and_documents": {
        "openai_chat": ["cache_control"],
        "openai_responses": ["cache_control"],
        "gemini": ["cache_control", "document.title"],
        "bedrock": ["image_url"],
    },
    "dialogue/claude_web_search": {
        "openai_chat": ["tool_choice", "web_search_20250305"],
        "openai_responses": ["tool_choice", "web_search_20250305"],
        "gemini": ["tool_choice", "web_search_20250305"],
        "bedrock": ["tool_choice", "web_search_20250305"],
    },
    "dialogue/claude_server_tools_in_history": {
        "openai_chat": ["citations", "server_tool_use", "web_search_tool_result"],
        "openai_responses": ["citations", "server_tool_use", "web_search_tool_result"],
        "gemini": ["citations", "server_tool_use", "web_search_tool_result"],
        "bedrock": ["citations", "server_tool_use", "web_search_tool_result"],
    },
    "dialogue/claude_settings": {
        "openai_chat": ["tool.cache_control", "top_k"],
        "openai_responses": ["stop_sequences", "tool.cache_control", "top_k"],
        "gemini": ["parallel_tool_calls", "tool.cache_control"],
        "bedrock": ["parallel_tool_calls"],
    },
    "dialogue/claude_empty_things": {
        "openai_chat": ["tool_result.is_error"],
        "openai_responses": ["tool_result.is_error"],
    },
    "dialogue/claude_unparsed_input": {
        "openai_chat": ["tool_result.is_error"],
        "openai_responses": ["tool_result.is_error"],
    },
    "dialogue/continue_cached": {
        "openai_responses": ["cache_control", "tool.cache_control"],
        "gemini": ["cache_control", "tool.cache_control"],
    },
    "dialogue/chat_images_and_files": {
        "anthropic_messages": ["image.detail"],
        "gemini": ["document.title", "image.detail"],
        "bedrock": ["image.detail", "image_url"],
    },
    "dialogue/chat_audio": {
        "anthropic_messages": ["audio"],
        "openai_responses": ["audio"],
    },
    "dialogue/chat_settings": {
        "anthropic_messages": [
            "frequency_penalty", "message.name", "metadata", "presence_penalty",
            "prompt_cache_key", "seed", "stop_sequences", "temperature", "top_p", "verbosity",
        ],
        "openai_responses": [
            "frequency_penalty", "message.name", "presence_penalty", "seed", "stop_sequences",
        ],
        "gemini": [
            "message.name", "metadata", "parallel_tool_calls", "prompt_cache_key", "tool.strict",
            "user", "verbosity",
        ],
        "bedrock": [
            "frequency_penalty", "message.name", "parallel_tool_calls", "presence_penalty",
            "prompt_cache_key", "seed", "temperature", "top_p", "user", "verbosity",
        ],
    },
    "dialogue/chat_structured": {
        "anthropic_messages": ["output_format.description"],
        "openai_responses": ["stop_sequences"],
        "gemini": ["output_format.description"],
    },
    "dialogue/chat_json_object": {
        "anthropic_messages": ["output_format"],
        "bedrock": ["output_format"],
    },
    "dialogue/chat_many_answers": {
        "anthropic_messages": ["logit_bias", "logprobs", "n", "top_logprobs"],
        "openai_responses": ["logit_bias", "n"],
        "gemini": ["logit_bias"],
        "bedrock": ["logit_bias", "logprobs", "n", "top_logprobs"],
    },
    "dialogue/chat_reasoning_in_history": {
        "anthropic_messages": ["thinking"],
        "openai_responses": ["thinking"],
        "gemini": ["thinking"],
        "bedrock": ["thinking"],
    },
    "dialogue/chat_refusal_in_history": {
        "anthropic_messages": ["refusal"],
        "gemini": ["refusal"],
        "bedrock": ["refusal"],
    },
    "dialogue/codex_namespaces": {
        "anthropic_messages": [
            "client_metadata", "reasoning.context", "phase", "prompt_cache_key",
            "thinking", "verbosity",
        ],
        "openai_chat": ["client_metadata", "reasoning.context", "phase", "thinking"],
        "gemini": [
            "client_metadata", "reasoning.context", "parallel_tool_calls", "phase",
            "prompt_cache_key", "thinking", "verbosity",
        ],
        "bedrock": [
            "client_metadata", "reasoning.context", "parallel_tool_calls", "phase",
            "prompt_cache_key", "thinking", "verbosity",
        ],
    },
    "dialogue/codex_tool_search": {
        "anthropic_messages": ["prompt_cache_key", "thinking", "verbosity"],
        "openai_chat": ["thinking"],
        "gemini": ["parallel_tool_calls", "prompt_cache_key", "thinking", "verbosity"],
        "bedrock": ["parallel_tool_calls", "prompt_cache_key", "thinking", "verbosity"],
    },
    "dialogue/codex_hosted_tools": {
        "anthropic_messages": ["prompt_cache_key", "verbosity", "web_search"],
        "openai_chat": ["web_search"],
        "gemini": ["parallel_tool_calls", "prompt_cache_key", "verbosity", "web_search"],
        "bedrock": ["parallel_tool_calls", "prompt_cache_key", "verbosity", "web_search"],
    },
    "dialogue/codex_compaction": {
        "anthropic_messages": ["compaction", "compaction_trigger"],
        "openai_chat": ["compaction", "compaction_trigger"],
        "gemini": ["compaction", "compaction_trigger"],
        "bedrock": ["compaction", "compaction_trigger"],
    },
    "dialogue/opencode_responses": {
        "anthropic_messages": ["prompt_cache_key", "thinking"],
        "openai_chat": ["reasoning.summary", "thinking"],
        "gemini": ["prompt_cache_key", "thinking"],
        "bedrock": ["prompt_cache_key", "thinking"],
    },
    "dialogue/cline_responses": {
        "anthropic_messages": ["include", "truncation"],
        "openai_chat": ["include", "truncation"],
        "gemini": ["document.title", "include", "truncation"],
        "bedrock": ["include", "truncation"],
    },
    "dialogue/responses_settings": {
        "anthropic_messages": ["metadata"],
        "gemini": ["metadata", "parallel_tool_calls", "tool.strict", "user"],
        "bedrock": ["parallel_tool_calls", "user"],
    },
    "dialogue/responses_chained": {
        "anthropic_messages": ["previous_response_id"],
        "openai_chat": ["previous_response_id"],
        "gemini": ["previous_response_id"],
        "bedrock": ["previous_response_id"],
    },
    "dialogue/responses_refusal_in_history": {
        "anthropic_messages": ["refusal"],
        "gemini": ["refusal"],
        "bedrock": ["refusal"],
    },
    "dialogue/gemini_cli_tool_loop": {
        "anthropic_messages": ["temperature", "thinking"],
        "openai_chat": ["reasoning.summary", "thinking", "tool_result.is_error"],
        "openai_responses": ["thinking", "tool_result.is_error"],
        "bedrock": ["temperature", "thinking"],
    },
    "dialogue/gemini_settings": {
        "anthropic_messages": ["frequency_penalty", "presence_penalty", "seed"],
        "openai_chat": ["top_k"],
        "openai_responses": [
            "frequency_penalty", "presence_penalty", "seed", "stop_sequences", "top_k",
        ],
        "bedrock": ["frequency_penalty", "presence_penalty", "seed"],
    },
    "dialogue/gemini_safety": {
        "anthropic_messages": ["safetySettings"],
        "openai_chat": ["safetySettings"],
        "openai_responses": ["safetySettings"],
        "bedrock": ["safetySettings"],
    },
    "dialogue/converse_tool_loop": {
        "anthropic_messages": ["json", "temperature"],
        "openai_chat": [
            "cache_control", "json", "thinking", "tool.cache_control", "tool_result.is_error",
        ],
        "openai_responses": [
            "cache_control", "json", "stop_sequences", "thinking", "tool.cache_control",
            "tool_result.is_error",
        ],
        "gemini": ["cache_control", "document.title", "json", "thinking", "tool.cache_control"],
    },
    "messages/mid_conversation_system_stream": {
        "openai_chat": ["cache_control"],
        "openai_responses": ["cache_control"],
        "gemini": ["cache_control"],
    },
    "messages/pause_turn_server_tools": {
        "openai_chat": ["tool_choice", "web_search_20250305"],
        "openai_responses": ["tool_choice", "web_search_20250305"],
        "gemini": ["tool_choice", "web_search_20250305"],
        "bedrock": ["tool_choice", "web_search_20250305"],
    },
    "messages/text_stream": {
        "openai_chat": ["cache_control"],
        "openai_responses": ["cache_control"],
        "gemini": ["cache_control", "user"],
        "bedrock": ["user"],
    },
    "messages/thinking_tool_stream": {
        "openai_chat": ["context_management"],
        "openai_responses": ["context_management"],
        "gemini": ["context_management"],
        "bedrock": ["context_management"],
    },
    "messages/tool_reference_stream": {
        "openai_chat": ["cache_control", "eager_input_streaming"],
        "openai_responses": ["cache_control", "eager_input_streaming"],
        "gemini": ["cache_control", "eager_input_streaming"],
        "bedrock": ["eager_input_streaming"],
    },
    "messages/unknown_fields_stream": {
        "openai_chat": ["future_field", "hologram"],
        "openai_responses": ["future_field", "hologram"],
        "gemini": ["future_field", "hologram"],
        "bedrock": ["future_field", "hologram"],
    },
    "chat/cache_write_stream": {
        "anthropic_messages": ["provider"],
        "openai_responses": ["cache_control", "provider"],
        "gemini": ["cache_control", "provider"],
        "bedrock": ["provider"],
    },
    "chat/logprobs_stream": {
        "anthropic_messages": ["logprobs", "top_logprobs"],
        "bedrock": ["logprobs", "top_logprobs"],
    },
    "chat/running_usage_stream": {
        "anthropic_messages": ["n", "stream_options"],
        "openai_responses": ["n", "stream_options"],
        "gemini": ["stream_options"],
        "bedrock": ["n", "stream_options"],
    },
    "chat/tool_calls_json": {
        "bedrock": ["tools"],
    },
    "responses/compaction_stream": {
        "anthropic_messages": ["compaction_trigger", "internal_chat_message_metadata_passthrough"],
        "openai_chat": ["compaction_trigger", "internal_chat_message_metadata_passthrough"],
        "gemini": ["compaction_trigger", "internal_chat_message_metadata_passthrough"],
        "bedrock": ["compaction_trigger", "internal_chat_message_metadata_passthrough"],
    },
    "responses/custom_tool_stream": {
        "bedrock": ["tools"],
    },
    "responses/nested_keys_json": {
        "bedrock": ["tools"],
    },
    "responses/reasoning_stream": {
        "anthropic_messages": ["client_metadata", "reasoning.context", "thinking"],
        "openai_chat": ["client_metadata", "reasoning.context", "thinking"],
        "gemini": ["client_metadata", "reasoning.context", "parallel_tool_calls", "thinking"],
        "bedrock": ["client_metadata", "reasoning.context", "parallel_tool_calls", "thinking"],
    },
    "responses/text_json": {
        "anthropic_messages": ["metadata"],
        "gemini": ["metadata"],
    },
    "responses/text_stream": {
        "anthropic_messages": ["prompt_cache_key", "verbosity"],
        "gemini": ["parallel_tool_calls", "prompt_cache_key", "verbosity"],
        "bedrock": ["parallel_tool_calls", "prompt_cache_key", "verbosity"],
    },
    "gemini/argument_pieces_stream": {
        "anthropic_messages": ["toolConfig.functionCallingConfig.streamFunctionCallArguments"],
        "openai_chat": ["toolConfig.functionCallingConfig.streamFunctionCallArguments"],
        "openai_responses": ["toolConfig.functionCallingConfig.streamFunctionCallArguments"],
        "bedrock": ["toolConfig.functionCallingConfig.streamFunctionCallArguments"],
    },
    "gemini/error_invalid_json": {
        "anthropic_messages": ["responseJsonSchema"],
        "openai_chat": ["responseJsonSchema"],
        "openai_responses": ["responseJsonSchema"],
        "bedrock": ["responseJsonSchema"],
    },
    "gemini/grounding_stream": {
        "anthropic_messages": [
            "codeExecution", "codeExecutionResult", "executableCode", "urlContext",
        ],
        "openai_chat": ["codeExecution", "codeExecutionResult", "executableCode", "urlContext"],
        "openai_responses": [
            "codeExecution", "codeExecutionResult", "executableCode", "urlContext",
        ],
        "bedrock": ["codeExecution", "codeExecutionResult", "executableCode", "urlContext"],
    },
    "gemini/images_json": {
        "anthropic_messages": [
            "audio", "file_id", "generationConfig.mediaResolution",
            "generationConfig.responseModalities", "inlineData", "labels",
        ],
        "openai_chat": [
            "file_id", "generationConfig.mediaResolution", "generationConfig.responseModalities",
            "inlineData", "labels",
        ],
        "openai_responses": [
            "audio", "file_id", "generationConfig.mediaResolution",
            "generationConfig.responseModalities", "inlineData", "labels",
        ],
        "bedrock": [
            "file_id", "generationConfig.mediaResolution", "generationConfig.responseModalities",
            "image_url", "inlineData", "labels", "mediaResolution", "tools",
        ],
    },
    "gemini/parallel_tools_stream": {
        "anthropic_messages": ["thinking"],
        "openai_chat": ["reasoning.summary", "thinking"],
        "openai_responses": ["thinking"],
        "bedrock": ["thinking"],
    },
    "gemini/safety_stream": {
        "anthropic_messages": ["logprobs", "top_logprobs"],
        "bedrock": ["logprobs", "top_logprobs"],
    },
    "gemini/text_json": {
        "anthropic_messages": [
            "cachedContent", "frequency_penalty", "presence_penalty", "reasoning", "seed",
        ],
        "openai_chat": ["cachedContent", "top_k"],
        "openai_responses": [
            "cachedContent", "frequency_penalty", "presence_penalty", "seed", "stop_sequences",
            "top_k",
        ],
        "bedrock": ["cachedContent", "frequency_penalty", "presence_penalty", "reasoning", "seed"],
    },
    "gemini/text_stream": {
        "anthropic_messages": ["safetySettings", "top_k"],
        "openai_chat": ["reasoning.summary", "safetySettings", "top_k"],
        "openai_responses": ["safetySettings", "top_k"],
        "bedrock": ["safetySettings", "top_k"],
    },
    "gemini/tool_ids_stream": {
        "anthropic_messages": ["googleSearch", "thinking"],
        "openai_chat": ["googleSearch", "thinking", "tool_result.is_error"],
        "openai_responses": ["googleSearch", "thinking", "tool_result.is_error"],
        "bedrock": ["googleSearch", "thinking"],
    },
}  # fmt: skip
