#include "ops/dump_zip_bound.h"

#include "capture/mapped_file.h"
#include "ops/table.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t size_of(int fd)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && facts.st_size > 0 ? (uint64_t)facts.st_size : 0;
}

/* process.json, with room for what grows until the dump is taken. */
static int add_process(const struct operation_context *context, const struct request *request,
                       const struct pidref *target, uint64_t *bytes, struct error *error)
{
    enum { ROOM = 16 * 1024 };
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    int r = operation_show_json(context, request, target, &json, error);

    if (r == 0)
        r = json_finish(&json);
    *bytes += text.size + text.size / 4 + ROOM;
    return error_ensure(error, r, "The process could not be described");
}

static uint64_t debugger_bytes(const struct pidref *target, const struct map *map, const char *path)
{
    static const char *const names[] = {"libmscordaccore.so", "libmscordbi.so", "libsos.so"};
    const char *slash = strrchr(path, '/');
    uint64_t bytes = 0;

    if (!slash || strcmp(slash, "/libcoreclr.so") != 0)
        return 0;
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        _cleanup_close_ int fd = -1;
        if (mapped_file_open_beside(target, map, names[i], &fd) == 0)
            bytes += size_of(fd);
    }
    return bytes;
}

/* Each module by its path and, where ld.so knows it by another, by that too; its names also stand in the
 * headers of the zip and, at worst six bytes a character, in the manifest. */
static uint64_t module_bytes(const struct pidref *target, const struct capture *capture,
                             const struct module *module, enum dump_zip_modules modules)
{
    enum { COPIES = 2, HEADERS = 2048, CHARACTER = 16 };
    const struct map *map = maps_find(&capture->maps, module->base);
    uint64_t bytes = HEADERS + strlen(module->path) * CHARACTER;
    _cleanup_close_ int fd = -1;

    if (!map || modules == DUMP_ZIP_NONE)
        return 0;
    bytes += debugger_bytes(target, map, module->path);
    if (modules == DUMP_ZIP_ALL && mapped_file_open(target, map, &fd) == 0)
        bytes += COPIES * size_of(fd);
    return bytes;
}

int dump_zip_beside(const struct operation_context *context, const struct request *request,
                    const struct pidref *target, const struct capture *capture, enum dump_zip_modules modules,
                    uint64_t *ret_bytes, struct error *error)
{
    uint64_t bytes = 0;
    int r = add_process(context, request, target, &bytes, error);

    for (size_t i = 0; r == 0 && i < capture->modules.count; i++)
        bytes += module_bytes(target, capture, &capture->modules.items[i], modules);
    if (r == 0)
        *ret_bytes = bytes;
    return r;
}
