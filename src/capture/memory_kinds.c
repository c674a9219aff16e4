#include "capture/memory_kinds.h"

#include <errno.h>
#include <search.h>
#include <string.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* In the words of the kernel's fs/proc/task_mmu.c and mm/shmem.c. */
enum memory_kind memory_kind_of(const struct map *map)
{
    if (strcmp(map->path, "[heap]") == 0)
        return MEMORY_HEAP;
    if (begins(map->path, "[stack"))
        return MEMORY_STACK;
    if (begins(map->path, "[v") || begins(map->path, "[uprobes"))
        return MEMORY_KERNEL;
    if (begins(map->path, "[anon_shmem:"))
        return MEMORY_SHARED;
    if (map->path[0] == '\0' || map->path[0] == '[')
        return MEMORY_ANONYMOUS;
    if ((map->permissions & MAP_IS_SHARED) != 0 &&
        (begins(map->path, "/dev/zero") || begins(map->path, "/memfd:") || begins(map->path, "/SYSV") ||
         begins(map->path, "/dev/shm/") || map->path[0] != '/'))
        return MEMORY_SHARED;
    if ((map->permissions & MAP_EXECUTE) != 0)
        return MEMORY_CODE;
    return (map->permissions & (MAP_WRITE | MAP_IS_SHARED)) == MAP_WRITE ? MEMORY_DATA : MEMORY_FILE;
}

const char *memory_kind_word(enum memory_kind kind)
{
    static const char *const words[] = {
        [MEMORY_HEAP] = "heap",     [MEMORY_STACK] = "stack",   [MEMORY_ANONYMOUS] = "anonymous",
        [MEMORY_CODE] = "code",     [MEMORY_DATA] = "data",     [MEMORY_FILE] = "file",
        [MEMORY_SHARED] = "shared", [MEMORY_KERNEL] = "kernel",
    };

    return words[kind];
}

static int by_kind_and_name(const void *left, const void *right)
{
    const struct memory_sum *a = left, *b = right;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->deleted != b->deleted)
        return a->deleted ? 1 : -1;
    return strcmp(a->name, b->name);
}

static uint64_t weight(const struct memory_sum *sum)
{
    return sum->use.pss + sum->use.swap;
}

static int by_weight(const void *left, const void *right)
{
    const struct memory_sum *a = left, *b = right;

    if (weight(a) != weight(b))
        return weight(a) > weight(b) ? -1 : 1;
    if (a->use.size != b->use.size)
        return a->use.size > b->use.size ? -1 : 1;
    return by_kind_and_name(a, b);
}

static void count_in(struct memory_sum *sum, const struct memory_use *use)
{
    sum->mappings++;
    memory_use_add(&sum->use, use);
}

/* The sum of that kind and name, which may be a new one. NULL: no memory. */
static struct memory_sum *sum_of(struct memory_kinds *kinds, enum memory_kind kind, const struct map *map)
{
    struct memory_sum wanted = {.kind = kind, .name = (char *)map->path, .deleted = map->deleted}, *made;
    struct memory_sum *const *found = tfind(&wanted, &kinds->tree, by_kind_and_name);

    if (found)
        return *found;
    made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    *made = (struct memory_sum){.kind = kind, .name = strdup(map->path), .deleted = map->deleted};
    if (made->name && tsearch(made, &kinds->tree, by_kind_and_name)) {
        kinds->capacity++;
        return made;
    }
    free(made->name);
    free(made);
    return NULL;
}

int memory_kinds_add(void *context, const struct map *map, const struct memory_use *use)
{
    struct memory_kinds *kinds = context;
    enum memory_kind kind = memory_kind_of(map);
    struct memory_sum *sum = sum_of(kinds, kind, map);

    if (!sum)
        return -ENOMEM;
    kinds->kinds[kind].kind = kind;
    count_in(&kinds->total, use);
    count_in(&kinds->kinds[kind], use);
    count_in(sum, use);
    return 0;
}

static void move_out(const void *node, VISIT visit, void *context)
{
    struct memory_kinds *kinds = context;

    if (visit != postorder && visit != leaf)
        return;
    kinds->items[kinds->count++] = **(struct memory_sum *const *)node;
    (*(struct memory_sum *const *)node)->name = NULL; /* the item's now */
}

static void free_node(void *node)
{
    struct memory_sum *sum = node;

    free(sum->name);
    free(sum);
}

int memory_kinds_finish(struct memory_kinds *kinds)
{
    kinds->items = calloc(kinds->capacity > 0 ? kinds->capacity : 1, sizeof kinds->items[0]);
    if (!kinds->items)
        return -ENOMEM;
    twalk_r(kinds->tree, move_out, kinds);
    tdestroy(kinds->tree, free_node);
    kinds->tree = NULL;
    qsort(kinds->items, kinds->count, sizeof kinds->items[0], by_weight);
    return 0;
}

void memory_kinds_release(struct memory_kinds *kinds)
{
    tdestroy(kinds->tree, free_node);
    for (size_t i = 0; i < kinds->count; i++)
        free(kinds->items[i].name);
    free(kinds->items);
    *kinds = (struct memory_kinds){0};
}
