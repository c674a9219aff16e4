#include "capture/capture.h"

#include <elf.h>
#include <string.h>

void capture_release(struct capture *capture)
{
    struct buffer *const buffers[] = {
        &capture->maps_text,         &capture->status_text,
        &capture->stat_text,         &capture->cmdline,
        &capture->environ,           &capture->auxv,
        &capture->cpuinfo_text,      &capture->lsb_release_text,
        &capture->uptime_text,       &capture->stacks,
        &capture->extended,          &capture->linkage_bytes,
        &capture->interrupted_bytes,
    };

    for (size_t i = 0; i < ELEMENTS_OF(buffers); i++)
        buffer_release(buffers[i]);
    free(capture->threads);
    map_list_release(&capture->maps);
    module_list_release(&capture->modules);
    open_file_list_release(&capture->files);
    range_list_release(&capture->present);
    range_list_release(&capture->shared);
    range_list_release(&capture->live);
    memory_free(capture->overlay);
    memory_free(capture->running);
    free(capture->linkage.items);
    free(capture->interrupted.items);
    *capture = (struct capture){0};
}

uint64_t capture_auxv(const struct capture *capture, uint64_t type)
{
    Elf64_auxv_t entry;

    for (size_t at = 0; at + sizeof entry <= capture->auxv.size; at += sizeof entry) {
        memcpy(&entry, capture->auxv.data + at, sizeof entry);
        if (entry.a_type == type)
            return entry.a_un.a_val;
    }
    return 0;
}

const struct memory *capture_memory(const struct capture *capture, const struct trace *trace)
{
    if (!trace)
        return NULL;
    return capture->overlay ? capture->overlay : trace_memory(trace);
}

/* As much of it as lies in the piece. */
static size_t read_piece(const struct memory_piece *piece, uint64_t address, void *bytes, size_t size)
{
    if (!piece->bytes || address < piece->start || address >= piece->end)
        return 0;
    if (size > piece->end - address)
        size = (size_t)(piece->end - address);
    memcpy(bytes, piece->bytes + (address - piece->start), size);
    return size;
}

size_t capture_read_stack(const struct capture *capture, const struct capture_thread *thread,
                          uint64_t address, void *bytes, size_t size)
{
    const struct memory_piece own = {.start = thread->stack_start,
                                     .end = thread->stack_start + thread->stack_size,
                                     .bytes = thread->stack};
    size_t done = read_piece(&own, address, bytes, size);

    for (size_t i = 0; done < size && i < capture->interrupted.count; i++)
        done += read_piece(&capture->interrupted.items[i], address + done, (char *)bytes + done, size - done);
    return done;
}
