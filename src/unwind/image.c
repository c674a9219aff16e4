#include "unwind/image.h"

#include "unwind/cfi.h"
#include "unwind/debug_file.h"
#include "unwind/debug_sections.h"
#include "unwind/demangle.h"
#include "unwind/elf_file.h"
#include "unwind/image_cache.h"
#include "unwind/lines.h"
#include "unwind/mini_debug.h"
#include "unwind/places.h"
#include "unwind/string_pool.h"
#include "unwind/symbols.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct image {
    struct image_cached cached; /* first: what the cache knows of it */
    struct elf_file *file;
    struct elf_file *again; /* the same, opened once more after it had been closed; NULL: it was not */
    struct elf_file
        *debug; /* what was taken off it, as long as somebody uses the image; NULL: nothing was found */
    struct symbols *symbols;
    struct debug_sections *frames; /* .debug_frame, for cfi; NULL: it has none */
    struct cfi *cfi;
    struct lines *lines;
    struct string_pool *names; /* those that don't stand in the file as they are shown */
    struct places places;
    bool has_lines, cfi_sought, lines_sought;
};

static void image_free(struct image *image)
{
    if (!image)
        return;
    image_cache_remove(&image->cached);
    cfi_free(image->cfi);
    debug_sections_free(image->frames);
    lines_free(image->lines);
    symbols_free(image->symbols);
    string_pool_free(image->names);
    places_release(&image->places);
    elf_file_free(image->debug);
    elf_file_free(image->again);
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
    return image->cached.references || (image->cfi_sought && (image->lines_sought || !image->has_lines));
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
    if (!state)
        return false;
    if (file->build_id_size) {
        memcpy(ret_key->build_id, file->build_id, file->build_id_size);
        ret_key->build_id_size = file->build_id_size;
        return true;
    }
    ret_key->device = state->st_dev;
    ret_key->inode = state->st_ino;
    ret_key->size = state->st_size;
    ret_key->modified = state->st_mtim;
    ret_key->changed = state->st_ctim;
    return true;
}

static struct elf_file *own_file(const struct image *image)
{
    return image->again ? image->again : image->file;
}

static bool has_section(const struct elf_file *file, const char *name)
{
    GElf_Shdr header;

    return file && elf_file_section(file, name, 0, &header);
}

static void debug_find(struct image *image, const struct image_files *files)
{
    struct elf_file *file = own_file(image);
    GElf_Shdr header;

    elf_file_free(image->debug);
    image->debug = NULL;
    if (!has_section(file, ".debug_info") || !elf_file_section(file, NULL, SHT_SYMTAB, &header))
        image->debug = debug_file_find(file, files);
    image->has_lines = has_section(file, ".debug_info") || has_section(image->debug, ".debug_info");
}

/* What strip leaves: the functions that other files may call, and on some systems the others, compressed. */
static int symbols_read_stripped(struct image *image)
{
    _cleanup_elf_file_ struct elf_file *mini = NULL;
    int r = symbols_add(image->symbols, image->file, SHT_DYNSYM);

    if (r == -ENOENT)
        r = symbols_add_dynamic(image->symbols, image->file);
    if (r == -ENOMEM)
        return r;
    r = mini_debug_open(image->file, &mini);
    return r < 0 ? r : symbols_add(image->symbols, mini, SHT_SYMTAB);
}

static int symbols_read(struct image *image)
{
    int r;

    image->symbols = symbols_new();
    if (!image->symbols)
        return -ENOMEM;
    r = symbols_add(image->symbols, image->file, SHT_SYMTAB);
    if (r == -ENOENT && image->debug)
        r = symbols_add(image->symbols, image->debug, SHT_SYMTAB);
    if (r == -ENOENT)
        r = symbols_read_stripped(image);
    (void)r; /* where memory ran out, too, what is there counts, as does the rest of the file */
    symbols_sort(image->symbols);
    return 0;
}

static int image_read(struct image *image, const struct image_files *files)
{
    image->names = string_pool_new(LIMIT_IMAGE_STRINGS);
    if (!image->names)
        return -ENOMEM;
    debug_find(image, files);
    return symbols_read(image);
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

    found = is_known ? image_cache_find(&key) : NULL;
    if (found && is_whole((struct image *)found)) {
        elf_file_free(file);
        *ret_image = take(found);
        return 0;
    }
    if (found) {
        *ret_image = take(found);
        elf_file_free((*ret_image)->again);
        (*ret_image)->again = file;
        debug_find(*ret_image, files);
        return 0;
    }
    image = calloc(1, sizeof *image);
    if (!image) {
        elf_file_free(file);
        return -ENOMEM;
    }
    image->file = file;
    r = image_read(image, files);
    if (r < 0)
        return r;
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

static size_t size_of(const struct image *image)
{
    size_t size = sizeof *image + symbols_size(image->symbols) + places_size(&image->places) +
                  string_pool_size(image->names);

    if (image->cfi)
        size += cfi_size(image->cfi);
    if (image->frames)
        size += image->frames->size;
    return size + (image->lines ? lines_size(image->lines) : 0);
}

/* What keeps it usable without its file: a file that stays open keeps its file system from being unmounted.
 */
static void rest(struct image *image)
{
    elf_file_close(image->file);
    if (image->again)
        elf_file_close(image->again);
    elf_file_free(image->debug);
    image->debug = NULL;
    /* Nobody has one of its strings now. */
    if (string_pool_size(image->names) > LIMIT_IMAGE_STRINGS / 2) {
        struct string_pool *names = string_pool_new(LIMIT_IMAGE_STRINGS);

        if (names) {
            places_release(&image->places);
            string_pool_free(image->names);
            image->names = names;
        }
    }
    image->cached.size = size_of(image);
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

void image_forget_unused(void)
{
    struct image_cached *unused;

    while ((unused = image_cache_unused()))
        image_free((struct image *)unused);
}

struct cfi *image_cfi(struct image *image)
{
    static const char *const names[] = {".debug_frame", NULL};

    if (image->cfi_sought)
        return image->cfi;
    image->cfi_sought = true;
    image->frames = debug_sections_open(own_file(image), names);
    if (!image->frames && image->debug)
        image->frames = debug_sections_open(image->debug, names);
    image->cfi = cfi_new(own_file(image)->elf, image->frames ? image->frames->dwarf : NULL);
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

static struct lines *lines_of(struct image *image)
{
    if (!image->lines_sought) {
        image->lines_sought = true;
        image->lines = lines_new(has_section(image->debug, ".debug_info") ? image->debug : own_file(image));
    }
    return image->lines;
}

/* The symbol's name goes before the debug information's, so that it is the same with lines and without. */
static size_t places_find(struct image *image, uint64_t address, bool lines, struct image_place *places)
{
    struct line_place found[LIMIT_INLINED];
    struct lines *source = lines ? lines_of(image) : NULL;
    size_t count = source ? lines_find(source, address, found, LIMIT_INLINED) : 0;
    struct image_place *outermost = &places[count ? count - 1 : 0];
    const char *name;
    uint64_t start;

    for (size_t i = 0; i < count; i++)
        places[i] = (struct image_place){
            .function = found[i].function ? shown_name(image, found[i].function) : NULL,
            .offset = found[i].offset,
            .file = found[i].file,
            .line = found[i].line,
            .inlined = i + 1 < count,
        };
    if (!symbols_find(image->symbols, address, &name, &start))
        return count;
    name = shown_name(image, name);
    if (!name)
        return count;
    if (!count)
        *outermost = (struct image_place){0};
    outermost->function = name;
    outermost->offset = address - start;
    return count ? count : 1;
}

size_t image_places(struct image *image, uint64_t file_address, bool lines, struct image_place *places,
                    size_t size)
{
    struct image_place found[LIMIT_INLINED];
    const struct image_place *items = found;
    size_t count;

    if (!places_get(&image->places, file_address, lines, &items, &count)) {
        count = places_find(image, file_address, lines, found);
        places_put(&image->places, file_address, lines, found, count);
    }
    count = count < size ? count : size;
    if (count)
        memcpy(places, items, count * sizeof places[0]);
    return count;
}
