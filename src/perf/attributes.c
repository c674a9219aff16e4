#include "base/limits.h"
#include "perf/parts.h"

#include <time.h>

enum { FREQUENCY_DEFAULT = 99 }; /* not 100: out of step with what programs do at round rates */

void perf_attributes(const struct perf_options *options, struct perf_event_attr *ret_attributes)
{
    struct perf_event_attr attributes = {
        .type = options->cycles ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE,
        .size = sizeof attributes,
        .config = options->cycles ? (uint64_t)PERF_COUNT_HW_CPU_CYCLES : (uint64_t)PERF_COUNT_SW_CPU_CLOCK,
        .freq = 1,
        .sample_freq = options->frequency ? options->frequency : FREQUENCY_DEFAULT,
        .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CALLCHAIN,
        .sample_id_all = 1, /* the time in all records, or they could not be put in order */
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
        .exclude_idle = 1,
        .exclude_hv = 1,
        .exclude_callchain_kernel = !options->kernel,
        .mmap = 1,
        .mmap2 = 1,
        .build_id = 1,
        .comm = 1,
        .comm_exec = 1,
        .task = 1,
        .watermark = 1,
    };

    if (options->stack_bytes > 0) {
        attributes.sample_type |= PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
        attributes.sample_regs_user = perf_register_mask;
        attributes.sample_stack_user = (options->stack_bytes + 7) / 8 * 8;
        attributes.exclude_callchain_user = 1;
    }
    *ret_attributes = attributes;
}
