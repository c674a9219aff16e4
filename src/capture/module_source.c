#include "capture/module_source.h"

#include "capture/mapped_file.h"
#include "elf/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

void module_source_init(struct module_source *source, const struct pidref *process)
{
    *source = (struct module_source){.process = process};
    source->root_fd = openat(process->dir_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void module_source_release(struct module_source *source)
{
    source->root_fd = fd_close(source->root_fd);
    memory_free(source->memory);
    source->memory = NULL;
}

static int64_t nanoseconds(const struct statx_timestamp *time)
{
    return time->tv_sec * 1000000000 + time->tv_nsec;
}

/* Looks at the file of that name without opening it. 0 where it is the mapped one; -ESTALE where another is
 * there, -EACCES for what is not a regular file, else why it can't be looked at. The attributes of a network
 * file are not fetched anew: a server that hangs must not hang us. */
static int look(int directory_fd, const char *name, const struct map *map, struct file_state *ret_state)
{
    struct statx facts;

    if (statx(directory_fd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
              STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME, &facts) < 0)
        return -errno;
    /* as in mapped_file_open: the devices may differ, the inode may not */
    if (facts.stx_ino != map->inode)
        return makedev(facts.stx_dev_major, facts.stx_dev_minor) == map->device ? -ESTALE : -ENOENT;
    if (!S_ISREG(facts.stx_mode))
        return -EACCES;
    *ret_state = (struct file_state){.device = map->device,
                                     .inode = map->inode,
                                     .found_on = makedev(facts.stx_dev_major, facts.stx_dev_minor),
                                     .size = facts.stx_size,
                                     .modified = nanoseconds(&facts.stx_mtime),
                                     .changed = nanoseconds(&facts.stx_ctime)};
    return 0;
}

/* The state of the mapped file, by whichever name it can be had: one call where it stands at its path. */
static int state_find(struct module_source *source, const struct map *map, struct file_state *ret_state,
                      bool *ret_replaced)
{
    const char *path = map->path + strspn(map->path, "/");
    char name[64];
    int r = -ENOENT;

    if (source->root_fd >= 0 && !map->deleted && *path) {
        /* A symbolic link may lead this out of the target's root: then the inode is another. */
        r = look(source->root_fd, path, map, ret_state);
        *ret_replaced = r == -ESTALE;
    }
    if (r < 0 && !source->map_files_denied) {
        (void)snprintf(name, sizeof name, "map_files/%" PRIx64 "-%" PRIx64, map->start, map->end); /* fits */
        r = look(source->process->dir_fd, name, map, ret_state);
        source->map_files_denied = r == -EPERM;
    }
    return r < 0 ? look(source->process->dir_fd, "exe", map, ret_state) : r;
}

static int image_facts(const struct memory *memory, uint64_t base, bool mapped,
                       struct module_facts *ret_facts)
{
    _cleanup_elf_image_ struct elf_image image = {0};
    int r = elf_image_read(memory, base, mapped, &image);

    memset(ret_facts, 0, sizeof *ret_facts);
    if (r == -ENOEXEC || (r == 0 && image.type != ET_DYN && image.type != ET_EXEC))
        return 0;
    if (r < 0)
        return r;
    ret_facts->is_elf = true;
    ret_facts->is_debug = image.has_debug_info || image.has_debug_link;
    ret_facts->load_size = image.load_size;
    memcpy(ret_facts->build_id, image.build_id, image.build_id_size);
    ret_facts->build_id_size = image.build_id_size;
    memcpy(ret_facts->soname, image.soname, sizeof ret_facts->soname);
    return 0;
}

static int file_facts(const struct pidref *process, const struct map *map, struct module_facts *ret_facts)
{
    _cleanup_memory_ struct memory *file = NULL;
    _cleanup_close_ int fd = -1;
    int r = mapped_file_open(process, map, &fd);

    if (r < 0)
        return r;
    r = memory_fd_new(fd, &file);
    if (r < 0)
        return r;
    fd = -1; /* the memory's now */
    return image_facts(file, 0, false, ret_facts);
}

static const struct memory *process_memory(struct module_source *source)
{
    int fd;

    if (source->memory || source->memory_denied)
        return source->memory;
    fd = openat(source->process->dir_fd, "mem", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || memory_fd_new(fd, &source->memory) < 0) {
        (void)fd_close(fd);
        source->memory_denied = true;
    }
    return source->memory;
}

static int mapped_facts(struct module_source *source, const struct map *map, struct module_facts *ret_facts)
{
    const struct memory *memory = process_memory(source);
    char magic[SELFMAG];

    if (!memory || memory_read_exactly(memory, map->start, magic, sizeof magic) < 0)
        return -ENODATA;
    return image_facts(memory, map->start, true, ret_facts);
}

int module_facts_read(struct module_source *source, const struct map *map, struct module_facts *ret_facts,
                      bool *ret_replaced)
{
    struct file_state state;
    int r;

    *ret_replaced = false;
    r = state_find(source, map, &state, ret_replaced);
    if (r == 0 && module_cache_get(&state, ret_facts))
        return 0;
    if (r == 0)
        r = file_facts(source->process, map, ret_facts);
    if (r == 0)
        module_cache_put(&state, ret_facts);
    if (r < 0 && r != -ENOMEM)
        r = mapped_facts(source, map, ret_facts);
    return r < 0 && r != -ENOMEM ? -ENODATA : r;
}

/* Of our own vdso, if it is as large as the target's. */
static int own_vdso_facts(uint64_t size, struct module_facts *ret_facts)
{
    _cleanup_map_list_ struct map_list maps = {0};
    _cleanup_close_ int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = self < 0 ? -errno : maps_read(self, &maps, NULL);

    if (r < 0)
        return r;
    for (size_t i = 0; i < maps.count; i++) {
        const struct map *own = &maps.items[i];
        _cleanup_memory_ struct memory *memory = NULL;

        if (strcmp(own->path, "[vdso]") != 0 || own->end - own->start != size)
            continue;
        r = memory_bytes_new(own->start, (const void *)(uintptr_t)own->start, (size_t)size, &memory);
        return r < 0 ? r : image_facts(memory, own->start, true, ret_facts);
    }
    return -ENODATA;
}

/* The kernel maps one and the same image into every 64-bit process, so ours tells all, once. A 32-bit process
 * has another, below 4 GiB, which only its memory tells. */
int module_vdso_read(struct module_source *source, const struct map *map, struct module_facts *ret_facts)
{
    static const uint64_t narrow_end = 1ull << 32;
    struct file_state state = {.size = map->end - map->start}; /* no file has device 0 and inode 0 */
    bool ours = sizeof(void *) == 8 && map->start >= narrow_end && source->process->pid_fd >= 0;
    int r;

    if (ours && module_cache_get(&state, ret_facts))
        return 0;
    r = ours ? own_vdso_facts(state.size, ret_facts) : -ENODATA;
    if (r == 0)
        module_cache_put(&state, ret_facts);
    if (r < 0)
        r = mapped_facts(source, map, ret_facts);
    return r < 0 && r != -ENOMEM ? -ENODATA : r;
}
