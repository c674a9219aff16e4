/* dotnet-monitor's routes -> operations. docs/MONITOR.md */
#pragma once

#include "api/call.h"
#include "api/monitor_operations.h"

extern const struct route monitor_routes[]; /* a route's name is its operation's, where it has one */

struct monitor {
    const struct caller *caller;          /* borrowed; set before the first call */
    struct monitor_operations operations; /* private */
};

int monitor_init(struct monitor *monitor) _must_check_;
void monitor_release(struct monitor *monitor); /* after the server */

/* Answers when target is one of its routes; else false. `first` is the first segment behind the prefix. */
bool monitor_handle(struct monitor *monitor, const struct caller *caller, struct http_exchange *exchange,
                    const struct target *target, size_t first);
