/* The file behind a mapping, as the target has it mapped: another mount namespace, a chroot or a file that
 * was replaced since must not lead to a wrong one. */
#pragma once

#include "proc/maps.h"
#include "proc/pidref.h"

/* Opens it for reading: through /proc/PID/map_files where this user may (CAP_CHECKPOINT_RESTORE or
 * CAP_SYS_ADMIN), else by its path below /proc/PID/root or as /proc/PID/exe, if the inode is still that of
 * the mapping. Regular files only, since to open a device can do things. -ENOENT: it can't be reached. */
int mapped_file_open(const struct pidref *process, const struct map *map, int *ret_fd) _must_check_;

/* The regular file `name` (or below: `.debug/name`) in the directory that the mapped file stands in, again as
 * the target has it. -ENOENT: there is none, or the mapped file itself stands there no more, so that what is
 * beside it may be of another version. */
int mapped_file_open_beside(const struct pidref *process, const struct map *map, const char *name,
                            int *ret_fd) _must_check_;

/* The regular file at path, as the target has it. As of the one before: -ENOENT where it is empty. */
int mapped_file_open_path(const struct pidref *process, const char *path, int *ret_fd) _must_check_;

/* An O_PATH descriptor of path, as the target has it: links are followed as it would, magic ones of /proc are
 * not. flags: O_DIRECTORY, O_NOFOLLOW. */
int mapped_file_find(const struct pidref *process, const char *path, int flags, int *ret_fd) _must_check_;

/* map->path as the target itself says it, which differs where its root is a directory of ours (chroot). Owned
 * by the caller. -ENOENT where the file is none of the target's root. */
int mapped_file_path(const struct pidref *process, const struct map *map, char **ret_path) _must_check_;

/* Whether path, which is the target's own, leads to the mapped file. */
bool mapped_file_is_at(const struct pidref *process, const struct map *map, const char *path);
/* The text of the symbolic link `name` in the target's root directory. Owned by the caller. -EINVAL where it
 * is none. */
int mapped_file_root_link(const struct pidref *process, const char *name, char **ret_text) _must_check_;
