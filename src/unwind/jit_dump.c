#include "unwind/jit_dump.h"

#include "base/array.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/text.h"
#include "capture/mapped_file.h"
#include "unwind/code_ranges.h"

#include <errno.h>
#include <string.h>

enum {
    MAGIC = 0x4a695444, /* "JiTD"; the other way round in a file of another machine, which is not read */
    VERSION = 1,
    CODE_LOAD = 0,
    CODE_MOVE = 1,
    CODE_DEBUG_INFO = 2,
    CODE_CLOSE = 3,
    ELF_HEADER = 64,
    PADDING = 8,
    NO_NAME = 0 /* where the texts begin stands "" */
};

struct file_header {
    uint32_t magic, version, size, machine, padding, pid;
    uint64_t time, flags;
};

struct record_header {
    uint32_t id, size;
    uint64_t time;
};

struct load {
    uint32_t pid, tid;
    uint64_t mapped, start, size, index;
};

struct move {
    uint32_t pid, tid;
    uint64_t mapped, from, to, size, index;
};

struct debug_info {
    uint64_t start, count;
};

struct debug_entry {
    uint64_t address;
    uint32_t line, discriminator;
};

struct line {
    uint64_t address;
    uint32_t line, file; /* the latter in texts */
};

struct function {
    uint64_t start; /* where it was first: its lines have those addresses */
    uint32_t name;  /* in texts */
    uint32_t first_line, line_count;
};

struct jit_dump {
    struct code_ranges ranges; /* of which a value is the number of a function */
    struct buffer texts;
    struct functions {
        struct function *items;
        size_t count, capacity;
    } functions;
    struct lines {
        struct line *items;
        size_t count, capacity;
    } lines;
    uint64_t shift;    /* that line addresses have too much */
    bool lines_differ; /* that they are shifted, and that they aren't: neither can be told */
};

/* Reads a file in order, in large pieces. */
struct input {
    int fd;
    uint64_t position; /* in the file, of what comes next */
    uint64_t start;    /* of the piece */
    size_t size;
    char piece[64 * 1024];
};

/* What is told of lines before the function that they are of. */
struct pending {
    uint64_t start;
    size_t first, count;
};

struct reading {
    struct input *input;
    struct jit_dump *dump;
    struct pending lines;
    uint64_t end; /* of the record */
    size_t looks; /* that may still be taken for functions that moved */
    bool has_shifted, has_not_shifted;
};

void jit_dump_free(struct jit_dump *dump)
{
    if (!dump)
        return;
    code_ranges_release(&dump->ranges);
    buffer_release(&dump->texts);
    free(dump->functions.items);
    free(dump->lines.items);
    free(dump);
}

/* What is there of `size` bytes, without going on. NULL: nothing. */
static const char *look(struct input *input, size_t *size)
{
    uint64_t inside = input->position - input->start;
    ssize_t n;

    if (input->position < input->start || inside >= input->size || input->size - inside < *size) {
        n = input->position > INT64_MAX
                ? 0
                : io_pread_full(input->fd, input->piece, sizeof input->piece, (off_t)input->position);
        input->start = input->position;
        input->size = n > 0 ? (size_t)n : 0;
        inside = 0;
    }
    *size = *size < input->size - inside ? *size : input->size - inside;
    return *size > 0 ? input->piece + inside : NULL;
}

static bool take(struct input *input, void *bytes, size_t size)
{
    size_t available = size;
    const char *found = size > 0 ? look(input, &available) : "";

    if (!found || available < size)
        return false;
    memcpy(bytes, found, size);
    input->position += size;
    return true;
}

/* A name within the record; of a long one the beginning. */
static int take_text(struct reading *reading, uint32_t *ret_text)
{
    size_t available = LIMIT_PERF_MAP_NAME, size;
    struct buffer *texts = &reading->dump->texts;
    const char *text, *end;
    int r;

    if (reading->input->position >= reading->end)
        return -EINVAL;
    if (available > reading->end - reading->input->position)
        available = (size_t)(reading->end - reading->input->position);
    text = look(reading->input, &available);
    if (!text)
        return -EINVAL;
    end = memchr(text, '\0', available);
    size = end ? (size_t)(end - text) : available;
    reading->input->position += size + (end ? 1 : 0);
    *ret_text = (uint32_t)texts->size;
    r = buffer_append(texts, text, size);
    return r < 0 ? r : buffer_append(texts, "", 1);
}

static int add_function(struct jit_dump *dump, const struct function *function, uint64_t start, uint64_t size)
{
    int r = ARRAY_RESERVE(&dump->functions, 1, LIMIT_PERF_MAP_ENTRIES);

    if (r < 0)
        return r;
    dump->functions.items[dump->functions.count] = *function;
    return code_ranges_add(&dump->ranges, start, size, (uint32_t)dump->functions.count++);
}

/* Node 20 writes names of files out of memory that it has freed: then nothing in the record can be relied
 * upon. */
static bool are_of(const struct reading *reading, const struct load *load)
{
    const struct lines *lines = &reading->dump->lines;

    for (size_t i = 0; i < reading->lines.count; i++)
        if (lines->items[reading->lines.first + i].address - load->start > load->size + ELF_HEADER)
            return false;
    return reading->lines.start == load->start;
}

/* V8 writes addresses of lines as they are in the ELF files that perf makes of the functions, behind an ELF
 * header; others don't. A line that is behind its function shows the one, a line that would be before it the
 * other. */
static void see_shift(struct reading *reading, const struct load *load)
{
    const struct lines *lines = &reading->dump->lines;

    for (size_t i = 0; i < reading->lines.count; i++) {
        uint64_t offset = lines->items[reading->lines.first + i].address - load->start;

        reading->has_shifted |= offset >= load->size && offset - ELF_HEADER < load->size;
        reading->has_not_shifted |= offset < ELF_HEADER;
    }
}

static int read_load(struct reading *reading)
{
    struct function function = {0};
    struct load load;
    int r;

    if (!take(reading->input, &load, sizeof load))
        return -EINVAL;
    r = take_text(reading, &function.name);
    if (r < 0)
        return r;
    function.start = load.start;
    if (are_of(reading, &load)) {
        function.first_line = (uint32_t)reading->lines.first;
        function.line_count = (uint32_t)reading->lines.count;
        see_shift(reading, &load);
    }
    reading->lines = (struct pending){0};
    return add_function(reading->dump, &function, load.start, load.size);
}

/* That of the same address that was made last; a garbage collector moves many, and none is looked for long.
 */
static const struct function *function_at(struct reading *reading, uint64_t start)
{
    enum { TRIES = 4096 };
    const struct jit_dump *dump = reading->dump;

    for (size_t i = dump->ranges.count, tries = 0; i > 0 && tries < TRIES && reading->looks > 0;
         i--, tries++, reading->looks--)
        if (dump->ranges.items[i - 1].start == start)
            return &dump->functions.items[dump->ranges.items[i - 1].value];
    return NULL;
}

static int read_move(struct reading *reading)
{
    const struct function *found;
    struct function function;
    struct move move;

    if (!take(reading->input, &move, sizeof move))
        return -EINVAL;
    found = function_at(reading, move.from);
    if (!found)
        return 0;
    function = *found; /* its lines have the addresses that it had at first */
    return add_function(reading->dump, &function, move.to, move.size);
}

static bool is_name(const char *text)
{
    uint32_t letter;
    size_t size;

    for (; *text; text += size) {
        size = text_decode(text, strlen(text), &letter);
        if (size == 0 || letter < ' ')
            return false;
    }
    return true;
}

/* "\xff": as the one before. */
static int take_file(struct reading *reading, uint32_t *file)
{
    uint32_t text;
    size_t before = reading->dump->texts.size;
    int r = take_text(reading, &text);

    if (r < 0)
        return r;
    if (strcmp(reading->dump->texts.data + text, "\xff") == 0 ||
        strcmp(reading->dump->texts.data + text, reading->dump->texts.data + *file) == 0)
        reading->dump->texts.size = before;
    else
        *file = text;
    return is_name(reading->dump->texts.data + *file) ? 0 : -EBADMSG;
}

/* What is left of the record: records may be filled up with zeros. */
static bool is_padding(const struct reading *reading)
{
    struct input *input = reading->input;
    char bytes[PADDING] = {0};
    static const char zeros[PADDING];

    return input->position <= reading->end && reading->end - input->position < PADDING &&
           take(input, bytes, (size_t)(reading->end - input->position)) &&
           memcmp(bytes, zeros, sizeof bytes) == 0;
}

static int read_debug_info(struct reading *reading)
{
    struct lines *lines = &reading->dump->lines;
    struct debug_info info;
    uint32_t file = NO_NAME;
    uint64_t i = 0;
    int r = 0;

    if (!take(reading->input, &info, sizeof info))
        return -EINVAL;
    reading->lines = (struct pending){.start = info.start, .first = lines->count};
    for (; i < info.count && r == 0 && reading->input->position < reading->end; i++) {
        struct debug_entry entry;

        if (!take(reading->input, &entry, sizeof entry))
            return -EINVAL;
        r = take_file(reading, &file);
        if (r == 0)
            r = ARRAY_RESERVE(lines, 1, LIMIT_JIT_LINES);
        if (r == 0)
            lines->items[lines->count++] =
                (struct line){.address = entry.address, .line = entry.line, .file = file};
    }
    if (r == 0 && (i < info.count || !is_padding(reading)))
        r = -EBADMSG;
    if (r < 0)
        lines->count = reading->lines.first;
    reading->lines.count = lines->count - reading->lines.first;
    return r == -EBADMSG ? 0 : r;
}

static int read_record(struct reading *reading, const struct record_header *header)
{
    switch (header->id) {
    case CODE_LOAD:
        return read_load(reading);
    case CODE_MOVE:
        return read_move(reading);
    case CODE_DEBUG_INFO:
        return read_debug_info(reading);
    case CODE_CLOSE:
        return -ENODATA;
    default:
        return 0;
    }
}

/* The last record may be being written just now. */
static int read_records(struct reading *reading)
{
    struct input *input = reading->input;
    int r = 0;

    for (unsigned i = 0; i < LIMIT_JIT_RECORDS && r == 0; i++) {
        struct record_header header;
        uint64_t start = input->position;

        if (!take(input, &header, sizeof header) || header.size < sizeof header)
            break;
        reading->end = start + header.size;
        r = read_record(reading, &header);
        input->position = reading->end;
    }
    return r;
}

struct jit_dump *jit_dump_of_file(int fd)
{
    struct jit_dump *dump = calloc(1, sizeof *dump);
    _cleanup_free_ struct input *input = calloc(1, sizeof *input);
    struct reading reading = {.input = input, .dump = dump, .looks = LIMIT_JIT_LOOKS};
    struct file_header header;

    if (dump && input) {
        input->fd = fd;
        dump->texts.limit = LIMIT_PERF_MAP;
    }
    if (!dump || !input || !take(input, &header, sizeof header) || header.magic != MAGIC ||
        header.version != VERSION || header.size < sizeof header || buffer_append(&dump->texts, "", 1) < 0) {
        jit_dump_free(dump);
        return NULL;
    }
    input->position = header.size;
    (void)read_records(&reading); /* what was read until something is wrong counts */
    code_ranges_sort(&dump->ranges);
    dump->shift = reading.has_shifted ? ELF_HEADER : 0;
    dump->lines_differ = reading.has_shifted == reading.has_not_shifted;
    return dump;
}

static bool is_dump(const struct map *map)
{
    const char *slash = strrchr(map->path, '/');
    size_t size = slash ? strlen(slash) : 0;

    return slash && strncmp(slash, "/jit-", 5) == 0 && size > 10 && strcmp(slash + size - 5, ".dump") == 0 &&
           map->permissions & MAP_EXECUTE;
}

struct jit_dump *jit_dump_read(const struct pidref *process, const struct map_list *maps)
{
    for (size_t i = 0; i < maps->count; i++) {
        _cleanup_close_ int fd = -1;

        if (is_dump(&maps->items[i]) && mapped_file_open(process, &maps->items[i], &fd) == 0)
            return jit_dump_of_file(fd);
    }
    return NULL;
}

/* The last line that begins at or before the address: they are in no order that could be relied upon. */
static const struct line *line_of(const struct jit_dump *dump, const struct function *function,
                                  uint64_t offset)
{
    const struct line *found = NULL;

    if (dump->lines_differ || function->line_count > LIMIT_JIT_LINES_FUNCTION)
        return NULL;
    for (size_t i = 0; i < function->line_count; i++) {
        const struct line *line = &dump->lines.items[function->first_line + i];
        uint64_t at = line->address - dump->shift - function->start;

        if (at <= offset && (!found || line->address >= found->address))
            found = line;
    }
    return found;
}

bool jit_dump_find(const struct jit_dump *dump, uint64_t address, struct image_place *ret_place)
{
    const struct code_range *range = code_ranges_find(&dump->ranges, address);
    const struct function *function = range ? &dump->functions.items[range->value] : NULL;
    const struct line *line = function ? line_of(dump, function, address - range->start) : NULL;

    if (!function)
        return false;
    *ret_place =
        (struct image_place){.function = dump->texts.data + function->name, .offset = address - range->start};
    if (line && line->file != NO_NAME) {
        ret_place->file = dump->texts.data + line->file;
        ret_place->line = line->line;
    }
    return true;
}
