#include "capture/capture.h"

#include <elf.h>
#include <string.h>

void capture_release(struct capture *capture)
{
    struct buffer *const buffers[] = {
        &capture->maps_text,   &capture->status_text, &capture->stat_text,    &capture->cmdline,
        &capture->environ,     &capture->auxv,        &capture->cpuinfo_text, &capture->lsb_release_text,
        &capture->uptime_text, &capture->stacks,      &capture->extended,     &capture->linkage_bytes,
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
