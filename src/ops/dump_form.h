/* The kinds of dump that src/dump writes, under one interface. Contracts: dump/minidump.h, dump/core.h. */
#pragma once

#include "capture/capture.h"
#include "memory/memory.h"
#include "stream/sink.h"

struct dump_form {
    const char *name, *ending;
    bool reads_linkage; /* wants capture.linkage, and extended registers */
    bool (*reads_memory)(uint32_t type);
    int (*plan)(const struct capture *capture, const struct memory *memory, uint32_t type, void **ret_plan,
                uint32_t *ret_ignored, struct error *error);
    uint64_t (*size)(const void *plan);
    uint64_t (*memory_bytes)(const void *plan);
    uint64_t (*live_bytes)(const void *plan);
    void (*when_read)(void *plan, void (*call)(void *data), void *data);
    int (*write)(const void *plan, struct sink *sink, struct error *error);
    void (*free)(void *plan); /* accepts NULL */
};

extern const struct dump_form dump_form_minidump, dump_form_core;
