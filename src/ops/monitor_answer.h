/* dotnet-monitor's ways with answers: its file names, and which process it was. */
#pragma once

#include "ops/operation.h"

/* Runs the operation for a request of that dialect. */
int monitor_run(const struct operation *operation, const struct operation_context *context,
                const struct request *request, struct answer *answer, struct error *error) _must_check_;
