#include "ops/dump_form.h"

#include "dump/core.h"
#include "dump/minidump.h"

static int plan_minidump(const struct capture *capture, const struct memory *memory, uint32_t type,
                         void **ret_plan, uint32_t *ret_ignored, struct error *error)
{
    struct minidump *minidump;
    int r = minidump_plan(capture, memory, type, &minidump, ret_ignored, error);

    if (r == 0)
        *ret_plan = minidump;
    return r;
}

static uint64_t size_of_minidump(const void *plan)
{
    return minidump_size(plan);
}

static uint64_t memory_of_minidump(const void *plan)
{
    return minidump_memory_bytes(plan);
}

static uint64_t live_of_minidump(const void *plan)
{
    return minidump_live_bytes(plan);
}

static void when_minidump_is_read(void *plan, void (*call)(void *data), void *data)
{
    minidump_when_read(plan, call, data);
}

static int write_minidump(const void *plan, struct sink *sink, struct error *error)
{
    return minidump_write(plan, sink, error);
}

static void free_minidump(void *plan)
{
    minidump_free(plan);
}

const struct dump_form dump_form_minidump = {
    .name = "minidump",
    .ending = "dmp",
    .reads_memory = minidump_reads_memory,
    .plan = plan_minidump,
    .size = size_of_minidump,
    .memory_bytes = memory_of_minidump,
    .live_bytes = live_of_minidump,
    .when_read = when_minidump_is_read,
    .write = write_minidump,
    .free = free_minidump,
};

static int plan_core(const struct capture *capture, const struct memory *memory, uint32_t type,
                     void **ret_plan, uint32_t *ret_ignored, struct error *error)
{
    struct core *core;
    int r = core_plan(capture, memory, type, &core, ret_ignored, error);

    if (r == 0)
        *ret_plan = core;
    return r;
}

static uint64_t size_of_core(const void *plan)
{
    return core_size(plan);
}

static uint64_t memory_of_core(const void *plan)
{
    return core_memory_bytes(plan);
}

static uint64_t live_of_core(const void *plan)
{
    return core_live_bytes(plan);
}

static void when_core_is_read(void *plan, void (*call)(void *data), void *data)
{
    core_when_read(plan, call, data);
}

static int write_core(const void *plan, struct sink *sink, struct error *error)
{
    return core_write(plan, sink, error);
}

static void free_core(void *plan)
{
    core_free(plan);
}

const struct dump_form dump_form_core = {
    .name = "core",
    .ending = "core",
    .reads_linkage = true,
    .reads_memory = core_reads_memory,
    .plan = plan_core,
    .size = size_of_core,
    .memory_bytes = memory_of_core,
    .live_bytes = live_of_core,
    .when_read = when_core_is_read,
    .write = write_core,
    .free = free_core,
};
