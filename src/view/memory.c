#include "view/memory.h"

#include "view/kudu_member.h"

#include <inttypes.h>

/* Sizes in bytes; what is 0 is left out but for the four that everybody looks for. */
static void members_use(struct json *json, const struct memory_use *use)
{
    json_member_u64(json, "size", use->size);
    json_member_u64(json, "rss", use->rss);
    json_member_u64(json, "pss", use->pss);
    kudu_member_number(json, "private_clean", (int64_t)use->private_clean);
    kudu_member_number(json, "private_dirty", (int64_t)use->private_dirty);
    kudu_member_number(json, "shared", (int64_t)use->shared);
    kudu_member_number(json, "huge", (int64_t)use->huge);
    json_member_u64(json, "swap", use->swap);
    kudu_member_number(json, "locked", (int64_t)use->locked);
}

static void members_sum(struct json *json, const struct memory_sum *sum)
{
    json_member_u64(json, "mappings", sum->mappings);
    members_use(json, &sum->use);
}

void view_mapping(struct json *json, const struct map *map, const struct memory_use *use)
{
    json_object_begin(json);
    json_key(json, "start");
    json_format(json, "%" PRIx64, map->start);
    json_key(json, "end");
    json_format(json, "%" PRIx64, map->end);
    json_key(json, "permissions");
    json_format(json, "%c%c%c%c", map->permissions & MAP_READ ? 'r' : '-',
                map->permissions & MAP_WRITE ? 'w' : '-', map->permissions & MAP_EXECUTE ? 'x' : '-',
                map->permissions & MAP_IS_SHARED ? 's' : 'p');
    json_member_string(json, "kind", memory_kind_word(memory_kind_of(map)));
    kudu_member_text(json, "name", map->path);
    kudu_member_flag(json, "deleted", map->deleted);
    if (map->inode != 0)
        json_member_u64(json, "offset", map->offset);
    members_use(json, use);
    json_object_end(json);
}

static void write_kinds(struct json *json, const struct memory_kinds *kinds)
{
    json_key(json, "kinds");
    json_array_begin(json);
    for (size_t i = 0; i < MEMORY_KINDS; i++) {
        if (kinds->kinds[i].mappings == 0)
            continue;
        json_object_begin(json);
        json_member_string(json, "kind", memory_kind_word((enum memory_kind)i));
        members_sum(json, &kinds->kinds[i]);
        json_object_end(json);
    }
    json_array_end(json);
}

void view_memory_kinds(struct json *json, const struct memory_kinds *kinds)
{
    json_key(json, "total");
    json_object_begin(json);
    members_sum(json, &kinds->total);
    json_object_end(json);
    write_kinds(json, kinds);
    json_key(json, "items");
    json_array_begin(json);
    for (size_t i = 0; i < kinds->count; i++) {
        const struct memory_sum *sum = &kinds->items[i];

        json_object_begin(json);
        json_member_string(json, "kind", memory_kind_word(sum->kind));
        kudu_member_text(json, "name", sum->name);
        kudu_member_flag(json, "deleted", sum->deleted);
        members_sum(json, sum);
        json_object_end(json);
    }
    json_array_end(json);
}
