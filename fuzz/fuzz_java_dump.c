/* The text of a thread dump, in pieces of a size that the first byte says: whatever it holds, all ranges lie
 * in their arrays, every name is there, and the pieces make no difference. */
#include "runtime/java_dump.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

static void read_in(struct java_dump *dump, const char *text, size_t size, size_t piece)
{
    check(java_dump_init(dump) == 0);
    for (size_t at = 0; at < size; at += piece)
        check(java_dump_feed(dump, text + at, piece < size - at ? piece : size - at) == 0);
    check(java_dump_end(dump) == 0);
}

static void check_locks(const struct java_dump *dump, uint32_t first, uint32_t count)
{
    check(count <= dump->locks.count && (count == 0 || first <= dump->locks.count - count));
    for (uint32_t i = 0; i < count; i++)
        check(java_lock_words(dump->locks.items[first + i].kind) != NULL);
}

static void check_thread(const struct java_dump *dump, const struct java_thread *thread)
{
    uint64_t count = (uint64_t)thread->frame_count + thread->virtual_count;

    check(thread->name != NULL && count <= dump->frames.count &&
          thread->first_frame <= dump->frames.count - count);
    check_locks(dump, thread->first_owned, thread->owned_count);
    for (size_t i = 0; i < count; i++) {
        const struct java_frame *frame = &dump->frames.items[thread->first_frame + i];

        check(frame->class_name && frame->method);
        check(!strchr(frame->method, '.'));
        check_locks(dump, frame->first_lock, frame->lock_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_java_dump_ struct java_dump whole = {0}, pieces = {0};

    if (size < 1)
        return 0;
    read_in(&whole, (const char *)data + 1, size - 1, size);
    read_in(&pieces, (const char *)data + 1, size - 1, data[0] % 64 + 1);
    check(whole.threads.count == pieces.threads.count && whole.frames.count == pieces.frames.count &&
          whole.locks.count == pieces.locks.count && whole.deadlocks == pieces.deadlocks &&
          whole.is_whole == pieces.is_whole);
    for (size_t i = 0; i < whole.threads.count; i++)
        check_thread(&whole, &whole.threads.items[i]);
    return 0;
}
