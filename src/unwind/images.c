#include "unwind/images.h"

#include "base/clock.h"
#include "base/io.h"
#include "capture/mapped_file.h"
#include "unwind/jit_dump.h"
#include "unwind/mapped_image.h"
#include "unwind/perf_map.h"

#include <errno.h>
#include <string.h>

enum {
    HEAD_SIZE = 4096,
    CLOCK_EVERY = 16, /* the processor's clock is a call of the kernel */
};

struct images {
    const struct map_list *maps;
    const struct module_list *modules;
    const struct pidref *process;
    const struct memory *memory;
    struct opened {
        struct image *image;
        bool sought, is_missed; /* is_missed: there was no time left for it */
    } * opened;                 /* of each module */
    struct {
        bool is_set, is_over;
        uint64_t from; /* the processor's clock */
        unsigned asked;
    } limit;
    struct jit_dump *dumped; /* names and lines of code that is in no file ... */
    struct perf_map *made;   /* ... or names alone */
    bool made_was_sought;
    size_t last; /* the module that was asked for last: the next address often lies there, too */
};

int images_new(const struct map_list *maps, const struct module_list *modules, const struct pidref *process,
               const struct memory *memory, struct images **ret_images)
{
    _cleanup_free_ struct images *images = calloc(1, sizeof *images);

    if (!images)
        return -ENOMEM;
    *images = (struct images){.maps = maps, .modules = modules, .process = process, .memory = memory};
    images->opened = calloc(modules->count ? modules->count : 1, sizeof images->opened[0]);
    if (!images->opened)
        return -ENOMEM;
    *ret_images = TAKE_PTR(images);
    return 0;
}

void images_free(struct images *images)
{
    if (!images)
        return;
    for (size_t i = 0; i < images->modules->count; i++)
        image_release(images->opened[i].image);
    jit_dump_free(images->dumped);
    perf_map_free(images->made);
    free(images->opened);
    free(images);
}

/* Where a module's files are looked for. */
struct origin {
    const struct images *images;
    const struct module *module;
    const struct map *map; /* NULL: none starts there */
};

static int open_beside_path(const char *path, const char *name, int *ret_fd)
{
    const char *slash = strrchr(path, '/');
    _cleanup_buffer_ struct buffer joined = {0};
    int r;

    if (!slash)
        return -ENOENT;
    r = buffer_append(&joined, path, (size_t)(slash - path) + 1);
    if (r == 0)
        r = buffer_append_string(&joined, name);
    return r < 0 ? r : io_open_regular(joined.data, ret_fd);
}

static int open_file_of(const void *context, const char *name, int *ret_fd)
{
    const struct origin *origin = context;

    if (!origin->images->process)
        return name[0] == '/' ? io_open_regular(name, ret_fd)
                              : open_beside_path(origin->module->path, name, ret_fd);
    if (name[0] == '/')
        return mapped_file_open_path(origin->images->process, name, ret_fd);
    if (!origin->map)
        return -ENOENT;
    return mapped_file_open_beside(origin->images->process, origin->map, name, ret_fd);
}

/* A module without a build id is taken for the file if its first page, which every core has, is the same:
 * there stand the entry point and where the segments and sections are. */
static bool same_head(const struct images *images, const struct module *module, int fd)
{
    char mapped[HEAD_SIZE], stored[HEAD_SIZE];

    return images->memory && io_pread_full(fd, stored, sizeof stored, 0) == HEAD_SIZE &&
           memory_read_exactly(images->memory, module->base, mapped, sizeof mapped) == 0 &&
           memcmp(mapped, stored, sizeof mapped) == 0;
}

static struct image *open_of_core(const struct origin *origin, const struct image_files *files)
{
    const struct module *module = origin->module;
    _cleanup_image_ struct image *image = NULL;
    const uint8_t *build_id;
    size_t size;
    int fd;

    if (module->path[0] != '/' || io_open_regular(module->path, &fd) < 0)
        return NULL;
    if (!module->build_id_size && !same_head(origin->images, module, fd)) {
        (void)fd_close(fd);
        return NULL;
    }
    if (image_open(fd, files, &image) < 0)
        return NULL;
    build_id = image_build_id(image, &size);
    if (size != module->build_id_size || memcmp(build_id, module->build_id, size) != 0)
        return NULL;
    return TAKE_PTR(image);
}

/* The vdso: all of its file is mapped. */
static struct image *read_vdso(const struct images *images, const struct module *module)
{
    _cleanup_free_ char *bytes = NULL;
    struct image *image = NULL;
    ssize_t n;

    if (!images->memory || module->size > LIMIT_VDSO)
        return NULL;
    bytes = malloc(module->size);
    if (!bytes)
        return NULL;
    n = memory_read(images->memory, module->base, bytes, module->size);
    return n > 0 && image_of_bytes(bytes, (size_t)n, &image) == 0 ? image : NULL;
}

/* Where its file stands, for the debug files that are kept by path. Owned by the caller; NULL: unknown. */
static char *directory_of(const struct origin *origin)
{
    char *path = NULL, *slash;

    if (!origin->images->process)
        path = strdup(origin->module->path);
    else if (!origin->map || mapped_file_path(origin->images->process, origin->map, &path) < 0)
        return NULL;
    slash = path ? strrchr(path, '/') : NULL;
    if (slash)
        *slash = '\0';
    return path;
}

static struct image *open_live(const struct origin *origin, const struct image_files *files)
{
    struct image *image = NULL;
    int fd;

    if (!origin->map || mapped_file_open(origin->images->process, origin->map, &fd) < 0)
        return NULL;
    return image_open(fd, files, &image) == 0 ? image : NULL;
}

/* As far as it is mapped: the file can't be had. */
static struct image *read_mapped(const struct images *images, const struct module *module)
{
    _cleanup_free_ char *bytes = NULL;
    struct image *image = NULL;
    size_t size;

    if (!images->memory || mapped_image_read(images->memory, module->base, &bytes, &size) < 0)
        return NULL;
    return image_of_bytes(bytes, size, &image) == 0 ? image : NULL;
}

static struct image *module_open(const struct images *images, const struct module *module)
{
    struct origin origin = {images, module, maps_find(images->maps, module->base)};
    _cleanup_free_ char *directory = NULL;
    struct image_files files = {open_file_of, &origin, NULL};
    struct image *image;

    if (strcmp(module->path, "[vdso]") == 0)
        return read_vdso(images, module);
    directory = directory_of(&origin);
    files.directory = directory;
    image = images->process ? open_live(&origin, &files) : open_of_core(&origin, &files);
    return image ? image : read_mapped(images, module);
}

static const struct module *find_module(struct images *images, uint64_t address)
{
    const struct module *module =
        images->last < images->modules->count ? &images->modules->items[images->last] : NULL;

    if (module && address >= module->base && address - module->base < module->size)
        return module;
    module = modules_find(images->modules, address);
    if (module)
        images->last = (size_t)(module - images->modules->items);
    return module;
}

void images_limit(struct images *images)
{
    images->limit.is_set = true;
    images->limit.from = clock_thread_ns();
}

/* A process can have thousands of files mapped, each of which takes as long as it may. */
static bool is_over(struct images *images, bool is_new)
{
    if (!images->limit.is_set || images->limit.is_over)
        return images->limit.is_over;
    if (is_new || ++images->limit.asked % CLOCK_EVERY == 0)
        images->limit.is_over = clock_thread_ns() - images->limit.from > LIMIT_STACKS_MS * UINT64_C(1000000);
    return images->limit.is_over;
}

size_t images_given_up(const struct images *images, const struct module **modules, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < images->modules->count; i++) {
        const struct opened *opened = &images->opened[i];

        if (!opened->is_missed && !(opened->image && image_gave_up(opened->image)))
            continue;
        if (count < size)
            modules[count] = &images->modules->items[i];
        count++;
    }
    return count;
}

const struct module *images_find(struct images *images, uint64_t address, struct image **ret_image,
                                 uint64_t *ret_file_address)
{
    const struct module *module = find_module(images, address);
    struct opened *opened;

    *ret_image = NULL;
    *ret_file_address = 0;
    if (!module)
        return NULL;
    opened = &images->opened[images->last];
    if (is_over(images, !opened->sought)) {
        opened->is_missed = true;
        return module;
    }
    if (!opened->sought) {
        opened->sought = true;
        opened->image = module_open(images, module);
    }
    if (opened->image) {
        *ret_image = opened->image;
        /* What is mapped lies as the file has it, from its first page on. */
        *ret_file_address = address - module->base + image_load_address(opened->image);
    }
    return module;
}

bool images_find_made(struct images *images, uint64_t address, struct image_place *ret_place)
{
    struct image_place place = {0};

    if (!images->made_was_sought && images->process) {
        images->dumped = jit_dump_read(images->process, images->maps);
        images->made = perf_map_read(images->process);
    }
    images->made_was_sought = true;
    if ((!images->dumped || !jit_dump_find(images->dumped, address, &place)) &&
        (!images->made || !perf_map_find(images->made, address, &place.function, &place.offset)))
        return false;
    *ret_place = place;
    return true;
}
