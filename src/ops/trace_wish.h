/* Which events a client of dotnet-monitor wants of a .NET runtime: by profiles, each of which stands for some
 * providers, or by the body of its POST (EventProvidersConfiguration). */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "runtime/dotnet_session.h"

enum { TRACE_PROVIDERS_MAX = 32, TRACE_ARGUMENTS_MAX = 64, TRACE_BUFFER_MIB = 256 };

struct trace_wish {
    bool has_cpu; /* the profile of the processor, which can be had of every process */
    bool is_cpu_alone;
    bool is_own;                                           /* it was said by a body */
    size_t count;                                          /* at least one */
    struct dotnet_provider providers[TRACE_PROVIDERS_MAX]; /* one session, each of another name */
    /* private: what is pointed to */
    struct json_t *root;
    char *arguments[TRACE_PROVIDERS_MAX];
};

/* The struct may not be moved. body, or else profiles (NULL: dotnet-monitor's default ones), "Cpu,Http".
 * interval_ms: of counters. -EINVAL with a sentence; to be released whatever comes. */
int trace_wish_read(const char *body, const char *profiles, uint64_t interval_ms, struct trace_wish *wish,
                    struct error *error) _must_check_;
void trace_wish_release(struct trace_wish *wish);
#define _cleanup_trace_wish_ _cleanup_(trace_wish_release)
