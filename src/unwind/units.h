/* The compilation units of a file and their functions by address, out of the units' own entries:
 * .debug_aranges, which would tell as much of the units, is not written by every compiler. A unit's functions
 * are looked for when an address of it is. */
#pragma once

#include "base/cleanup.h"
#include "unwind/effort.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct units;

/* Both borrowed; calls are made between effort_begin() and effort_end(). What was found when the time was
 * over is not all. NULL: no memory, or more units than a file may have. */
struct units *units_new(Dwarf *dwarf, struct effort *effort);
void units_free(struct units *units); /* accepts NULL */

struct unit_place {
    Dwarf_Die unit, function;
    bool has_function; /* false: function is not set */
    bool *has_lines;   /* the unit's, at first false: for whoever reads its table of lines */
};

/* False: address lies in no unit. */
bool units_find(struct units *units, uint64_t address, struct unit_place *ret_place);
/* Whether address lies in the code of that entry, and where that begins. Past the time: no. */
bool units_holds(struct effort *effort, Dwarf_Die *die, uint64_t address, uint64_t *ret_start);
size_t units_size(const struct units *units); /* bytes that they take */
