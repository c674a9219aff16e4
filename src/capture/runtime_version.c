/* What runtimes' files say of their version. Each has it in another place:
 *   Java    JAVA_HOME/release, JAVA_VERSION="17.0.15"
 *   .NET    the folder that it stands in, or sccsid: "@(#)Version 10.0.1226.42308", whose third number is
 *           a hundred times the version's and more (dotnet/runtime, eng/native/version)
 *   Node    "node.js/v20.20.2", by which it tells debuggers what it is (node src/inspector_agent.cc)
 *   PHP     "X-Powered-By: PHP/8.2.29" (php-src main/SAPI.h)
 *   Python  Py_Version, a number, since 3.11 (cpython Python/getversion.c)
 *   Ruby    ruby_version, a text (ruby version.c)
 *   Go      the section .go.buildinfo (go src/debug/buildinfo) */
#include "capture/runtime_parts.h"

#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "capture/mapped_file.h"
#include "elf/section.h"
#include "elf/symbols.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How names begin. What follows is a version of digits and dots, or nothing; of libraries ".so" and more. */
static const struct {
    const char *begin;
    enum runtime_kind kind;
    bool is_library;
} files[] = {
    {"python", RUNTIME_PYTHON, false},   {"java", RUNTIME_JAVA, false},
    {"node", RUNTIME_NODE, false},       {"nodejs", RUNTIME_NODE, false},
    {"dotnet", RUNTIME_DOTNET, false},   {"ruby", RUNTIME_RUBY, false},
    {"php", RUNTIME_PHP, false},         {"php-fpm", RUNTIME_PHP, false},
    {"php-cgi", RUNTIME_PHP, false},     {"perl", RUNTIME_PERL, false},
    {"beam.smp", RUNTIME_ERLANG, false}, {"mono", RUNTIME_MONO, false},
    {"deno", RUNTIME_DENO, false},       {"bun", RUNTIME_BUN, false},
    {"lua", RUNTIME_LUA, false},         {"libcoreclr", RUNTIME_DOTNET, true},
    {"libjvm", RUNTIME_JAVA, true},      {"libnode", RUNTIME_NODE, true},
    {"libpython", RUNTIME_PYTHON, true}, {"libruby-", RUNTIME_RUBY, true},
    {"libruby", RUNTIME_RUBY, true},     {"libphp", RUNTIME_PHP, true},
};

void runtime_version_take(const char *text, size_t size, char version[RUNTIME_VERSION_MAX])
{
    size_t count = 0;

    while (count < size && count < RUNTIME_VERSION_MAX - 1 &&
           (isalnum((unsigned char)text[count]) || strchr("._+-", text[count])) && text[count])
        count++;
    memcpy(version, text, count);
    version[count] = '\0';
}

/* Digits and dots at text, of a plausible number. */
static size_t digits(const char *text)
{
    size_t size = strspn(text, "0123456789.");

    while (size > 0 && text[size - 1] == '.')
        size--;
    return size < 8 ? size : 0;
}

void runtime_of_path(const char *path, bool is_library, struct runtime *ret_runtime)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    *ret_runtime = (struct runtime){0};
    for (size_t i = 0; i < ELEMENTS_OF(files); i++) {
        size_t length = strlen(files[i].begin), version;
        const char *rest = name + length;

        if (files[i].is_library != is_library || strncmp(name, files[i].begin, length) != 0)
            continue;
        version = digits(rest);
        if (is_library ? strncmp(rest + version, ".so", 3) != 0 : rest[version] != '\0')
            continue;
        ret_runtime->kind = files[i].kind;
        runtime_version_take(rest, version, ret_runtime->version);
        return;
    }
}

/* Goes through a section for a text, and takes what stands behind it. */
static void scan(const struct memory *file, const char *section, const char *text,
                 char version[RUNTIME_VERSION_MAX])
{
    size_t length = strlen(text), kept = length + RUNTIME_VERSION_MAX;
    _cleanup_free_ char *bytes = malloc(LIMIT_STREAM_CHUNK + 1);
    struct elf_place place;

    if (!bytes || elf_section_find(file, section, &place) < 0)
        return;
    if (place.size > LIMIT_RUNTIME_SCAN)
        place.size = LIMIT_RUNTIME_SCAN;
    /* pieces overlap, so that what is sought stands whole in one of them */
    for (uint64_t at = 0; at < place.size; at += LIMIT_STREAM_CHUNK - kept) {
        size_t size = place.size - at < LIMIT_STREAM_CHUNK ? (size_t)(place.size - at) : LIMIT_STREAM_CHUNK;
        const char *found;

        if (elf_bytes_read(file, place.address + at, bytes, size) < 0)
            return;
        bytes[size] = '\0';
        found = memmem(bytes, size, text, length);
        if (found && (size < LIMIT_STREAM_CHUNK || (size_t)(bytes + size - found) >= kept)) {
            runtime_version_take(found + length, size - (size_t)(found - bytes) - length, version);
            return;
        }
    }
}

static int symbol_bytes(const struct memory *file, const char *name, void *bytes, size_t size)
{
    uint64_t address;
    int r = elf_symbol_find(file, name, &address);

    return r < 0 ? r : elf_bytes_read(file, address, bytes, size);
}

/* 0xMMmmppLs: major, minor, micro, and a level that is f for what was released. */
static void python_version(const struct memory *file, char version[RUNTIME_VERSION_MAX])
{
    unsigned char number[4];

    if (symbol_bytes(file, "Py_Version", number, sizeof number) == 0)
        (void)snprintf(version, RUNTIME_VERSION_MAX, "%u.%u.%u", number[3], number[2], number[1]); /* fits */
}

static void ruby_version(const struct memory *file, char version[RUNTIME_VERSION_MAX])
{
    char text[6]; /* "3.1.2" with its NUL is as short as they get */

    if (symbol_bytes(file, "ruby_version", text, sizeof text) == 0 && isdigit((unsigned char)text[0]))
        runtime_version_take(text, sizeof text, version);
}

static void dotnet_version(const struct memory *file, char version[RUNTIME_VERSION_MAX])
{
    char text[RUNTIME_VERSION_MAX] = "";
    const char *at = text, *end;
    uint64_t major, minor, patch;

    scan(file, ".data", "@(#)Version ", text);
    end = text + strlen(text);
    if (scan_u64(&at, end, &major) && scan_char(&at, end, '.') && scan_u64(&at, end, &minor) &&
        scan_char(&at, end, '.') && scan_u64(&at, end, &patch))
        (void)snprintf(version, RUNTIME_VERSION_MAX, "%u.%u.%u", (unsigned)(major % 1000),
                       (unsigned)(minor % 1000), (unsigned)(patch / 100 % 1000)); /* fits */
}

static void version_in(const struct memory *file, struct runtime *runtime)
{
    switch (runtime->kind) {
    case RUNTIME_NODE:
        scan(file, ".rodata", "node.js/v", runtime->version);
        break;
    case RUNTIME_PHP:
        scan(file, ".rodata", "X-Powered-By: PHP/", runtime->version);
        break;
    case RUNTIME_PYTHON:
        python_version(file, runtime->version);
        break;
    case RUNTIME_RUBY:
        ruby_version(file, runtime->version);
        break;
    case RUNTIME_DOTNET:
        dotnet_version(file, runtime->version);
        break;
    default:
        break;
    }
}

/* Many processes run the same file. */
struct known {
    dev_t device;
    ino_t inode;
    struct timespec changed;
    struct runtime runtime;
};

static struct {
    pthread_mutex_t lock;
    struct known items[64];
    size_t next;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_known(const struct known *item, struct runtime *runtime)
{
    bool found = false;

    pthread_mutex_lock(&known.lock);
    for (size_t i = 0; i < ELEMENTS_OF(known.items) && !found; i++) {
        const struct known *other = &known.items[i];

        found = other->runtime.kind == runtime->kind && other->device == item->device &&
                other->inode == item->inode && other->changed.tv_sec == item->changed.tv_sec &&
                other->changed.tv_nsec == item->changed.tv_nsec;
        if (found)
            *runtime = other->runtime;
    }
    pthread_mutex_unlock(&known.lock);
    return found;
}

static void keep(const struct known *item)
{
    pthread_mutex_lock(&known.lock);
    known.items[known.next++ % ELEMENTS_OF(known.items)] = *item;
    pthread_mutex_unlock(&known.lock);
}

static void read_file(const struct pidref *process, const struct map *map, struct runtime *runtime)
{
    _cleanup_memory_ struct memory *file = NULL;
    struct known item = {0};
    struct stat facts;
    int fd = -1, r = 0;

    if (map)
        r = mapped_file_open(process, map, &fd);
    else
        fd = openat(process->dir_fd, "exe", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (r < 0 || fd < 0)
        return;
    if (fstat(fd, &facts) < 0 || memory_fd_new(fd, &file) < 0) {
        (void)fd_close(fd); /* always -1 */
        return;
    }
    item = (struct known){.device = facts.st_dev, .inode = facts.st_ino, .changed = facts.st_ctim};
    if (is_known(&item, runtime))
        return;
    version_in(file, runtime);
    item.runtime = *runtime;
    keep(&item);
}

/* Of a file of lines NAME="VALUE". */
static void java_release(int fd, char version[RUNTIME_VERSION_MAX])
{
    enum { RELEASE_MOST = 16384 };
    static const char key[] = "JAVA_VERSION=\"";
    _cleanup_free_ char *text = malloc(RELEASE_MOST + 1);
    ssize_t size = text ? io_pread_full(fd, text, RELEASE_MOST, 0) : -ENOMEM;
    const char *found;

    if (size < 0)
        return;
    text[size] = '\0';
    found = strstr(text, key);
    if (found && (found == text || found[-1] == '\n'))
        runtime_version_take(found + sizeof key - 1, strlen(found) - (sizeof key - 1), version);
}

/* libjvm.so stands in lib/server of JAVA_HOME; until Java 8 in jre/lib/amd64/server. */
static void java_version(const struct pidref *process, const struct map *map,
                         char version[RUNTIME_VERSION_MAX])
{
    enum { UP_FIRST = 3, UP_LAST = 5 };
    _cleanup_free_ char *home = NULL;

    if (!map || mapped_file_path(process, map, &home) < 0)
        return;
    for (int up = 1; up <= UP_LAST && strrchr(home, '/'); up++) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;

        *strrchr(home, '/') = '\0';
        if (up < UP_FIRST || asprintf(&path, "%s/release", home) < 0)
            continue;
        if (mapped_file_open_path(process, path, &fd) == 0) {
            java_release(fd, version);
            return;
        }
    }
}

/* .../shared/Microsoft.NETCore.App/10.0.12/libcoreclr.so */
static void version_of_folder(const char *path, const char *before, char version[RUNTIME_VERSION_MAX])
{
    const char *found = strstr(path, before);

    if (found && isdigit((unsigned char)found[strlen(before)]))
        runtime_version_take(found + strlen(before), strlen(found) - strlen(before), version);
}

void runtime_version_read(const struct pidref *process, const struct map *map, const char *path,
                          struct runtime *runtime)
{
    if (runtime->kind == RUNTIME_JAVA) {
        version_of_folder(path, "/java-", runtime->version);
        java_version(process, map, runtime->version);
        return;
    }
    if (runtime->kind == RUNTIME_DOTNET) {
        version_of_folder(path, "/Microsoft.NETCore.App/", runtime->version);
        if (*runtime->version)
            return;
    }
    /* what its file is called proves nothing, and it is sent signals by this */
    if (runtime->kind == RUNTIME_NODE)
        runtime->version[0] = '\0';
    read_file(process, map, runtime);
}

/* Since Go 1.18 the text stands there with its length before it; older ones lead to it. */
int runtime_go_version(const struct memory *program, char version[RUNTIME_VERSION_MAX])
{
    enum { HEADER = 32, FLAGS = 15, FLAG_INLINE = 2, FLAG_BIG_ENDIAN = 1, TEXT_MOST = 64 };
    static const char magic[] = "\xff Go buildinf:";
    unsigned char header[HEADER + 1 + TEXT_MOST] = {0};
    char text[TEXT_MOST] = "";
    struct elf_place place;
    uint64_t lead[2];
    size_t size = 0;
    int r = elf_section_find(program, ".go.buildinfo", &place);

    if (r == 0)
        r = elf_bytes_read(program, place.address, header,
                           place.size < sizeof header ? (size_t)place.size : sizeof header);
    if (r < 0 || memcmp(header, magic, sizeof magic - 1) != 0)
        return -ENOENT;
    version[0] = '\0';
    if (header[FLAGS] & FLAG_INLINE) {
        size = header[HEADER] < TEXT_MOST ? header[HEADER] : TEXT_MOST;
        memcpy(text, header + HEADER + 1, size);
    } else if (!(header[FLAGS] & FLAG_BIG_ENDIAN) && header[FLAGS - 1] == sizeof lead[0]) {
        memcpy(&lead[0], header + FLAGS + 1, sizeof lead[0]);
        if (elf_bytes_read(program, lead[0], lead, sizeof lead) == 0) {
            size = lead[1] < TEXT_MOST ? (size_t)lead[1] : TEXT_MOST;
            if (elf_bytes_read(program, lead[0], text, size) < 0)
                size = 0;
        }
    }
    if (size > 2 && memcmp(text, "go", 2) == 0)
        runtime_version_take(text + 2, size - 2, version);
    return 0;
}
