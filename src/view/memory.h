/* The memory of a process -> JSON: docs/MEMORY.md. */
#pragma once

#include "capture/memory_kinds.h"
#include "view/kudu.h"

/* A mapping as an element of an array. */
void view_mapping(struct json *json, const struct map *map, const struct memory_use *use);
/* The members total, kinds and items of an object. */
void view_memory_kinds(struct json *json, const struct memory_kinds *kinds);
