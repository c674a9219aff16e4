/* What a .NET runtime says of itself. */
#pragma once

#include "base/guid.h"
#include "runtime/dotnet_ipc.h"

struct dotnet_info {
    char cookie[GUID_TEXT_SIZE]; /* of this runtime in this process: what dotnet-monitor calls its uid */
    char assembly[256];          /* that has the entry point; "" where it doesn't say */
};

/* By deadline_ms (clock_monotonic_ms). Runtimes before .NET 6 are -EOPNOTSUPP. */
int dotnet_info_read(const struct dotnet *dotnet, uint64_t deadline_ms, struct dotnet_info *ret_info,
                     struct error *error) _must_check_;
