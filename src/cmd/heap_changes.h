/* What changed between two counts of a heap, for people and for programs. */
#pragma once

#include "cmd/heap_compare.h"
#include "cmd/session.h"

enum { HEAP_TYPES_SHOWN = 30 }; /* where not all were asked for */

/* A table of what changed. all: with --types. Leaves only those in the comparison. 0 or a negative errno. */
int heap_changes_show(struct session *session, struct heap_comparison *comparison, bool all) _must_check_;

/* All types as JSON, those of the newer count with members for the older one beside them. */
int heap_changes_print(struct session *session, const struct heap_comparison *comparison) _must_check_;
