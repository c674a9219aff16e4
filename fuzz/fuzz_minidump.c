/* A minidump of a process that the input makes up: type, stack pointers, names, mappings, cpuinfo. Whatever
 * they are, the plan holds: as many bytes are written as were planned, through a sink that may end early. */
#include "capture/stack.h"
#include "dump/minidump.h"

#include <errno.h>
#include <string.h>

enum { THREADS = 6, WRITTEN_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct head {
    uint32_t type;
    uint8_t with_memory, cut;
    uint8_t threads, ignored;
    struct {
        uint64_t stack_pointer;
        char name[16];
    } thread[THREADS];
};

static void check_dump(const struct capture *capture, const struct memory *memory, uint32_t type)
{
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(WRITTEN_MAX);
    _cleanup_sink_ struct sink *sink = NULL;
    struct minidump *minidump;
    int r;

    if (minidump_plan(capture, memory, type, &minidump, NULL, NULL) < 0)
        return;
    if (sink_memory_new(&file, &sink) < 0)
        __builtin_trap();
    r = minidump_write(minidump, sink, NULL);
    if (r == 0 && sink->written != minidump_size(minidump))
        __builtin_trap();
    if (r == -EFBIG && minidump_size(minidump) <= WRITTEN_MAX)
        __builtin_trap();
    minidump_free(minidump);
}

static void make_threads(struct capture *capture, const struct head *head)
{
    for (size_t i = 0; i < head->threads % (THREADS + 1u); i++) {
        struct capture_thread *thread = &capture->threads[capture->thread_count++];

        *thread = (struct capture_thread){.id = (pid_t)i + 1};
        memcpy(thread->name, head->thread[i].name, sizeof head->thread[i].name);
#if defined(__x86_64__)
        thread->registers.general.rsp = head->thread[i].stack_pointer;
#else
        thread->registers.general.sp = head->thread[i].stack_pointer;
#endif
    }
}

/* A module at the start of every other mapping of a file, of whatever size. */
static void make_modules(struct capture *capture)
{
    for (size_t i = 0; i < capture->maps.count; i += 2) {
        const struct map *map = &capture->maps.items[i];

        if (map->inode == 0 || ARRAY_RESERVE(&capture->modules, 1, LIMIT_MODULES) < 0)
            continue;
        capture->modules.items[capture->modules.count++] = (struct module){
            .base = map->start, .size = map->offset, .path = strdup(map->path), .deleted = map->deleted};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char bytes[3 * 4096] = "made up";
    _cleanup_capture_ struct capture capture = {.page_size = 4096};
    _cleanup_memory_ struct memory *memory = NULL;
    struct head head;
    size_t maps_size;

    if (size < sizeof head)
        return 0;
    memcpy(&head, data, sizeof head);
    data += sizeof head;
    size -= sizeof head;
    maps_size = size * head.cut / 255;
    capture.threads = calloc(THREADS, sizeof capture.threads[0]);
    if (!capture.threads || memory_bytes_new(0x10000, bytes, sizeof bytes, &memory) < 0 ||
        buffer_append(&capture.maps_text, data, maps_size) < 0 ||
        buffer_append(&capture.cpuinfo_text, data + maps_size, size - maps_size) < 0 ||
        buffer_append(&capture.auxv, data, size) < 0)
        return 0;
    if (maps_parse((const char *)data, maps_size, &capture.maps) < 0)
        capture.maps.count = 0; /* a process without mappings is a case too */
    make_modules(&capture);
    make_threads(&capture, &head);
    (void)stacks_choose(&capture); /* how many are nowhere does not matter */
    if (!head.with_memory) {
        capture.stacks.limit = 16 << 20;
        if (stacks_copy(&capture, memory) < 0)
            return 0;
    }
    check_dump(&capture, head.with_memory ? memory : NULL, head.type);
    check_dump(&capture, memory, head.type & MINIDUMP_TYPE_VALID);
    return 0;
}
