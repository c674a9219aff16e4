#include "unwind/debug_file.h"

#include "base/buffer.h"
#include "base/io.h"

#include <errno.h>
#include <isa-l/crc.h>
#include <string.h>

enum {
    LINK_MAX = 4096,    /* bytes of .gnu_debuglink, .gnu_debugaltlink */
    CHUNK = 256 * 1024, /* files are read for their checksum in pieces of this size */
};

static const char *const default_directories[] = {"/usr/lib/debug", NULL};
static const char *const *directories = default_directories;
static debug_file_fetch *fetch;

void debug_file_set_directories(const char *const *new_directories)
{
    directories = new_directories;
}

void debug_file_set_fetch(debug_file_fetch *new_fetch)
{
    fetch = new_fetch;
}

/* What is looked for. */
struct wanted {
    const uint8_t *build_id;
    size_t build_id_size;
    bool has_crc;
    uint32_t crc;
};

static bool crc_is(const struct elf_file *file, uint32_t wanted)
{
    _cleanup_free_ uint8_t *chunk = malloc(CHUNK);
    uint32_t crc = 0;
    uint64_t at = 0;
    ssize_t n = 0;

    if (!chunk)
        return false;
    while (at < LIMIT_DEBUG_FILE && (n = memory_read(file->memory, at, chunk, CHUNK)) > 0) {
        crc = crc32_gzip_refl(crc, chunk, (uint64_t)n);
        at += (uint64_t)n;
    }
    return at < LIMIT_DEBUG_FILE && crc == wanted;
}

static bool has_more(const struct elf_file *file)
{
    GElf_Shdr header;

    return elf_file_section(file, NULL, SHT_SYMTAB, &header) ||
           elf_file_section(file, ".debug_info", 0, &header);
}

/* The file is taken over where it is the wanted one. */
static bool fits(const struct elf_file *file, const struct wanted *wanted)
{
    if (!has_more(file)) /* a link can lead to the very file that it stands in */
        return false;
    if (wanted->build_id_size && file->build_id_size)
        return wanted->build_id_size == file->build_id_size &&
               memcmp(wanted->build_id, file->build_id, file->build_id_size) == 0;
    return wanted->has_crc && crc_is(file, wanted->crc);
}

static bool try_fd(int fd, const struct wanted *wanted, struct elf_file **ret_file)
{
    _cleanup_elf_file_ struct elf_file *file = NULL;

    if (elf_file_open(fd, &file) < 0 || !fits(file, wanted))
        return false;
    *ret_file = TAKE_PTR(file);
    return true;
}

/* A path of ours. */
static bool try_path(const char *path, const struct wanted *wanted, struct elf_file **ret_file)
{
    int fd;

    return io_open_regular(path, &fd) == 0 && try_fd(fd, wanted, ret_file);
}

/* A name as the target has it. */
static bool try_files(const struct image_files *files, const char *name, const struct wanted *wanted,
                      struct elf_file **ret_file)
{
    int fd;

    if (!files || files->find(files->context, name, &fd) < 0 || !try_fd(fd, wanted, ret_file))
        return false;
    (*ret_file)->is_given = true;
    return true;
}

static int build_id_path(const char *directory, const struct wanted *wanted, struct buffer *path)
{
    int r;

    buffer_clear(path);
    r = buffer_append_format(path, "%s/.build-id/%02x/", directory, wanted->build_id[0]);
    for (size_t i = 1; i < wanted->build_id_size && r == 0; i++)
        r = buffer_append_format(path, "%02x", wanted->build_id[i]);
    return r < 0 ? r : buffer_append_string(path, ".debug");
}

static bool find_by_build_id(const struct wanted *wanted, const struct image_files *files,
                             struct elf_file **ret_file)
{
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(LINK_MAX);

    if (wanted->build_id_size < 2)
        return false;
    for (size_t i = 0; directories[i]; i++) {
        if (build_id_path(directories[i], wanted, &path) < 0)
            return false;
        if (try_path(path.data, wanted, ret_file) || try_files(files, path.data, wanted, ret_file))
            return true;
    }
    return false;
}

/* The name in a section, and how many bytes follow it; NULL: there is none. Owned by the caller. */
static char *link_read(const struct elf_file *file, const char *section, const uint8_t **ret_rest,
                       size_t *ret_rest_size)
{
    GElf_Shdr header;
    char *bytes;
    size_t size;

    if (!file->memory || !elf_file_section(file, section, 0, &header) ||
        elf_file_read(file, &header, LINK_MAX, &bytes) < 0)
        return NULL;
    size = strlen(bytes) + 1;
    if (size == 1 || size > header.sh_size) {
        free(bytes);
        return NULL;
    }
    *ret_rest = (const uint8_t *)bytes + size;
    *ret_rest_size = header.sh_size - size;
    return bytes;
}

static bool find_by_link(const char *name, const struct wanted *wanted, const struct image_files *files,
                         struct elf_file **ret_file)
{
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(LINK_MAX);

    if (!files || strchr(name, '/') || strcmp(name, "..") == 0)
        return false;
    if (try_files(files, name, wanted, ret_file))
        return true;
    if (buffer_append_format(&path, ".debug/%s", name) == 0 && try_files(files, path.data, wanted, ret_file))
        return true;
    if (!files->directory || strstr(files->directory, "/..")) /* of a core, which can say anything */
        return false;
    for (size_t i = 0; directories[i]; i++) {
        buffer_clear(&path);
        if (buffer_append_format(&path, "%s%s/%s", directories[i], files->directory, name) == 0 &&
            (try_path(path.data, wanted, ret_file) || try_files(files, path.data, wanted, ret_file)))
            return true;
    }
    return false;
}

struct elf_file *debug_file_find(const struct elf_file *file, const struct image_files *files,
                                 bool *ret_is_late)
{
    struct wanted wanted = {.build_id = file->build_id, .build_id_size = file->build_id_size};
    struct elf_file *found = NULL;
    _cleanup_free_ char *name = NULL;
    const uint8_t *rest;
    size_t rest_size, padding;
    int fd, r;

    *ret_is_late = false;
    if (find_by_build_id(&wanted, files, &found))
        return found;
    name = link_read(file, ".gnu_debuglink", &rest, &rest_size);
    if (name) {
        padding = -(size_t)(strlen(name) + 1) % sizeof wanted.crc; /* the checksum is aligned */
        if (rest_size >= padding + sizeof wanted.crc) {
            memcpy(&wanted.crc, rest + padding, sizeof wanted.crc);
            wanted.has_crc = true;
        }
        if (find_by_link(name, &wanted, files, &found))
            return found;
    }
    if (!fetch || !wanted.build_id_size)
        return NULL;
    r = fetch(wanted.build_id, wanted.build_id_size, &fd);
    *ret_is_late = r == -ETIMEDOUT;
    return r == 0 && try_fd(fd, &wanted, &found) ? found : NULL;
}

/* The name counts from where the debug file stands, by which of its names is not known here; what follows
 * ".dwz" is the same in every directory of debug files. */
struct elf_file *debug_file_find_shared(const struct elf_file *debug)
{
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(LINK_MAX);
    struct wanted wanted = {0};
    _cleanup_free_ char *name =
        link_read(debug, ".gnu_debugaltlink", &wanted.build_id, &wanted.build_id_size);
    struct elf_file *found = NULL;
    const char *inside;

    if (!name || !wanted.build_id_size || wanted.build_id_size > LIMIT_BUILD_ID)
        return NULL;
    if (find_by_build_id(&wanted, NULL, &found))
        return found;
    inside = strstr(name, "/.dwz/");
    if (!inside || strstr(inside, "/../"))
        return NULL;
    for (size_t i = 0; directories[i]; i++) {
        buffer_clear(&path);
        if (buffer_append_format(&path, "%s%s", directories[i], inside) == 0 &&
            try_path(path.data, &wanted, &found))
            return found;
    }
    return NULL;
}
