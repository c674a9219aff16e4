/* The two kinds of sampler, and what they share. For sampler*.c alone. */
#pragma once

#include "profile/naming.h"
#include "profile/sampler.h"
#include "trace/registers.h"
#include "unwind/walk.h"

struct sampler_ops {
    int (*read)(struct sampler *sampler, bool all);
    void (*free)(struct sampler *sampler);
};

struct sampler {
    const struct sampler_ops *ops;
    const struct procfs *procfs; /* borrowed, as the next two */
    const struct pidref *process;
    struct profile *profile;
    struct naming *naming;
    uint64_t began_ns; /* CLOCK_MONOTONIC */
    int fd;            /* owned by the kind */
};

/* They fill what is theirs of a sampler that holds what is borrowed. */
int sampler_perf_new(const struct sampler_options *options, struct sampler *base,
                     struct sampler **ret_sampler, struct error *error) _must_check_;
int sampler_hold_new(const struct sampler_options *options, struct sampler *base,
                     struct sampler **ret_sampler, struct error *error) _must_check_;

/* What may take long, before the first sample. */
int sampler_prepare(struct sampler *sampler, struct error *error) _must_check_;
/* Begins the profile. period: ns. how: a sentence. */
int sampler_begin(struct sampler *sampler, enum profile_what what, uint64_t period, const char *how,
                  struct error *error) _must_check_;

/* A stack that is put together, innermost first. */
struct sampler_stack {
    uint32_t frames[LIMIT_PROFILE_DEPTH + NAMING_MOST];
    size_t count;
};

/* Past LIMIT_PROFILE_DEPTH nothing is added. */
int sampler_add_user(struct sampler *sampler, uint64_t address, bool is_return,
                     struct sampler_stack *stack) _must_check_;
/* All that a walk finds. memory: at least the stack. */
int sampler_add_walk(struct sampler *sampler, const struct registers *registers, const struct memory *memory,
                     struct sampler_stack *stack) _must_check_;
/* at_ns: CLOCK_MONOTONIC. name NULL: read where the thread is new. */
int sampler_count(struct sampler *sampler, uint64_t at_ns, pid_t tid, const char *name,
                  const struct sampler_stack *stack) _must_check_;

/* Registers as perf gives them (asm/perf_regs.h, perf_register_mask). One sampler_MACHINE.c is compiled. */
void sampler_registers(const uint64_t *values, struct registers *ret_registers);
