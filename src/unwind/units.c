#include "unwind/units.h"

#include "base/array.h"
#include "base/limits.h"
#include "base/sorted.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

enum {
    DEPTH_MAX = 64,    /* of entries in one another */
    OVERLAPS_MAX = 64, /* spans that begin behind the one that is looked for, and end before the address */
};

struct span {
    uint64_t start, end;
    uint64_t what; /* index of a unit; offset of a function */
};

struct spans {
    struct span *items; /* ascending start */
    size_t count, capacity;
};

enum scanned { NOT_SCANNED, OUTER_SCANNED, ALL_SCANNED };

struct unit {
    Dwarf_Die die;
    struct spans functions;
    enum scanned scanned;
    bool has_lines;
};

struct units {
    Dwarf *dwarf;
    struct effort *effort;
    struct unit *items;
    size_t count, capacity;
    struct spans spans;
    size_t function_count; /* spans of all */
};

void units_free(struct units *units)
{
    if (!units)
        return;
    for (size_t i = 0; i < units->count; i++)
        free(units->items[i].functions.items);
    free(units->items);
    free(units->spans.items);
    free(units);
}

size_t units_size(const struct units *units)
{
    return sizeof *units + units->capacity * sizeof units->items[0] +
           (units->spans.capacity + units->function_count * 2) * sizeof(struct span);
}

/* Where an entry's code is. Of functions that the linker left out the compiler's zero is all that stands
 * there, or one more in a list, where two zeros end it. */
static int spans_add(struct spans *spans, struct effort *effort, Dwarf_Die *die, uint64_t what)
{
    Dwarf_Addr base, start, end;
    ptrdiff_t at = 0;

    while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
        int r;

        if (!effort_go_on(effort))
            return -ETIME;
        if (start <= 1 || start >= end)
            continue;
        r = ARRAY_RESERVE(spans, 1, LIMIT_DEBUG_SPANS);
        if (r < 0)
            return r;
        spans->items[spans->count++] = (struct span){start, end, what};
    }
    return 0;
}

static int compare(const void *one, const void *other)
{
    const struct span *a = one, *b = other;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    return a->what < b->what ? -1 : a->what > b->what;
}

static void spans_sort(struct spans *spans)
{
    if (spans->count)
        qsort(spans->items, spans->count, sizeof spans->items[0], compare);
}

/* The innermost span around address, before the one that was found last (NULL: none was). */
static const struct span *spans_find(const struct spans *spans, uint64_t address, const struct span *last)
{
    size_t begun = SORTED_UP_TO(spans->items, spans->count, start, address);

    for (size_t i = 0; i < OVERLAPS_MAX && i < begun; i++) {
        const struct span *span = &spans->items[begun - 1 - i];
        if (address < span->end && (!last || span < last))
            return span;
    }
    return NULL;
}

/* What dwarf_haspc() says, which goes through any number of stretches at once. */
bool units_holds(struct effort *effort, Dwarf_Die *die, uint64_t address, uint64_t *ret_start)
{
    Dwarf_Addr base, start, end, first = UINT64_MAX;
    bool is_inside = false;
    ptrdiff_t at = 0;

    while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
        if (!effort_go_on(effort))
            return false;
        if (start <= 1 || start >= end)
            continue;
        is_inside = is_inside || (address >= start && address < end);
        first = start < first ? start : first;
    }
    *ret_start = first;
    return is_inside;
}

struct units *units_new(Dwarf *dwarf, struct effort *effort)
{
    struct units *units = calloc(1, sizeof *units);
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    uint8_t type;

    if (!units)
        return NULL;
    units->dwarf = dwarf;
    units->effort = effort;
    while (effort_go_on(effort) && dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, NULL) == 0) {
        if (type != DW_UT_compile && type != DW_UT_skeleton)
            continue;
        if (ARRAY_RESERVE(units, 1, LIMIT_DEBUG_UNITS) < 0) {
            units_free(units);
            return NULL;
        }
        units->items[units->count] = (struct unit){.die = die};
        if (spans_add(&units->spans, effort, &die, units->count++) < 0)
            break; /* what is there counts */
    }
    spans_sort(&units->spans);
    return units;
}

/* Whether functions stand in such an entry that are none of a function's own. */
static bool is_outer(int tag)
{
    return tag == DW_TAG_namespace || tag == DW_TAG_module;
}

/* Goes through a unit's entries: only what stands outside of functions and types, or all. dwarf_siblingof
 * leads forward, whatever the file says: this ends. */
static void unit_scan(struct unit *unit, enum scanned how, struct effort *effort)
{
    Dwarf_Die path[DEPTH_MAX];
    size_t depth = 0;

    unit->functions.count = 0;
    unit->scanned = how;
    if (dwarf_child(&unit->die, &path[0]) != 0)
        return;
    for (size_t seen = 0; seen < LIMIT_DEBUG_ENTRIES && effort_go_on(effort); seen++) {
        Dwarf_Die *die = &path[depth];
        int tag = dwarf_tag(die);

        if (tag == DW_TAG_subprogram && spans_add(&unit->functions, effort, die, dwarf_dieoffset(die)) < 0)
            break;
        if ((how == ALL_SCANNED || is_outer(tag)) && depth + 1 < DEPTH_MAX &&
            dwarf_child(die, &path[depth + 1]) == 0) {
            depth++;
            continue;
        }
        while (dwarf_siblingof(&path[depth], &path[depth]) != 0)
            if (depth-- == 0 || !effort_go_on(effort))
                goto end;
    }
end:
    spans_sort(&unit->functions);
}

static bool function_find(struct units *units, struct unit *unit, uint64_t address, Dwarf_Die *ret_function)
{
    const struct span *span = spans_find(&unit->functions, address, NULL);

    while (!span && unit->scanned < ALL_SCANNED && effort_go_on(units->effort)) {
        units->function_count -= unit->functions.count;
        unit_scan(unit, unit->scanned + 1, units->effort);
        units->function_count += unit->functions.count;
        span = spans_find(&unit->functions, address, NULL);
    }
    return span && dwarf_offdie(units->dwarf, span->what, ret_function);
}

bool units_find(struct units *units, uint64_t address, struct unit_place *ret_place)
{
    const struct span *span = NULL;
    bool is_found = false;

    ret_place->has_function = false;
    while (!ret_place->has_function && (span = spans_find(&units->spans, address, span))) {
        struct unit *unit = &units->items[span->what];

        ret_place->has_function = function_find(units, unit, address, &ret_place->function);
        if (!ret_place->has_function && is_found)
            continue;
        ret_place->unit = unit->die;
        ret_place->has_lines = &unit->has_lines;
        is_found = true;
    }
    return is_found;
}
