#include "unwind/lines.h"

#include "unwind/debug_file.h"
#include "unwind/debug_sections.h"
#include "unwind/units.h"

#include <dwarf.h>
#include <setjmp.h>
#include <string.h>

enum {
    REFERENCES_MAX = 16, /* entries that refer to one another for a name */
    LINE_SIZE = 40,      /* bytes that libdw takes for one line */
};

struct lines {
    struct debug_sections *own, *shared; /* shared: what dwz has put into one file for several; NULL: none */
    struct units *units;
    size_t line_bytes; /* of the tables that libdw has read */
    struct effort *effort;
    bool is_broken; /* libdw was left in the middle: it is not called again */
    bool gave_up;   /* nor where not all units were gone through for want of time */
};

/* libdw ends the process when memory runs out, unless it is told where else to go. It must not be returned
 * to. */
static jmp_buf *out_of_memory;

static __attribute__((noreturn)) void leave(void)
{
    longjmp(*out_of_memory, 1);
}

static void shared_open(const struct elf_file *file, struct lines *lines)
{
    static const char *const names[] = {".debug_info", ".debug_abbrev", ".debug_str", NULL};
    _cleanup_elf_file_ struct elf_file *shared = debug_file_find_shared(file);

    lines->shared = shared ? debug_sections_open(shared, names) : NULL;
    if (lines->shared)
        dwarf_setalt(lines->own->dwarf, lines->shared->dwarf);
}

static __attribute__((noinline)) bool units_open(struct lines *lines)
{
    jmp_buf here;

    out_of_memory = &here;
    if (setjmp(here))
        return false;
    lines->units = units_new(lines->own->dwarf, lines->effort);
    return lines->units != NULL;
}

/* libdw reads a table of forms to its end, for each unit that refers to it. */
static bool abbreviations_are_bounded(const struct debug_sections *sections)
{
    const uint8_t *bytes;
    size_t size;

    return !debug_sections_find(sections, ".debug_abbrev", &bytes, &size) ||
           size <= LIMIT_DEBUG_ABBREVIATIONS;
}

struct lines *lines_new(const struct elf_file *file, struct effort *effort)
{
    static const char *const names[] = {
        ".debug_info",        ".debug_abbrev", ".debug_line",   ".debug_line_str", ".debug_str",
        ".debug_str_offsets", ".debug_addr",   ".debug_ranges", ".debug_rnglists", NULL};
    struct lines *lines = calloc(1, sizeof *lines);

    if (!lines)
        return NULL;
    lines->effort = effort;
    lines->own = debug_sections_open(file, names);
    if (!lines->own || !abbreviations_are_bounded(lines->own)) {
        lines_free(lines);
        return NULL;
    }
    shared_open(file, lines);
    if (lines->shared && !abbreviations_are_bounded(lines->shared)) {
        lines_free(lines);
        return NULL;
    }
    (void)dwarf_new_oom_handler(lines->own->dwarf, leave); /* returns the one before */
    if (lines->shared)
        (void)dwarf_new_oom_handler(lines->shared->dwarf, leave);
    if (!units_open(lines)) {
        lines_free(lines);
        return NULL;
    }
    lines->gave_up = effort->is_over;
    return lines;
}

void lines_free(struct lines *lines)
{
    if (!lines)
        return;
    units_free(lines->units);
    debug_sections_free(lines->own);
    debug_sections_free(lines->shared);
    free(lines);
}

bool lines_gave_up(const struct lines *lines)
{
    return lines->gave_up;
}

size_t lines_size(const struct lines *lines)
{
    return sizeof *lines + lines->own->size + (lines->shared ? lines->shared->size : 0) +
           units_size(lines->units) + lines->line_bytes;
}

/* libdw reads a unit's table whole, each byte of which can be a line. */
static bool table_is_bounded(const struct lines *lines, Dwarf_Die *unit, size_t *ret_size)
{
    Dwarf_Attribute attribute;
    Dwarf_Word at;
    const uint8_t *bytes;
    size_t size;
    uint32_t length;

    if (!dwarf_attr(unit, DW_AT_stmt_list, &attribute) || dwarf_formudata(&attribute, &at) != 0 ||
        !debug_sections_find(lines->own, ".debug_line", &bytes, &size) || at >= size ||
        size - at < sizeof length)
        return false;
    memcpy(&length, bytes + at, sizeof length);
    *ret_size = length;
    return length <= LIMIT_LINE_TABLE; /* the escape to 64 bits is far beyond */
}

static void line_find(struct lines *lines, struct unit_place *where, uint64_t address,
                      struct line_place *place)
{
    size_t table_size, count;
    Dwarf_Lines *table;
    Dwarf_Line *line;
    int number;

    if (!table_is_bounded(lines, &where->unit, &table_size) ||
        dwarf_getsrclines(&where->unit, &table, &count) != 0)
        return;
    if (!*where->has_lines)
        lines->line_bytes += count * LINE_SIZE;
    *where->has_lines = true;
    line = dwarf_getsrc_die(&where->unit, address);
    if (!line)
        return;
    place->file = dwarf_linesrc(line, NULL, NULL);
    place->line = dwarf_lineno(line, &number) == 0 && number > 0 ? (unsigned)number : 0;
}

/* Where the function is called that was inlined. */
static void call_find(const struct lines *lines, Dwarf_Die *unit, Dwarf_Die *inlined,
                      struct line_place *place)
{
    Dwarf_Attribute attribute;
    Dwarf_Files *files;
    Dwarf_Word number;
    size_t count;

    *place = (struct line_place){0};
    if (dwarf_attr(inlined, DW_AT_call_line, &attribute) && dwarf_formudata(&attribute, &number) == 0 &&
        number <= INT32_MAX)
        place->line = (unsigned)number;
    if (table_is_bounded(lines, unit, &count) && dwarf_attr(inlined, DW_AT_call_file, &attribute) &&
        dwarf_formudata(&attribute, &number) == 0 && dwarf_getsrcfiles(unit, &files, &count) == 0 &&
        number < count)
        place->file = dwarf_filesrc(files, number, NULL, NULL);
}

/* The linkage name, which tells all, of the entry or of those that it is an instance of; else the plain one.
 */
static const char *name_of(const struct lines *lines, const Dwarf_Die *function)
{
    static const unsigned references[] = {DW_AT_abstract_origin, DW_AT_specification};
    const char *plain = NULL;
    Dwarf_Die die = *function;

    for (size_t i = 0; i < REFERENCES_MAX && effort_go_on(lines->effort); i++) {
        Dwarf_Attribute attribute;
        bool is_led_on = false;

        if (dwarf_attr(&die, DW_AT_linkage_name, &attribute) ||
            dwarf_attr(&die, DW_AT_MIPS_linkage_name, &attribute)) {
            const char *name = dwarf_formstring(&attribute);
            if (name)
                return name;
        }
        if (!plain && dwarf_attr(&die, DW_AT_name, &attribute))
            plain = dwarf_formstring(&attribute);
        for (size_t k = 0; k < ELEMENTS_OF(references) && !is_led_on; k++) {
            Dwarf_Die next;

            is_led_on = dwarf_attr(&die, references[k], &attribute) && dwarf_formref_die(&attribute, &next);
            if (is_led_on)
                die = next;
        }
        if (!is_led_on)
            break;
    }
    return plain;
}

static uint64_t offset_in(const struct lines *lines, Dwarf_Die *die, uint64_t address)
{
    uint64_t start;

    (void)units_holds(lines->effort, die, address, &start); /* it does */
    return start < address ? address - start : 0;
}

static bool is_block(int tag)
{
    return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
           tag == DW_TAG_catch_block || tag == DW_TAG_with_stmt;
}

/* The function and what is inlined around address, outermost first. */
static size_t chain_find(const struct lines *lines, const Dwarf_Die *function, uint64_t address,
                         Dwarf_Die *chain, size_t size)
{
    Dwarf_Die around = *function, die;
    size_t count = 1;
    uint64_t start;

    chain[0] = *function;
    while (count < size && dwarf_child(&around, &die) == 0) {
        bool is_found = false;

        do {
            int tag = dwarf_tag(&die);
            is_found = is_block(tag) && units_holds(lines->effort, &die, address, &start);
            if (is_found && tag == DW_TAG_inlined_subroutine)
                chain[count++] = die;
        } while (!is_found && effort_go_on(lines->effort) && dwarf_siblingof(&die, &die) == 0);
        if (!is_found)
            break;
        around = die;
    }
    return count;
}

static size_t find(struct lines *lines, uint64_t address, struct line_place *places, size_t size)
{
    struct line_place place = {0};
    Dwarf_Die chain[LIMIT_INLINED];
    struct unit_place where;
    size_t count, filled = 0;

    if (!units_find(lines->units, address, &where))
        return 0;
    line_find(lines, &where, address, &place);
    size = size < LIMIT_INLINED ? size : LIMIT_INLINED;
    count = where.has_function ? chain_find(lines, &where.function, address, chain, size) : 0;
    while (count > 0 && filled < size) {
        place.function = name_of(lines, &chain[--count]);
        place.offset = offset_in(lines, &chain[count], address);
        places[filled++] = place;
        if (count > 0)
            call_find(lines, &where.unit, &chain[count], &place);
    }
    if (!where.has_function && place.file)
        places[filled++] = place;
    return filled;
}

size_t lines_find(struct lines *lines, uint64_t address, struct line_place *places, size_t size)
{
    jmp_buf here;

    if (lines->is_broken || lines->gave_up || !size)
        return 0;
    out_of_memory = &here;
    if (setjmp(here)) {
        lines->is_broken = true;
        return 0;
    }
    size = find(lines, address, places, size);
    effort_end(lines->effort);
    lines->gave_up = lines->effort->is_over;
    return lines->gave_up ? 0 : size;
}
