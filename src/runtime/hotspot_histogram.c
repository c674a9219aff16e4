/* The class histogram of HotSpot: lines of text, of which each that begins with a rank is of a class. */
#include "runtime/hotspot_heap.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/parse.h"
#include "runtime/hotspot_attach.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* "   1:          7300      105191704  [B (java.base@17.0.15)" */
bool hotspot_histogram_line(const char *line, size_t size, struct heap_type *ret_type)
{
    const char *at = line, *end = line + size, *open;
    struct heap_type type = {0};
    uint64_t rank;

    scan_blanks(&at, end);
    if (!scan_u64(&at, end, &rank) || !scan_char(&at, end, ':'))
        return false;
    scan_blanks(&at, end);
    if (!scan_u64(&at, end, &type.count))
        return false;
    scan_blanks(&at, end);
    if (!scan_u64(&at, end, &type.bytes))
        return false;
    scan_blanks(&at, end);
    if (at == end)
        return false;
    type.name = at;
    type.name_size = (size_t)(end - at);
    open = memmem(at, type.name_size, " (", 2);
    if (open && end[-1] == ')') {
        type.name_size = (size_t)(open - at);
        type.module = open + 2;
        type.module_size = (size_t)(end - 1 - type.module);
    }
    *ret_type = type;
    return type.name_size > 0;
}

static const char *primitive(char letter)
{
    static const struct {
        char letter;
        const char *name;
    } names[] = {{'Z', "boolean"}, {'B', "byte"}, {'C', "char"},  {'S', "short"},
                 {'I', "int"},     {'J', "long"}, {'F', "float"}, {'D', "double"}};

    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        if (names[i].letter == letter)
            return names[i].name;
    return NULL;
}

void hotspot_class_name(const char *name, size_t name_size, char *text, size_t size)
{
    size_t arrays = 0, used;
    const char *element = name;
    size_t element_size;

    while (arrays < name_size && name[arrays] == '[')
        arrays++;
    element += arrays;
    element_size = name_size - arrays;
    if (arrays > 0 && element_size == 1 && primitive(*element)) {
        element = primitive(*element);
        element_size = strlen(element);
    } else if (arrays > 0 && element_size > 2 && element[0] == 'L' && element[element_size - 1] == ';') {
        element++;
        element_size -= 2;
    } else {
        element = name;
        element_size = name_size;
        arrays = 0;
    }
    (void)snprintf(text, size, "%.*s", element_size < INT_MAX ? (int)element_size : INT_MAX, element);
    for (used = strlen(text); arrays > 0 && used + 3 <= size; arrays--, used += 2)
        (void)snprintf(text + used, size - used, "[]"); /* fits */
}

struct lines {
    struct buffer line;
    size_t count;
    bool is_long; /* the present one: left out */
    int (*take)(void *to, const struct heap_type *type);
    void *to;
};

static int end_line(struct lines *lines)
{
    struct heap_type type;
    int r = 0;

    if (!lines->is_long && hotspot_histogram_line(buffer_string(&lines->line), lines->line.size, &type))
        r = lines->count++ < LIMIT_HEAP_TYPES ? lines->take(lines->to, &type) : -EFBIG;
    buffer_clear(&lines->line);
    lines->is_long = false;
    return r;
}

static int take_text(void *to, const char *bytes, size_t size)
{
    struct lines *lines = to;
    int r = 0;

    while (size > 0 && r == 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t piece = end ? (size_t)(end - bytes) : size;

        r = lines->is_long ? 0 : buffer_append(&lines->line, bytes, piece);
        if (r == -ENOBUFS) {
            lines->is_long = true;
            r = 0;
        }
        if (end && r == 0)
            r = end_line(lines);
        bytes += piece + (end ? 1 : 0);
        size -= piece + (end ? 1 : 0);
    }
    return r;
}

int hotspot_heap_types(const struct pidref *process, const struct map_list *maps,
                       const struct hotspot_heap_wish *wish,
                       int (*take)(void *to, const struct heap_type *type), void *to, struct error *error)
{
    _cleanup_close_ int socket = -1;
    const char *const arguments[3] = {wish->live ? "GC.class_histogram" : "GC.class_histogram -all"};
    struct lines lines = {.line = BUFFER_INIT(LIMIT_HEAP_LINE), .take = take, .to = to};
    int r = hotspot_connect(process, maps, clock_monotonic_ms() + wish->patience_ms, &socket, error);

    if (r == 0)
        r = hotspot_ask(process, socket, "jcmd", arguments, LIMIT_JAVA_ANSWER,
                        clock_monotonic_ms() + wish->patience_ms, take_text, &lines, error);
    buffer_release(&lines.line);
    if (r == 0 && lines.count == 0)
        return error_set(error, EIO, "The Java virtual machine named no classes.");
    return r;
}
