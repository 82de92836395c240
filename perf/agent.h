/* The call a coding agent makes: Claude Code's headers, by name and by length, before any body. */
#ifndef PERF_AGENT_H
#define PERF_AGENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES_MAX = 8 << 20 };

static const char AGENT_HEAD[] =
    "POST /v1/messages?beta=true HTTP/1.1\r\nhost: 127.0.0.1:%u\r\nconnection: keep-alive\r\n"
    "accept: application/json\r\naccept-encoding: gzip, deflate, br, zstd\r\ncontent-type: application/json\r\n"
    "user-agent: claude-cli/2.1.197 (external, sdk-cli)\r\nx-app: cli\r\n"
    "x-claude-code-session-id: 5f0c2a9e-6d1b-4c51-9e0e-0c1d2e3f4a5b\r\nx-api-key: sk-ant-perf-0000000000000000\r\n"
    "anthropic-version: 2023-06-01\r\nanthropic-dangerous-direct-browser-access: true\r\n"
    "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,thinking-token-count-2026-05-13,"
    "context-management-2025-06-27,prompt-caching-scope-2026-01-05\r\n"
    "x-stainless-arch: x64\r\nx-stainless-lang: js\r\nx-stainless-os: Linux\r\n"
    "x-stainless-package-version: 0.94.0\r\nx-stainless-retry-count: 0\r\nx-stainless-runtime: node\r\n"
    "x-stainless-runtime-version: v24.3.0\r\nx-stainless-timeout: 600\r\n%scontent-length: %zu\r\n\r\n";

/* Head and body in one piece, or NULL with errno set when the body cannot be read. */
static char *agent_request(const char *body_path, unsigned port, const char *extra_headers, size_t *count)
{
    FILE *file = fopen(body_path, "rb");
    char *body = file ? malloc(BODY_BYTES_MAX) : NULL;
    if (!body)
        return NULL;
    size_t body_bytes = fread(body, 1, BODY_BYTES_MAX, file);
    fclose(file);
    char *request = malloc(sizeof AGENT_HEAD + strlen(extra_headers) + 64 + body_bytes);
    if (request) {
        *count = (size_t)sprintf(request, AGENT_HEAD, port, extra_headers, body_bytes);
        memcpy(request + *count, body, body_bytes);
        *count += body_bytes;
    }
    free(body);
    return request;
}

#endif
