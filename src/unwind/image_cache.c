#include "unwind/image_cache.h"

#include "base/limits.h"

#include <string.h>

static struct image_cached *first;

struct image_cached *image_cache_find(const struct image_key *key)
{
    for (struct image_cached *image = first; image; image = image->next)
        if (memcmp(&image->key, key, sizeof *key) == 0)
            return image;
    return NULL;
}

void image_cache_add(struct image_cached *image)
{
    image->next = first;
    image->previous = NULL;
    if (first)
        first->previous = image;
    first = image;
    image->is_kept = true;
}

void image_cache_remove(struct image_cached *image)
{
    if (!image->is_kept)
        return;
    if (image->next)
        image->next->previous = image->previous;
    if (image->previous)
        image->previous->next = image->next;
    else
        first = image->next;
    image->is_kept = false;
}

void image_cache_use(struct image_cached *image)
{
    if (image == first || !image->is_kept)
        return;
    image_cache_remove(image);
    image_cache_add(image);
}

struct image_cached *image_cache_unused(void)
{
    struct image_cached *last = NULL;

    for (struct image_cached *image = first; image; image = image->next)
        last = image->references ? last : image;
    return last;
}

struct image_cached *image_cache_excess(void)
{
    size_t size = 0, count = 0;

    for (struct image_cached *image = first; image; image = image->next) {
        size += image->references ? 0 : image->size;
        count += image->references ? 0 : 1;
    }
    return size > LIMIT_IMAGE_CACHE || count > LIMIT_IMAGES ? image_cache_unused() : NULL;
}
