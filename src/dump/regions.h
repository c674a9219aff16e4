/* Which memory goes into a dump. For the writers of dumps. */
#pragma once

#include "dump/stack_bytes.h"

/* Fills ret_list (empty before) with what the bits of type ask for beyond the stacks: ascending, no two touch
 * or overlap. */
int regions_choose(const struct stack_bytes *stacks, uint32_t type, struct range_list *ret_list) _must_check_;

/* Whether reading that mapping makes sense and does no harm: not a device, not [vvar]. */
bool region_is_readable(const struct map *map);
