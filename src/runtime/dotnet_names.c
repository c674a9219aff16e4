#include "runtime/dotnet_names.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A runtime is known by its socket: a process that has run another program has made another one. */
struct key {
    pid_t pid;
    uint64_t start_time;
    dev_t device;
    ino_t inode;
    struct timespec changed;
};

static struct {
    struct key key;
    uint64_t until_ms;
    int64_t time;
    struct dotnet_methods methods;
} kept;

static bool read_key(const struct dotnet_names *names, struct key *ret_key)
{
    struct stat facts;

    if (names->dotnet.socket_fd < 0 || fstat(names->dotnet.socket_fd, &facts) < 0)
        return false;
    memset(ret_key, 0, sizeof *ret_key); /* compared by all its bytes */
    ret_key->pid = names->process->pid;
    ret_key->start_time = names->process->start_time;
    ret_key->device = facts.st_dev;
    ret_key->inode = facts.st_ino;
    ret_key->changed = facts.st_ctim;
    return true;
}

static void take_kept(struct dotnet_names *names)
{
    struct key key;

    if (kept.methods.count > 0 && clock_monotonic_ms() < kept.until_ms && read_key(names, &key) &&
        memcmp(&key, &kept.key, sizeof key) == 0) {
        names->methods = kept.methods;
        names->time = kept.time;
        kept.methods = DOTNET_METHODS_INIT;
    }
}

static void keep(struct dotnet_names *names)
{
    size_t size = names->methods.capacity * sizeof names->methods.items[0] + names->methods.text.capacity;
    struct key key;

    if (names->methods.count == 0 || size > LIMIT_DOTNET_KEPT || !read_key(names, &key))
        return;
    dotnet_methods_release(&kept.methods);
    if (names->is_fresh)
        kept.until_ms = clock_monotonic_ms() + LIMIT_DOTNET_KEPT_MS;
    kept.key = key;
    kept.time = names->time;
    kept.methods = names->methods;
    names->methods = DOTNET_METHODS_INIT;
}

void dotnet_names_release(struct dotnet_names *names)
{
    if (!names)
        return;
    keep(names);
    dotnet_methods_release(&names->methods);
    dotnet_release(&names->dotnet);
}

static void begin(struct dotnet_names *names)
{
    struct proc_stat stat;

    names->is_begun = true;
    if (proc_stat_read(names->process->dir_fd, &stat) == 0)
        runtime_read(names->process->dir_fd, &stat, &names->runtime);
    if (names->runtime.kind != RUNTIME_DOTNET)
        return;
    if (dotnet_find(names->process, &names->dotnet, &names->error) == 0)
        take_kept(names);
}

/* What was known stays where it doesn't answer. */
static void ask(struct dotnet_names *names)
{
    struct dotnet_methods methods;

    names->was_asked = true;
    if (dotnet_methods_ask(&names->dotnet, clock_monotonic_ms() + names->patience_ms, &methods,
                           &names->error) < 0)
        return;
    dotnet_methods_release(&names->methods);
    names->methods = methods;
    names->is_fresh = true;
    names->time = clock_realtime_ns();
    if (methods.is_cut)
        (void)error_set(&names->error, EFBIG, "The .NET runtime has more methods than are kept.");
    else if (!methods.is_whole)
        (void)error_set(&names->error, EIO, "The .NET runtime did not tell all of its methods.");
}

static const struct dotnet_method *find(const struct dotnet_names *names, uint64_t address)
{
    const struct dotnet_method *method = dotnet_methods_find(&names->methods, address);

    return method && (names->is_fresh || !method->is_dynamic) ? method : NULL;
}

bool dotnet_names_find(struct dotnet_names *names, uint64_t address, const char **ret_name,
                       uint64_t *ret_offset)
{
    const struct dotnet_method *method;

    if (!names->is_begun)
        begin(names);
    if (names->dotnet.socket_fd < 0)
        return false;
    method = find(names, address);
    if (!method && !names->was_asked) {
        ask(names);
        method = find(names, address);
    }
    if (!method)
        return false;
    *ret_name = dotnet_method_name(&names->methods, method);
    *ret_offset = address - method->start;
    return true;
}
