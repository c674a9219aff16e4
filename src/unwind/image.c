#include "unwind/image.h"

#include "unwind/cfi.h"
#include "unwind/demangle.h"
#include "unwind/elf_file.h"
#include "unwind/image_cache.h"
#include "unwind/places.h"
#include "unwind/string_pool.h"
#include "unwind/symbols.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct image {
    struct image_cached cached; /* first: what the cache knows of it */
    struct elf_file *file;
    struct symbols *symbols;
    struct cfi *cfi;
    struct string_pool *names; /* those that don't stand in the file as they are shown */
    struct places places;
    bool cfi_sought;
};

static void image_free(struct image *image)
{
    if (!image)
        return;
    image_cache_remove(&image->cached);
    cfi_free(image->cfi);
    symbols_free(image->symbols);
    string_pool_free(image->names);
    places_release(&image->places);
    elf_file_free(image->file);
    free(image);
}

static void cleanup_image_free(struct image **image)
{
    image_free(*image);
}

static struct image *take(struct image_cached *cached)
{
    cached->references++;
    image_cache_use(cached);
    return (struct image *)cached;
}

/* What was not asked for as long as its file was open can't be had any more. */
static bool is_whole(const struct image *image)
{
    return image->cached.references || image->cfi_sought;
}

struct image *image_cached(const uint8_t *build_id, size_t size)
{
    struct image_key key;
    struct image_cached *found;

    if (!size || size > LIMIT_BUILD_ID)
        return NULL;
    memset(&key, 0, sizeof key);
    memcpy(key.build_id, build_id, size);
    key.build_id_size = size;
    found = image_cache_find(&key);
    return found && is_whole((struct image *)found) ? take(found) : NULL;
}

/* state: NULL: bytes, not a file. False: there is nothing to know it by. */
static bool key_make(const struct elf_file *file, const struct stat *state, struct image_key *ret_key)
{
    memset(ret_key, 0, sizeof *ret_key); /* the padding counts, too */
    if (file->build_id_size) {
        memcpy(ret_key->build_id, file->build_id, file->build_id_size);
        ret_key->build_id_size = file->build_id_size;
        return true;
    }
    if (!state)
        return false;
    ret_key->device = state->st_dev;
    ret_key->inode = state->st_ino;
    ret_key->size = state->st_size;
    ret_key->modified = state->st_mtim;
    ret_key->changed = state->st_ctim;
    return true;
}

static int symbols_read(struct image *image)
{
    int r;

    image->symbols = symbols_new();
    if (!image->symbols)
        return -ENOMEM;
    r = symbols_add(image->symbols, image->file, SHT_SYMTAB);
    if (r == -ENOENT)
        r = symbols_add(image->symbols, image->file, SHT_DYNSYM);
    if (r < 0 && r != -ENOENT)
        return r;
    symbols_sort(image->symbols);
    return 0;
}

/* Takes the file over whatever comes of it. */
static int image_new(struct elf_file *file, const struct stat *state, const struct image_files *files,
                     struct image **ret_image)
{
    _cleanup_(cleanup_image_free) struct image *image = NULL;
    struct image_cached *found;
    struct image_key key;
    bool is_known = key_make(file, state, &key);
    int r;

    (void)files;
    found = is_known ? image_cache_find(&key) : NULL;
    if (found && is_whole((struct image *)found)) {
        elf_file_free(file);
        *ret_image = take(found);
        return 0;
    }
    image = calloc(1, sizeof *image);
    if (!image) {
        elf_file_free(file);
        return -ENOMEM;
    }
    image->file = file;
    image->names = string_pool_new(LIMIT_IMAGE_STRINGS);
    if (!image->names)
        return -ENOMEM;
    r = symbols_read(image);
    if (r < 0)
        return r;
    if (found)
        image_free((struct image *)found); /* nobody has it: it was not whole */
    image->cached.key = key;
    image->cached.references = 1;
    if (is_known)
        image_cache_add(&image->cached);
    *ret_image = TAKE_PTR(image);
    return 0;
}

int image_open(int fd, const struct image_files *files, struct image **ret_image)
{
    struct elf_file *file;
    struct stat state;
    bool is_known = fstat(fd, &state) == 0;
    int r = elf_file_open(fd, &file);

    return r < 0 ? r : image_new(file, is_known ? &state : NULL, files, ret_image);
}

int image_of_bytes(const void *bytes, size_t size, struct image **ret_image)
{
    void *copy = malloc(size ? size : 1);
    struct elf_file *file;
    int r;

    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, size);
    r = elf_file_of_bytes(copy, size, &file);
    return r < 0 ? r : image_new(file, NULL, NULL, ret_image);
}

/* What keeps it usable without its file: a file that stays open keeps its file system from being unmounted.
 */
static void rest(struct image *image)
{
    elf_file_close(image->file);
    /* Nobody has one of its strings now. */
    if (string_pool_size(image->names) > LIMIT_IMAGE_STRINGS / 2) {
        struct string_pool *names = string_pool_new(LIMIT_IMAGE_STRINGS);

        if (names) {
            places_release(&image->places);
            string_pool_free(image->names);
            image->names = names;
        }
    }
    image->cached.size = sizeof *image + symbols_size(image->symbols) + places_size(&image->places) +
                         string_pool_size(image->names);
}

void image_release(struct image *image)
{
    struct image_cached *excess;

    if (!image || --image->cached.references)
        return;
    if (!image->cached.is_kept) {
        image_free(image);
        return;
    }
    rest(image);
    while ((excess = image_cache_excess()))
        image_free((struct image *)excess);
}

struct cfi *image_cfi(struct image *image)
{
    if (!image->cfi_sought) {
        image->cfi_sought = true;
        image->cfi = cfi_new(image->file->elf, NULL);
    }
    return image->cfi;
}

const uint8_t *image_build_id(const struct image *image, size_t *ret_size)
{
    *ret_size = image->file->build_id_size;
    return image->file->build_id;
}

uint64_t image_load_address(const struct image *image)
{
    return image->file->load_address;
}

/* As it is to be shown: demangled, without the version that a linker puts behind it. NULL: past all bounds.
 */
static const char *shown_name(struct image *image, const char *name)
{
    _cleanup_free_ char *text = demangle(name);
    const char *version = strchr(name, '@'), *kept;

    if (strnlen(name, LIMIT_NAME + 1) > LIMIT_NAME)
        return NULL;
    if (!text && version && version > name)
        text = strndup(name, (size_t)(version - name));
    if (!text)
        return name; /* the file's own */
    kept = string_pool_add(image->names, text);
    return kept ? kept : name;
}

static size_t places_find(struct image *image, uint64_t address, struct image_place *places)
{
    const char *name;
    uint64_t start;

    if (!symbols_find(image->symbols, address, &name, &start))
        return 0;
    places[0] = (struct image_place){.function = shown_name(image, name), .offset = address - start};
    return places[0].function ? 1 : 0;
}

size_t image_places(struct image *image, uint64_t file_address, bool lines, struct image_place *places,
                    size_t size)
{
    struct image_place found[LIMIT_INLINED];
    const struct image_place *items = found;
    size_t count;

    if (!places_get(&image->places, file_address, lines, &items, &count)) {
        count = places_find(image, file_address, found);
        places_put(&image->places, file_address, lines, found, count);
    }
    count = count < size ? count : size;
    if (count)
        memcpy(places, items, count * sizeof places[0]);
    return count;
}
