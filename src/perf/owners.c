#include "perf/owners.h"

/* Of those that ran lately; a thread that loses its place to another may be counted twice once. Sets of a
 * few, so that two busy threads do not take turns. */
enum { SETS = 1024, WAYS = 4 };

/* Two events of a thread run and stop together, with the same period: one of them that was silent for longer
 * than this is no longer there, or the thread hasn't run. */
enum { SILENT_PERIODS = 3 };

struct owner {
    pid_t tid;
    int processor;
    uint64_t id, time_ns; /* of the last sample; 0: unused */
};

struct perf_owners {
    uint64_t patience_ns;
    struct owner sets[SETS][WAYS];
};

struct perf_owners *perf_owners_new(uint64_t period_ns)
{
    struct perf_owners *owners = calloc(1, sizeof *owners);

    if (owners)
        owners->patience_ns = SILENT_PERIODS * period_ns;
    return owners;
}

void perf_owners_free(struct perf_owners *owners)
{
    free(owners);
}

bool perf_owners_count(struct perf_owners *owners, pid_t tid, int processor, uint64_t id, uint64_t time_ns)
{
    uint32_t hash = ((uint32_t)tid * 31 + (uint32_t)processor) * 2654435769u;
    struct owner *set = owners->sets[hash >> 22], *oldest = set;

    for (struct owner *owner = set; owner < set + WAYS; owner++) {
        if (owner->tid == tid && owner->processor == processor && owner->time_ns > 0) {
            if (owner->id != id && time_ns < owner->time_ns + owners->patience_ns)
                return false;
            oldest = owner;
            break;
        }
        if (owner->time_ns < oldest->time_ns)
            oldest = owner;
    }
    *oldest = (struct owner){.tid = tid, .processor = processor, .id = id, .time_ns = time_ns};
    return true;
}
