/* Lines of a class histogram: what is taken for a class lies in its line, and its name, written as Java does,
 * fits into whatever room the first byte says. */
#include "runtime/hotspot_heap.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

static void check_line(const char *line, size_t size, size_t room)
{
    _cleanup_free_ char *copy = malloc(size ? size : 1), *text = malloc(room);
    struct heap_type type;

    if (!copy || !text)
        return;
    memcpy(copy, line, size); /* so that the sanitizer sees its end */
    if (!hotspot_histogram_line(copy, size, &type))
        return;
    check(type.name_size > 0 && type.name >= copy && type.name_size <= size - (size_t)(type.name - copy));
    check(!type.module ||
          (type.module > type.name && type.module_size < size - (size_t)(type.module - copy)));
    hotspot_class_name(type.name, type.name_size, text, room);
    check(memchr(text, '\0', room) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data + 1, *end = (const char *)data + size;

    while (size > 0 && at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        size_t length = next ? (size_t)(next - at) : (size_t)(end - at);

        check_line(at, length, data[0] + 1u);
        at += length + 1;
    }
    return 0;
}
