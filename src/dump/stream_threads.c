/* The streams that list threads. */
#include "dump/layout.h"

enum { FILETIME_UNIT = 100 }; /* ns */
/* from 1601 to 1970, in FILETIME units */
#define FILETIME_1970 116444736000000000u

int stream_thread_list(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct capture *capture = minidump->capture;
    uint32_t count = (uint32_t)capture->thread_count;
    size_t first;
    int r = layout_append(minidump, &count, sizeof count, 4, ret_rva);

    if (r == 0)
        r = layout_append(minidump, NULL, capture->thread_count * sizeof(struct md_thread), 1, &first);
    if (r < 0)
        return r;
    for (size_t i = 0; i < capture->thread_count; i++) {
        const struct capture_thread *from = &capture->threads[i];
        struct md_thread *thread = (struct md_thread *)layout_at(minidump, first) + i;

        *thread = (struct md_thread){
            .id = (uint32_t)from->id,
            .priority = (uint32_t)from->priority,
            .environment_block = context_thread_pointer(&from->registers),
            .stack.start = from->stack_start,
        };
    }
    minidump->thread_list_rva = *ret_rva;
    *ret_size = sizeof count + capture->thread_count * sizeof(struct md_thread);
    return 0;
}

int stream_thread_names(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct capture *capture = minidump->capture;
    uint32_t count = (uint32_t)capture->thread_count;
    size_t first;
    int r = layout_append(minidump, &count, sizeof count, 4, ret_rva);

    if (r == 0)
        r = layout_append(minidump, NULL, capture->thread_count * sizeof(struct md_thread_name), 1, &first);
    for (size_t i = 0; r == 0 && i < capture->thread_count; i++) {
        uint32_t name_rva;

        r = layout_append_string(minidump, capture->threads[i].name, &name_rva);
        if (r == 0)
            ((struct md_thread_name *)layout_at(minidump, first))[i] =
                (struct md_thread_name){.id = (uint32_t)capture->threads[i].id, .name_rva = name_rva};
    }
    *ret_size = sizeof count + capture->thread_count * sizeof(struct md_thread_name);
    return r;
}

static uint64_t filetime(int64_t ns_since_1970)
{
    return ns_since_1970 > 0 ? (uint64_t)ns_since_1970 / FILETIME_UNIT + FILETIME_1970 : 0;
}

static uint64_t filetime_span(int64_t ns)
{
    return ns > 0 ? (uint64_t)ns / FILETIME_UNIT : 0;
}

int stream_thread_info(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct capture *capture = minidump->capture;
    struct md_list_head head = {.head_size = sizeof head,
                                .entry_size = sizeof(struct md_thread_info),
                                .count = (uint32_t)capture->thread_count};
    int r = layout_append(minidump, &head, sizeof head, 4, ret_rva);

    for (size_t i = 0; r == 0 && i < capture->thread_count; i++) {
        const struct capture_thread *from = &capture->threads[i];
        struct md_thread_info info = {
            .id = (uint32_t)from->id,
            .exit_status = MD_STILL_ACTIVE,
            .create_time = filetime(from->start_time),
            .kernel_time = filetime_span(from->system_time),
            .user_time = filetime_span(from->user_time),
            .start_address = from->start_address,
        };
        size_t ignored;

        r = layout_append(minidump, &info, sizeof info, 1, &ignored);
    }
    *ret_size = sizeof head + capture->thread_count * sizeof(struct md_thread_info);
    return r;
}

static const struct capture_thread *requesting_thread(const struct capture *capture)
{
    for (size_t i = 0; i < capture->thread_count; i++)
        if (capture->threads[i].id == capture->requesting_thread)
            return &capture->threads[i];
    return &capture->threads[0];
}

/* Names the thread that a debugger shows first. Nothing happened: the code says that a dump was asked for. */
int stream_exception(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct capture_thread *thread = requesting_thread(minidump->capture);
    struct md_exception exception = {
        .thread_id = (uint32_t)thread->id,
        .code = MD_EXCEPTION_DUMP_REQUESTED,
        .address = registers_program_counter(&thread->registers),
        /* the index, until layout_place puts the offset of the context there */
        .context.rva = (uint32_t)(thread - minidump->capture->threads),
    };
    int r = layout_append(minidump, &exception, sizeof exception, 8, ret_rva);

    minidump->exception_rva = *ret_rva;
    *ret_size = sizeof exception;
    return r;
}
