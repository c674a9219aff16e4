#include "ops/dump_zip_modules.h"

#include "capture/linkage.h"
#include "capture/mapped_file.h"
#include "capture/runtime.h"
#include "memory/memory.h"
#include "ops/dump_zip_name.h"
#include "proc/living.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Where debuggers look below a sysroot for what they know by its build id alone: gdb's debug-file-directory
 * is /usr/lib/debug. */
#define BUILD_IDS "sysroot/usr/lib/debug/"
#define NAME_MAX_SIZE 4000 /* of an entry */

static struct archive_facts facts_of(const struct module *module)
{
    return (struct archive_facts){.path = module->path,
                                  .build_id = module->build_id,
                                  .build_id_size = module->build_id_size,
                                  .deleted = module->deleted};
}

static const struct module *find_runtime(const struct capture *capture)
{
    for (size_t i = 0; i < capture->modules.count; i++) {
        const char *slash = strrchr(capture->modules.items[i].path, '/');
        if (slash && strcmp(slash, "/libcoreclr.so") == 0)
            return &capture->modules.items[i];
    }
    return NULL;
}

/* Of a program that has its .NET runtime in itself nothing stands beside: that is said. */
static int leave_out_debugger_modules(struct archive *archive, const struct pidref *target)
{
    struct runtime runtime = {0};
    struct proc_stat stat;

    if (proc_stat_read(target->dir_fd, &stat) == 0)
        runtime_read(target->dir_fd, &stat, &runtime);
    if (runtime.kind != RUNTIME_DOTNET)
        return 0;
    return archive_leave_out(archive, "libmscordaccore.so",
                             "The program has its .NET runtime in itself: that of the same version, "
                             "installed elsewhere, has it.");
}

int dump_zip_debugger_modules(struct archive *archive, const struct pidref *target,
                              const struct capture *capture, struct error *error)
{
    /* libsos.so is not part of every version's runtime */
    static const struct {
        const char *name;
        bool is_expected;
    } wanted[] = {{"libmscordaccore.so", true}, {"libmscordbi.so", true}, {"libsos.so", false}};
    const struct module *runtime = find_runtime(capture);
    const struct map *map = runtime ? maps_find(&capture->maps, runtime->base) : NULL;
    int r = 0;

    if (!map)
        return error_ensure(error, leave_out_debugger_modules(archive, target),
                            "The zip could not be written");
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(wanted); i++) {
        _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
        struct archive_facts facts = {0};
        _cleanup_close_ int fd = -1;

        r = buffer_append(&path, runtime->path, strlen(runtime->path) - strlen("libcoreclr.so"));
        if (r == 0)
            r = buffer_append_string(&path, wanted[i].name);
        if (r < 0)
            return error_ensure(error, r, "The zip could not be written");
        facts.path = buffer_string(&path);
        if (mapped_file_open_beside(target, map, wanted[i].name, &fd) == 0)
            r = archive_add_file(archive, wanted[i].name, fd, &facts, error);
        else if (wanted[i].is_expected)
            r = archive_leave_out(archive, facts.path,
                                  "It does not stand beside the process's libcoreclr.so (any more).");
    }
    return r;
}

/* sysroot/PATH as the process itself says it. */
static int name_of(const struct pidref *target, const struct map *map, struct buffer *name)
{
    _cleanup_free_ char *path = NULL;
    int r = mapped_file_path(target, map, &path);

    if (r == -ENOMEM)
        return r;
    r = buffer_append_string(name, "sysroot");
    return r < 0 ? r : dump_zip_name(path ? path : map->path, name);
}

static int build_id_name_of(const struct module *module, struct buffer *name)
{
    int r = buffer_append_string(name, BUILD_IDS);
    return r < 0 ? r : dump_zip_build_id_name(module->build_id, module->build_id_size, name);
}

/* By its path; where another file has that (as after an upgrade, or a path that does not fit) by its build
 * id. -EEXIST: neither. *ret_name NULL: this very file is there already. */
static int choose_name(const struct archive *archive, const struct module *module, const struct stat *status,
                       const struct buffer *path_name, const struct buffer *id_name, const char **ret_name)
{
    bool same = false;

    *ret_name = buffer_string(path_name);
    if (!archive_has(archive, *ret_name, status->st_dev, status->st_ino, &same))
        return 0;
    *ret_name = NULL;
    if (same)
        return 0;
    *ret_name = buffer_string(id_name);
    return module->build_id_size > 0 && !archive_has(archive, *ret_name, 0, 0, NULL) ? 0 : -EEXIST;
}

/* *ret_name: the entry that has the file; NULL where it was left out. Owned by the caller. */
static int add_module(struct archive *archive, const struct pidref *target, const struct capture *capture,
                      const struct module *module, char **ret_name, struct error *error)
{
    _cleanup_buffer_ struct buffer path_name = BUFFER_INIT(NAME_MAX_SIZE),
                                   id_name = BUFFER_INIT(NAME_MAX_SIZE);
    const struct map *map = maps_find(&capture->maps, module->base);
    struct archive_facts facts = facts_of(module);
    _cleanup_close_ int fd = -1;
    struct stat status;
    const char *name;
    int r = map ? name_of(target, map, &path_name) : -EBADMSG; /* modules are made of maps */

    facts.is_program = modules_find(&capture->modules, capture_auxv(capture, AT_ENTRY)) == module;
    if (r == 0)
        r = build_id_name_of(module, &id_name);
    if (r == -ENOBUFS)
        return archive_leave_out(archive, module->path, "Its path is too long for an entry's name.");
    if (r < 0)
        return r;
    if (mapped_file_open(target, map, &fd) < 0 || fstat(fd, &status) < 0)
        return archive_leave_out(archive, module->path, "The file can't be reached (any more).");
    if (choose_name(archive, module, &status, &path_name, &id_name, &name) < 0)
        return archive_leave_out(archive, module->path,
                                 "Another file of this path is there, and this one has no other build id.");
    if (name)
        r = archive_add_file(archive, name, fd, &facts, error);
    else
        name = buffer_string(&path_name); /* mapped twice */
    if (r < 0 || !archive_has(archive, name, 0, 0, NULL))
        return r;
    *ret_name = strdup(name);
    return *ret_name ? 0 : -ENOMEM;
}

struct tree {
    struct archive *archive;
    const struct pidref *target;
    const struct capture *capture;
    struct tree_file {
        char *name;      /* of its entry; NULL none */
        bool has_second; /* a copy under the name that ld.so has for it */
    } * files;           /* as many as modules */
    struct error *error;
};

static void tree_release(struct tree *tree)
{
    for (size_t i = 0; tree->files && i < tree->capture->modules.count; i++)
        free(tree->files[i].name);
    free(tree->files);
}

static bool has_entry_below(const struct tree *tree, const char *folder)
{
    size_t size = strlen(folder);

    for (size_t i = 0; i < tree->capture->modules.count; i++) {
        const char *name = tree->files[i].name;
        if (name && strncmp(name, folder, size) == 0 && name[size] == '/')
            return true;
    }
    return false;
}

/* Makes sysroot/lib a link to usr/lib where /lib is one in the target, as nearly everywhere, and name what it
 * then leads to. Nothing else stands below such a link, so nothing is unpacked through one. */
static int follow_root_link(const struct tree *tree, const char *path, struct buffer *name)
{
    _cleanup_buffer_ struct buffer link = BUFFER_INIT(NAME_MAX_SIZE), to = BUFFER_INIT(NAME_MAX_SIZE);
    _cleanup_free_ char *first = strndup(path + 1, strcspn(path + 1, "/")), *text = NULL;
    int r = first ? buffer_append_format(&link, "sysroot/%s", first) : -ENOMEM;

    if (r < 0)
        return r;
    /* only what is plain and below: a target's links may say anything */
    if (!first[0] || strncmp(name->data, link.data, link.size) != 0 || name->data[link.size] != '/' ||
        mapped_file_root_link(tree->target, first, &text) < 0)
        return 0;
    r = buffer_append_format(&to, "sysroot/%s", text);
    if (r == 0 && (!has_entry_below(tree, to.data) || has_entry_below(tree, link.data) ||
                   !zip_can_link(link.data, to.data)))
        return 0;
    if (r == 0 && !archive_has(tree->archive, link.data, 0, 0, NULL))
        r = archive_add_link(tree->archive, link.data, to.data, tree->error);
    if (r == 0)
        r = buffer_append_string(&to, name->data + link.size);
    if (r == 0) {
        buffer_release(name);
        *name = to;
        to = (struct buffer){0};
    }
    return r;
}

/* The name that ld.so opened a module by, which is where debuggers look, may differ from where the kernel
 * says that the file stands. It gets a link if that can do without "..", else a copy. What a target says here
 * is believed only where that name does lead to the file. */
static int add_second_name(void *data, uint64_t dynamic, const char *path)
{
    _cleanup_buffer_ struct buffer name = BUFFER_INIT(NAME_MAX_SIZE);
    const struct tree *tree = data;
    const struct module *module = modules_find(&tree->capture->modules, dynamic);
    const struct map *map = module ? maps_find(&tree->capture->maps, module->base) : NULL;
    struct tree_file *file = module ? &tree->files[module - tree->capture->modules.items] : NULL;
    struct archive_facts facts;
    _cleanup_close_ int fd = -1;
    int r;

    if (!map || !file->name || file->has_second || path[0] != '/' ||
        !mapped_file_is_at(tree->target, map, path))
        return 0;
    r = buffer_append_string(&name, "sysroot");
    if (r == 0)
        r = dump_zip_name(path, &name);
    if (r == 0)
        r = follow_root_link(tree, path, &name);
    if (r == -ENOBUFS || (r == 0 && archive_has(tree->archive, name.data, 0, 0, NULL)))
        return 0;
    if (r < 0)
        return r;
    file->has_second = true;
    if (zip_can_link(name.data, file->name))
        return archive_add_link(tree->archive, name.data, file->name, tree->error);
    if (mapped_file_open(tree->target, map, &fd) < 0)
        return 0;
    facts = facts_of(module);
    return archive_add_file(tree->archive, name.data, fd, &facts, tree->error);
}

static int add_second_names(struct tree *tree)
{
    _cleanup_memory_ struct memory *memory = NULL;
    _cleanup_close_ int fd = openat(tree->target->dir_fd, "mem", O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return 0; /* it has ended */
    r = memory_fd_new(fd, &memory);
    if (r < 0)
        return r;
    fd = -1; /* the memory's now */
    return linkage_names(tree->capture, memory, add_second_name, tree);
}

int dump_zip_all_modules(struct archive *archive, const struct pidref *target, const struct capture *capture,
                         struct error *error)
{
    _cleanup_living_ struct pidref living = PIDREF_INIT;
    _cleanup_(tree_release) struct tree tree = {
        .archive = archive, .target = target, .capture = capture, .error = error};
    int r = 0;

    if (living_open(target, &living) == 0)
        tree.target = target = &living;

    tree.files = calloc(capture->modules.count + 1, sizeof *tree.files);
    if (!tree.files)
        return error_errno(error, ENOMEM, "The modules could not be put into the zip");
    /* those that stand at their paths first, so that a tree has them rather than what was there before */
    for (int deleted = 0; deleted <= 1; deleted++)
        for (size_t i = 0; r == 0 && i < capture->modules.count; i++) {
            const struct module *module = &capture->modules.items[i];

            if (module->deleted == (deleted == 1) && module->path[0] == '/')
                r = add_module(archive, target, capture, module, &tree.files[i].name, error);
        }
    if (r == 0)
        r = add_second_names(&tree);
    return r < 0 ? error_ensure(error, r, "The modules could not be put into the zip") : 0;
}
