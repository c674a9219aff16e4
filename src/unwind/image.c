#include "unwind/image.h"

#include "base/string_pool.h"
#include "unwind/cfi.h"
#include "unwind/debug_file.h"
#include "unwind/debug_sections.h"
#include "unwind/demangle.h"
#include "unwind/elf_file.h"
#include "unwind/gopclntab.h"
#include "unwind/image_cache.h"
#include "unwind/lines.h"
#include "unwind/mini_debug.h"
#include "unwind/places.h"
#include "unwind/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct image {
    struct image_cached cached; /* first: what the cache knows of it */
    struct elf_file *file;
    struct elf_file *again; /* the same, opened once more for what was not asked for; NULL: it was not */
    struct elf_file
        *debug; /* what was taken off it, as long as somebody uses the image; NULL: nothing was found */
    struct symbols *symbols;
    struct gopclntab *go; /* where there is no table of symbols, or no debug information; else NULL */
    struct debug_sections *frames; /* .debug_frame, for cfi; NULL: it has none */
    struct cfi *cfi;
    struct lines *lines;
    struct string_pool *names; /* those that don't stand in the file as they are shown */
    struct places places;
    struct effort effort; /* for names and lines; call frame information has its own */
    bool is_stripped, has_lines, cfi_sought, lines_sought;
    bool is_late; /* its debug file could not be had in time */
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
    gopclntab_free(image->go);
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

/* Debug information that was given up is tried again when its time has come. */
static void lines_renew(struct image *image)
{
    if (!image->lines || !lines_gave_up(image->lines) || !effort_is_rested(&image->effort))
        return;
    lines_free(image->lines);
    image->lines = NULL;
    image->lines_sought = false;
    places_release(&image->places);
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

/* False: there is nothing to know it by. */
static bool key_make(int fd, struct image_key *ret_key)
{
    struct stat state;

    memset(ret_key, 0, sizeof *ret_key); /* the padding counts, too */
    if (fstat(fd, &state) < 0)
        return false;
    ret_key->device = state.st_dev;
    ret_key->inode = state.st_ino;
    ret_key->size = state.st_size;
    ret_key->modified = state.st_mtim;
    ret_key->changed = state.st_ctim;
    return true;
}

struct image *image_cached(int fd)
{
    struct image_key key;
    struct image_cached *found = key_make(fd, &key) ? image_cache_find(&key) : NULL;

    if (found && !found->references)
        lines_renew((struct image *)found);
    return found && is_whole((struct image *)found) ? take(found) : NULL;
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

/* What was taken off the file; NULL: nothing, or it is not to be had. */
static struct elf_file *debug_find(const struct elf_file *file, const struct image_files *files,
                                   bool *ret_is_late)
{
    GElf_Shdr header;

    if (has_section(file, ".debug_info") && elf_file_section(file, NULL, SHT_SYMTAB, &header))
        return NULL;
    return debug_file_find(file, files, ret_is_late);
}

static void debug_set(struct image *image, struct elf_file *debug)
{
    elf_file_free(image->debug);
    image->debug = debug;
    image->has_lines = has_section(own_file(image), ".debug_info") || has_section(debug, ".debug_info");
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
    image->is_stripped = r == -ENOENT;
    if (image->is_stripped)
        r = symbols_read_stripped(image);
    (void)r; /* where memory ran out, too, what is there counts, as does the rest of the file */
    r = symbols_add_plt(image->symbols, image->file);
    (void)r; /* likewise */
    symbols_sort(image->symbols);
    if (image->is_stripped || !image->has_lines)
        image->go = gopclntab_open(image->file);
    return 0;
}

/* Takes the files over whatever comes of it. */
static int image_new(struct elf_file *file, struct elf_file *debug, struct image **ret_image)
{
    _cleanup_(cleanup_image_free) struct image *image = calloc(1, sizeof *image);
    int r;

    if (!image) {
        elf_file_free(file);
        elf_file_free(debug);
        return -ENOMEM;
    }
    image->file = file;
    debug_set(image, debug);
    effort_init(&image->effort, LIMIT_NAMES_MS);
    image->names = string_pool_new(LIMIT_IMAGE_STRINGS);
    if (!image->names)
        return -ENOMEM;
    (void)effort_begin(&image->effort); /* it is new */
    r = symbols_read(image);
    effort_end(&image->effort);
    if (r < 0)
        return r;
    image->cached.references = 1;
    *ret_image = TAKE_PTR(image);
    return 0;
}

/* The file was closed since. */
static struct image *open_again(struct image_cached *found, struct elf_file *file, struct elf_file *debug)
{
    struct image *image = take(found);

    elf_file_free(image->again);
    image->again = file;
    debug_set(image, debug);
    return image;
}

int image_open(int fd, const struct image_files *files, struct image **ret_image)
{
    struct elf_file *file, *debug;
    struct image *image = image_cached(fd);
    struct image_cached *found;
    struct image_key key;
    bool is_known = key_make(fd, &key), is_for_all, is_late = false;
    int r;

    if (image) {
        (void)fd_close(fd);
        *ret_image = image;
        return 0;
    }
    r = elf_file_open(fd, &file);
    if (r < 0)
        return r;
    debug = debug_find(file, files, &is_late);
    is_for_all = is_known && !is_late && !(debug && debug->is_given);
    found = is_for_all ? image_cache_find(&key) : NULL;
    if (found) {
        *ret_image = open_again(found, file, debug);
        return 0;
    }
    r = image_new(file, debug, ret_image);
    if (r == 0)
        (*ret_image)->is_late = is_late;
    if (r == 0 && is_for_all) {
        (*ret_image)->cached.key = key;
        image_cache_add(&(*ret_image)->cached);
    }
    return r;
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
    return r < 0 ? r : image_new(file, NULL, ret_image);
}

static size_t size_of(const struct image *image)
{
    size_t size = sizeof *image + (image->go ? gopclntab_size(image->go) : 0) + symbols_size(image->symbols) +
                  places_size(&image->places) + string_pool_size(image->names);

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
    if (image->again) { /* its bytes must outlast the next time that the file is opened */
        elf_file_free(image->file);
        image->file = image->again;
        image->again = NULL;
    }
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

struct effort *image_effort(struct image *image)
{
    return &image->effort;
}

bool image_gave_up(struct image *image)
{
    return image->effort.is_over || image->is_late || (image->lines && lines_gave_up(image->lines)) ||
           (image->cfi && cfi_effort(image->cfi)->is_over);
}

/* Of an entry of linkage: the function's name, demangled, before "@plt". NULL: no memory. */
static char *linkage_name(const char *name, size_t size)
{
    _cleanup_free_ char *plain = strndup(name, size), *shown = plain ? demangle(plain) : NULL;
    char *text = NULL;

    if (!plain || asprintf(&text, "%s@plt", shown ? shown : plain) < 0)
        return NULL;
    return text;
}

/* As it is to be shown: demangled, without the version that a linker puts behind it. NULL: past all bounds.
 */
static const char *shown_name(struct image *image, const char *name)
{
    _cleanup_free_ char *text = image->effort.is_over ? NULL : demangle(name);
    const char *version = strchr(name, '@'), *kept;

    if (strnlen(name, LIMIT_NAME + 1) > LIMIT_NAME)
        return NULL;
    if (version && strcmp(version, "@plt") == 0 && !image->effort.is_over)
        text = linkage_name(name, (size_t)(version - name));
    else if (!text && version && version > name)
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
        image->lines = lines_new(has_section(image->debug, ".debug_info") ? image->debug : own_file(image),
                                 &image->effort);
    }
    return image->lines;
}

/* Of a stripped program in Go this is the name. ret_place: else only file and line count. */
static bool go_find(const struct image *image, uint64_t address, bool lines, struct image_place *ret_place)
{
    struct go_place found;

    if (!image->go || !gopclntab_find(image->go, address, lines, &found))
        return false;
    *ret_place = (struct image_place){
        .function = found.function, .offset = address - found.start, .file = found.file, .line = found.line};
    return true;
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
    if (!count && go_find(image, address, lines, outermost)) {
        if (image->is_stripped)
            return 1;
        count = 1;
    }
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
        lines = effort_begin(&image->effort) && lines;
        count = places_find(image, file_address, lines, found);
        effort_end(&image->effort);
        if (!image->effort.is_over)
            places_put(&image->places, file_address, lines, found, count);
    }
    count = count < size ? count : size;
    if (count)
        memcpy(places, items, count * sizeof places[0]);
    return count;
}
