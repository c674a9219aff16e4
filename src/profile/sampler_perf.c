/* Samples that the kernel takes. */
#include "profile/sampler_parts.h"

#include "base/clock.h"
#include "perf/perf.h"

#include <errno.h>
#include <string.h>

struct sampler_perf {
    struct sampler base; /* first */
    struct perf *perf;
};

/* The piece of a stack that came with a sample, over what doesn't change. */
struct sample_memory {
    struct memory memory;
    struct naming *naming;
    uint64_t start;
    const uint8_t *bytes;
    size_t size;
};

static ssize_t sample_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct sample_memory *self = (const struct sample_memory *)memory;
    uint64_t inside = address - self->start;

    if (address < self->start || inside >= self->size)
        return memory_read(naming_code(self->naming), address, bytes, size);
    size = size < self->size - inside ? size : self->size - inside;
    memcpy(bytes, self->bytes + inside, size);
    return (ssize_t)size;
}

static int add_kernel(struct sampler *sampler, const struct perf_sample *sample, struct sampler_stack *stack)
{
    int r = 0;

    for (size_t i = 0; i < sample->kernel_count && stack->count < LIMIT_PROFILE_DEPTH && r == 0; i++)
        r = naming_kernel(sampler->naming, sample->kernel[i], i > 0, &stack->frames[stack->count++]);
    return r;
}

static int add_user(struct sampler *sampler, const struct perf_sample *sample, struct sampler_stack *stack)
{
    static const struct memory_ops ops = {.name = "sample", .read = sample_read};
    struct sample_memory memory = {.memory = {&ops}};
    struct registers registers;
    int r = 0;

    for (size_t i = 0; i < sample->user_count && r == 0; i++)
        r = sampler_add_user(sampler, sample->user[i], i > 0, stack);
    if (r < 0 || !sample->registers || sample->is_32_bit)
        return r;
    sampler_registers(sample->registers, &registers);
    memory.naming = sampler->naming;
    memory.start = registers_stack_pointer(&registers);
    memory.bytes = sample->stack;
    memory.size = sample->stack ? sample->stack_size : 0;
    return sampler_add_walk(sampler, &registers, &memory.memory, stack);
}

static int take(void *context, const struct perf_record *record)
{
    struct sampler *sampler = context;
    struct sampler_stack stack;
    uint32_t unused;
    int r;

    switch (record->kind) {
    case PERF_KIND_SAMPLE:
        stack.count = 0;
        r = add_kernel(sampler, &record->sample, &stack);
        if (r == 0)
            r = add_user(sampler, &record->sample, &stack);
        return r < 0 ? r : sampler_count(sampler, record->time_ns, record->tid, NULL, &stack);
    case PERF_KIND_NAME:
        if (record->name.by_exec)
            naming_forget_all(sampler->naming, record->time_ns);
        return profile_add_thread(sampler->profile, record->tid, record->name.text, &unused);
    case PERF_KIND_MAPPING:
        naming_forget(sampler->naming, record->mapping.start, record->mapping.size, record->time_ns);
        return 0;
    default:
        return 0;
    }
}

static int perf_sampler_read(struct sampler *base, bool all)
{
    struct sampler_perf *self = (struct sampler_perf *)base;
    int r;

    if (all)
        perf_stop(self->perf);
    r = perf_read(self->perf, all, take, base);
    base->profile->lost = perf_lost(self->perf);
    if (r == 0 && pidref_has_ended(base->process))
        r = -ESRCH;
    return r;
}

static void perf_sampler_free(struct sampler *base)
{
    struct sampler_perf *self = (struct sampler_perf *)base;

    perf_close(self->perf);
    free(self);
}

static void describe(const struct perf_facts *facts, bool frame_pointers, char *how, size_t size)
{
    (void)snprintf(how, size, "Perf events %s at %u Hz%s; stacks by %s.", /* fits */
                   facts->way == PERF_BY_PROCESSOR ? "of each processor" : "of each thread", facts->frequency,
                   facts->kernel_addresses ? ""
                   : facts->kernel_time    ? ", without kernel addresses"
                                           : ", without time in the kernel",
                   frame_pointers ? "frame pointers" : "call frame information");
}

int sampler_perf_new(const struct sampler_options *options, struct sampler *base,
                     struct sampler **ret_sampler, struct error *error)
{
    static const struct sampler_ops ops = {.read = perf_sampler_read, .free = perf_sampler_free};
    enum { STACK_BYTES = 16 * 1024 };
    const struct perf_options wish = {.frequency = options->frequency,
                                      .kernel = true,
                                      .stack_bytes = options->frame_pointers ? 0 : STACK_BYTES};
    _cleanup_sampler_ struct sampler *made = NULL;
    struct sampler_perf *self = calloc(1, sizeof *self);
    const struct perf_facts *facts;
    char how[160];
    int r;

    if (!self)
        return error_set(error, ENOMEM, "Out of memory.");
    self->base = *base;
    self->base.ops = &ops;
    made = &self->base;
    r = sampler_prepare(made, error);
    if (r == 0)
        r = perf_open(base->process, &wish, &self->perf, error);
    if (r < 0)
        return r;
    facts = perf_facts(self->perf);
    describe(facts, options->frame_pointers, how, sizeof how);
    r = sampler_begin(made, PROFILE_CPU, 1000000000u / facts->frequency, how, error);
    if (r < 0)
        return r;
    made->fd = perf_fd_to_poll(self->perf);
    *ret_sampler = TAKE_PTR(made);
    return 0;
}
