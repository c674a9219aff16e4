#include "unwind/python_parts.h"

#include "base/io.h"
#include "capture/mapped_file.h"
#include "elf/image.h"
#include "elf/section.h"
#include "elf/symbols.h"
#include "proc/status.h"
#include "unwind/effort.h"
#include "unwind/python_layout.h"

#include <errno.h>
#include <string.h>

enum { LIBRARIES_MAX = 4 };

/* Of a core, the file has to have the build id that the core has. */
static int open_file(const struct pidref *process, const struct map *map, const struct module *module,
                     struct memory **ret_file)
{
    _cleanup_elf_image_ struct elf_image image = {0};
    _cleanup_memory_ struct memory *file = NULL;
    _cleanup_close_ int fd = -1;
    int r;

    if (process)
        r = map ? mapped_file_open(process, map, &fd) : -ENOENT;
    else
        r = module->path[0] == '/' && module->build_id_size ? io_open_regular(module->path, &fd) : -ENOENT;
    if (r == 0)
        r = memory_fd_new(fd, &file);
    if (r < 0)
        return r;
    (void)TAKE_FD(fd); /* the memory's now */
    if (!process) {
        r = elf_image_read(file, 0, false, &image);
        if (r < 0 || image.build_id_size != module->build_id_size ||
            memcmp(image.build_id, module->build_id, image.build_id_size) != 0)
            return -ENOENT;
    }
    *ret_file = TAKE_PTR(file);
    return 0;
}

/* A string table of a GiB is a few bytes on disk where it is sparse. */
static int find_symbol(const struct memory *file, const char *name, struct effort *effort,
                       uint64_t *ret_value)
{
    return effort_go_on(effort) ? elf_symbol_find(file, name, ret_value) : -ETIMEDOUT;
}

/* Debug builds have other structures, which from 3.13 on they tell. */
static bool is_unknown_debug_build(const struct memory *file, struct effort *effort, unsigned minor)
{
    uint64_t value;

    return minor < 13 && find_symbol(file, "_Py_NegativeRefcount", effort, &value) != -ENOENT;
}

static int read_version(const struct memory *file, struct effort *effort, unsigned *ret_minor)
{
    uint64_t address = 0, version = 0; /* PY_VERSION_HEX */
    int r = find_symbol(file, "Py_Version", effort, &address);

    if (r == 0)
        r = elf_bytes_read(file, address, &version, sizeof version);
    if (r < 0)
        return r;
    *ret_minor = version >> 16 & 0xff;
    return version >> 24 == 3 && *ret_minor >= PYTHON_OLDEST && *ret_minor <= PYTHON_NEWEST ? 0 : -ENOENT;
}

/* The section is looked for first: of most programs nothing more is read. */
static int look_in(const struct memory *file, const struct module *module, struct effort *effort,
                   struct python_place *place)
{
    const struct {
        const char *name;
        uint64_t *value;
    } symbols[] = {{"PyCode_Type", &place->code_type},
                   {"PyUnicode_Type", &place->text_type},
                   {"PyBytes_Type", &place->bytes_type}};
    _cleanup_elf_image_ struct elf_image image = {0};
    struct elf_place runtime;
    uint64_t bias;
    int r = elf_section_find(file, ".PyRuntime", &runtime);

    if (r == 0)
        r = elf_image_read(file, 0, false, &image);
    if (r == 0)
        r = read_version(file, effort, &place->minor);
    if (r < 0)
        return r;
    bias = module->base - image.load_address;
    place->runtime = bias + runtime.address;
    for (size_t i = 0; i < ELEMENTS_OF(symbols) && r == 0; i++) {
        r = find_symbol(file, symbols[i].name, effort, symbols[i].value);
        *symbols[i].value += bias;
    }
    return r == 0 && is_unknown_debug_build(file, effort, place->minor) ? -ENOENT : r;
}

static bool find_in(const struct pidref *process, const struct capture *capture, const struct module *module,
                    struct effort *effort, struct python_place *ret_place)
{
    const struct map *map = maps_find(&capture->maps, module->base);
    struct python_place place = {.base = module->base, .inode = map ? map->inode : 0};
    _cleanup_memory_ struct memory *file = NULL;

    if (open_file(process, map, module, &file) < 0 || look_in(file, module, effort, &place) < 0)
        return false;
    *ret_place = place;
    return true;
}

static bool is_library(const struct module *module)
{
    const char *slash = strrchr(module->path, '/');

    return slash && strncmp(slash, "/libpython3", sizeof "/libpython3" - 1) == 0;
}

static bool is_still_there(const struct python *python, const struct capture *capture)
{
    const struct map *map = maps_find(&capture->maps, python->place.base);

    return python->place.minor && map && map->start == python->place.base &&
           map->inode == python->place.inode;
}

/* In a process that numbers by itself, threads know other ids than we do. */
static bool ids_differ(const struct pidref *process)
{
    struct proc_status status;

    return !process || proc_status_read(process->dir_fd, &status) < 0 || status.namespace_depth > 1;
}

void python_find(struct python *python, const struct pidref *process, const struct capture *capture)
{
    const struct module_list *modules = &capture->modules;
    struct effort effort;
    unsigned libraries = 0;
    bool found;

    if (is_still_there(python, capture))
        return;
    effort_init(&effort, LIMIT_PYTHON_FIND_MS);
    (void)effort_begin(&effort); /* it is new */
    python->place = (struct python_place){0};
    /* the program lies below its libraries */
    found = modules->count > 0 && find_in(process, capture, &modules->items[0], &effort, &python->place);
    for (size_t i = 0; i < modules->count && !found && libraries < LIBRARIES_MAX && effort_go_on(&effort);
         i++)
        if (is_library(&modules->items[i])) {
            libraries++;
            found = find_in(process, capture, &modules->items[i], &effort, &python->place);
        }
    if (found)
        python->ids_differ = ids_differ(process);
}
