/* Models -> what dotnet-monitor's clients read. docs/MONITOR.md */
#pragma once

#include "view/stacks.h"

struct monitor_process {
    pid_t pid;
    const char *uid, *name;
    bool is_default;          /* the one that is meant where none is named */
    const char *command_line; /* NULL: unknown, as are these */
    const char *architecture; /* "x64" */
    const char *assembly;     /* that has the entry point; of .NET */
};

/* An element of the list, and one process in full. */
void monitor_identifier(struct json *json, const struct monitor_process *process);
void monitor_process(struct json *json, const struct monitor_process *process);

/* The stacks of all threads. Of a thread that a runtime knows, the runtime's own frames. */
void monitor_stacks_json(struct json *json, const struct stacks_view *view);
int monitor_stacks_text(struct buffer *out, const struct stacks_view *view) _must_check_;

struct monitor_metric {
    const char *provider, *name, *display_name, *unit; /* unit "": none */
    const char *tags;                                  /* of a counter; "" none */
    double value;
    bool is_rate;
};

/* One record of a JSON text sequence (RFC 7464), appended. time: ns since 1970. */
int monitor_metric(struct buffer *out, int64_t time, const struct monitor_metric *metric) _must_check_;

/* 2026-11-29T20:00:54.1234567+00:00 */
void monitor_date(int64_t ns_since_1970, char text[KUDU_TIME_SIZE]);
