/* The plan of a minidump. */
#include "dump/minidump.h"

#include "dump/layout.h"

#include <errno.h>

/* Bits that change nothing in this version. What is always done or has no counterpart on Linux that could be
 * missed is not among them: docs/MINIDUMP.md. */
static const uint32_t ignored_bits = MD_TYPE_AVX_STATE | MD_TYPE_IPT_TRACE;

static void note_module(void *context, uint64_t word)
{
    struct minidump *minidump = context;
    const struct module_list *modules = &minidump->capture->modules;
    const struct module *found = modules_find(modules, word);

    if (found)
        minidump->module_wanted[found - modules->items] = true;
}

/* ScanMemory: only the modules that a stack or an instruction pointer leads to. */
static int choose_modules(struct minidump *minidump)
{
    const struct capture *capture = minidump->capture;

    if (!layout_wants(minidump, MD_TYPE_SCAN_MEMORY) || capture->modules.count == 0)
        return 0;
    minidump->module_wanted = calloc(capture->modules.count, sizeof minidump->module_wanted[0]);
    if (!minidump->module_wanted)
        return -ENOMEM;
    for (size_t i = 0; i < capture->thread_count; i++)
        note_module(minidump, registers_program_counter(&capture->threads[i].registers));
    return stack_bytes_scan(&minidump->stacks, note_module, minidump);
}

static int lay_out(struct minidump *minidump)
{
    int r = stack_bytes_init(&minidump->stacks, minidump->capture, minidump->memory);

    if (r == 0)
        r = choose_modules(minidump);
    if (r == 0)
        r = regions_choose(&minidump->stacks, minidump->type, &minidump->regions);
    if (r == 0)
        r = layout_head(minidump);
    if (r == 0)
        layout_place(minidump);
    return r;
}

int minidump_plan(const struct capture *capture, const struct memory *memory, uint32_t type,
                  struct minidump **ret_minidump, uint32_t *ret_ignored, struct error *error)
{
    struct minidump *minidump;
    int r;

    if (type & ~MINIDUMP_TYPE_VALID)
        return error_set(error, EINVAL,
                         "The dump type 0x%x has bits that do not exist; valid are those of 0x%x.", type,
                         MINIDUMP_TYPE_VALID);
    if (!memory && minidump_reads_memory(type))
        return error_set(error, EINVAL, "A dump of type 0x%x needs the memory, not only the stacks.", type);
    minidump = calloc(1, sizeof *minidump);
    if (!minidump)
        return error_errno(error, ENOMEM, "Can't plan the dump");
    minidump->capture = capture;
    minidump->memory = memory;
    minidump->type = type;
    minidump->head.limit = UINT32_MAX;
    r = lay_out(minidump);
    if (r == -ENOBUFS || (r == 0 && minidump->regions_rva > UINT32_MAX))
        r = error_set(
            error, EFBIG,
            "The dump can't be written: threads, stacks and lists must fit into 4 GiB, and do not.");
    if (r < 0) {
        minidump_free(minidump);
        return error_ensure(error, r, "Can't plan the dump");
    }
    *ret_minidump = minidump;
    if (ret_ignored)
        *ret_ignored = type & ignored_bits;
    return 0;
}

uint64_t minidump_size(const struct minidump *minidump)
{
    return minidump->size;
}

uint64_t minidump_memory_bytes(const struct minidump *minidump)
{
    return minidump->stacks.size + (minidump->size - minidump->regions_rva);
}

uint64_t minidump_live_bytes(const struct minidump *minidump)
{
    return range_list_common(&minidump->regions, &minidump->capture->live);
}

void minidump_when_read(struct minidump *minidump, void (*call)(void *data), void *data)
{
    minidump->when_read = call;
    minidump->when_read_data = data;
}

void minidump_free(struct minidump *minidump)
{
    if (!minidump)
        return;
    buffer_release(&minidump->head);
    stack_bytes_release(&minidump->stacks);
    free(minidump->module_wanted);
    free(minidump->regions.items);
    free(minidump);
}
