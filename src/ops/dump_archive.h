/* The zip of a dump: its entries, each with its checksum in the manifest, which is the last of them. */
#pragma once

#include "base/json.h"
#include "stream/zip.h"

#include <sys/types.h>

/* Of a module, for the manifest; all may be 0. */
struct archive_facts {
    const char *path; /* as the target has it */
    const uint8_t *build_id;
    size_t build_id_size;
    bool deleted, is_program;
};

struct archive_left_out {
    char *path; /* owned */
    const char *reason;
};

struct archive_name;

struct archive {
    struct zip *zip; /* owned */
    struct buffer text;
    struct json manifest;
    struct {
        struct archive_left_out *items;
        size_t count, capacity;
    } left_out;
    void *names; /* of all entries: a tree of struct archive_name */
    uint8_t *bytes;
    int64_t time;            /* of entries that are no files */
    uint64_t maximum, total; /* bytes of all entries before they are compressed: files past it are left out */
    /* of the open entry */
    struct sink *entry;
    const char *entry_name;
};

/* Writes into sink, which stays the caller's. Before the first entry ends the caller begins the manifest, an
 * object, and in it the array of files; archive_finish ends both. */
int archive_init(struct archive *archive, struct sink *sink, unsigned level, int64_t time,
                 uint64_t maximum) _must_check_;
void archive_release(struct archive *archive);
#define _cleanup_archive_ _cleanup_(archive_release)

/* One entry by hand, of `size` bytes at most; its end tells the manifest. name is borrowed meanwhile. */
int archive_begin(struct archive *archive, const char *name, uint64_t size,
                  struct sink **ret_sink) _must_check_;
int archive_end(struct archive *archive, const struct archive_facts *facts, const char *remark,
                struct error *error) _must_check_;

int archive_add_bytes(struct archive *archive, const char *name, const void *bytes, size_t size,
                      struct error *error) _must_check_;
/* A regular file as it is when it is read: one that shrinks, changes or fails meanwhile makes a shorter entry
 * or an odd one, which the manifest says. Its size on entry is the most that is read. */
int archive_add_file(struct archive *archive, const char *name, int fd, const struct archive_facts *facts,
                     struct error *error) _must_check_;
/* A symbolic link to another entry. */
int archive_add_link(struct archive *archive, const char *name, const char *to,
                     struct error *error) _must_check_;

/* Whether there is such an entry; ret_same (may be NULL): made of this very file. */
bool archive_has(const struct archive *archive, const char *name, dev_t device, ino_t inode, bool *ret_same);

/* What should be there and is not; reason: a constant. */
int archive_leave_out(struct archive *archive, const char *path, const char *reason) _must_check_;

/* The manifest and the zip's end. */
int archive_finish(struct archive *archive, struct error *error) _must_check_;
