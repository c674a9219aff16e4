/* What stands where in a minidump, found before the first byte is written:
 *
 *     head       header, directory, the small streams        built in memory
 *     texts      the kernel's texts (maps, status ...)       borrowed from the capture
 *     contexts   one CONTEXT a thread                        made while writing
 *     stacks     the threads' stacks, overlaps merged        from the capture or the memory
 *     regions    the bytes of Memory64List                   from the memory
 *
 * Everything but the bytes of the regions lies below 4 GiB, since it is addressed with 32 bits. */
#pragma once

#include "dump/context.h"
#include "dump/minidump.h"
#include "dump/minidump_format.h"
#include "dump/regions.h"
#include "dump/stack_bytes.h"

enum { LAYOUT_TEXTS_MAX = 16, LAYOUT_STREAMS_MAX = 40, LAYOUT_ALIGNMENT = STACK_ALIGNMENT };

struct text_piece {
    const struct buffer *text;
    uint64_t rva;
};

struct minidump {
    const struct capture *capture;
    const struct memory *memory;
    void (*when_read)(void *data); /* may be NULL */
    void *when_read_data;
    uint32_t type;
    struct buffer head;
    size_t directory_used;
    struct text_piece texts[LAYOUT_TEXTS_MAX];
    size_t text_count;
    struct stack_bytes stacks;
    bool *module_wanted; /* by index in the capture; NULL: all of them */
    struct range_list regions;
    uint64_t contexts_rva, stacks_rva, regions_rva, size;
    size_t thread_list_rva, memory_list_rva, exception_rva, memory64_list_rva; /* 0: no such stream */
};

static inline bool layout_wants(const struct minidump *minidump, uint32_t bits)
{
    return (minidump->type & bits) != 0;
}

/* Appends to the head on the given alignment. ret_rva is where it begins; bytes NULL: zeros. */
int layout_append(struct minidump *minidump, const void *bytes, size_t size, size_t alignment,
                  size_t *ret_rva) _must_check_;
/* Appends a MINIDUMP_STRING: UTF-16, what is not UTF-8 becomes U+FFFD; cut to its last LAYOUT_STRING_MAX
 * units, since readers refuse longer ones. */
enum { LAYOUT_STRING_MAX = 1000 };
int layout_append_string(struct minidump *minidump, const char *text, uint32_t *ret_rva) _must_check_;

/* Where something appended stands; valid until the next append. */
static inline void *layout_at(struct minidump *minidump, size_t rva)
{
    return minidump->head.data + rva;
}

/* streams.c: builds the head with all that does not depend on where stacks and regions will stand. */
int layout_head(struct minidump *minidump) _must_check_;
/* Puts those places in. */
void layout_place(struct minidump *minidump);

/* The single streams; each appends itself to the head and returns where it begins and its size. */
typedef int stream_build(struct minidump *minidump, size_t *ret_rva, size_t *ret_size);
stream_build stream_thread_list, stream_thread_names, stream_thread_info, stream_exception; /* of threads */
stream_build stream_module_list, stream_unloaded_modules;                                   /* of modules */
stream_build stream_system_info, stream_misc_info, stream_handles, stream_files;            /* of the whole */
stream_build stream_memory_list, stream_memory64_list, stream_memory_info;                  /* of memory */
