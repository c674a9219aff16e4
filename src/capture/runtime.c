#include "capture/runtime.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "capture/jvm.h"
#include "capture/runtime_parts.h"
#include "proc/patient.h"
#include "proc/read.h"
#include "proc/tasks.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const names[] = {
    [RUNTIME_UNKNOWN] = "",
    [RUNTIME_NATIVE] = "native",
    [RUNTIME_DOTNET] = ".NET",
    [RUNTIME_JAVA] = "Java",
    [RUNTIME_OPENJ9] = "Java (OpenJ9)",
    [RUNTIME_NODE] = "Node",
    [RUNTIME_PYTHON] = "Python",
    [RUNTIME_GO] = "Go",
    [RUNTIME_RUBY] = "Ruby",
    [RUNTIME_PHP] = "PHP",
    [RUNTIME_PERL] = "Perl",
    [RUNTIME_ERLANG] = "Erlang",
    [RUNTIME_MONO] = "Mono",
    [RUNTIME_DENO] = "Deno",
    [RUNTIME_BUN] = "Bun",
    [RUNTIME_LUA] = "Lua",
};

const char *runtime_name(enum runtime_kind kind)
{
    return names[kind];
}

void runtime_text(const struct runtime *runtime, char text[RUNTIME_TEXT_MAX])
{
    (void)snprintf(text, RUNTIME_TEXT_MAX, "%s%s%s", names[runtime->kind], *runtime->version ? " " : "",
                   runtime->version); /* fits */
}

/* A process that was looked at. */
struct seen {
    pid_t pid;
    uint64_t start_ticks;
    char comm[COMM_MAX];
    uint64_t program;              /* its path's hash: one that runs another program has another */
    uint64_t checked_ms, again_ms; /* when the path was read last, and when it has to be looked at anew */
    struct runtime runtime;
};

enum { SEEN_MAX = 8192, AGAIN_MS = 1000, MINUTE_MS = 60 * 1000 };

/* A process has its place by its pid: of two that have the same one, the later is kept. The places are made
 * for the first process: who never looks at one, as a worker for a dump, needs its memory for the dump. */
static struct {
    pthread_mutex_t lock;
    struct seen *items;           /* SEEN_MAX, or NULL */
    uint64_t minute_ms, spent_ns; /* since when, and how much time of the processor */
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Threads of a runtime that is linked into its program ("single file"), and of no other: .NET names its own
 * since .NET 6. They are among the first. */
static bool has_dotnet_threads(int directory_fd)
{
    enum { LOOKED_AT = 8 };
    _cleanup_id_list_ struct id_list threads = {0};

    if (id_list_read(directory_fd, "task", &threads) < 0 || threads.count < 3)
        return false;
    for (size_t i = 1; i < threads.count && i < LOOKED_AT; i++) {
        char name[48], text[32];
        size_t size;

        (void)snprintf(name, sizeof name, "task/%d/comm", (int)threads.items[i]); /* fits */
        if (proc_read_small(directory_fd, name, text, sizeof text, &size) == 0 && size > 5 &&
            memcmp(text, ".NET ", 5) == 0)
            return true;
    }
    return false;
}

/* The program itself counts before its libraries: a debugger has Python's, too. */
static void look_at_maps(const struct pidref *process, const char *program, struct runtime *runtime)
{
    _cleanup_map_list_ struct map_list maps = {0};
    const struct map *found = NULL;
    enum jvm_kind jvm;

    if (maps_read(process->dir_fd, &maps, NULL) < 0)
        return;
    jvm = jvm_kind_of(&maps);
    for (size_t i = 0; i < maps.count && (!found || jvm != JVM_NONE); i++) {
        struct runtime one;

        if (maps.items[i].offset != 0)
            continue;
        runtime_of_path(maps.items[i].path, true, &one);
        if (one.kind == RUNTIME_UNKNOWN || (runtime->kind != RUNTIME_UNKNOWN && one.kind != runtime->kind) ||
            (found && one.kind != RUNTIME_JAVA))
            continue;
        found = &maps.items[i];
        if (runtime->kind == RUNTIME_UNKNOWN || one.kind == RUNTIME_JAVA || *one.version)
            *runtime = one;
        if (one.kind == RUNTIME_JAVA)
            break;
    }
    if (runtime->kind != RUNTIME_UNKNOWN)
        runtime_version_read(process, found, found ? found->path : program, runtime);
    if (runtime->kind == RUNTIME_JAVA && jvm == JVM_OPENJ9)
        runtime->kind = RUNTIME_OPENJ9;
}

/* What none of its files' names tells. */
static void look_into_program(const struct pidref *process, const char *program, struct runtime *runtime)
{
    _cleanup_memory_ struct memory *file = NULL;
    int fd = openat(process->dir_fd, "exe", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    runtime->kind = RUNTIME_NATIVE;
    if (fd >= 0 && memory_fd_new(fd, &file) < 0)
        (void)fd_close(fd); /* always -1 */
    if (file && runtime_go_version(file, runtime->version) == 0) {
        runtime->kind = RUNTIME_GO;
    } else if (has_dotnet_threads(process->dir_fd)) {
        runtime->kind = RUNTIME_DOTNET;
        runtime_version_read(process, NULL, program, runtime);
    }
}

struct looking {
    pid_t pid;
    struct runtime runtime;
    uint64_t spent_ns;
};

static void look(int directory_fd, void *data)
{
    struct looking *looking = data;
    struct pidref process = {.pid = looking->pid, .dir_fd = directory_fd, .pid_fd = -1};
    uint64_t began_ns = clock_thread_ns();
    _cleanup_free_ char *program = NULL;

    if (io_readlink_at(directory_fd, "exe", &program) < 0)
        return;
    runtime_of_path(program, false, &looking->runtime);
    look_at_maps(&process, program, &looking->runtime);
    if (looking->runtime.kind == RUNTIME_UNKNOWN)
        look_into_program(&process, program, &looking->runtime);
    looking->spent_ns = clock_thread_ns() - began_ns;
}

/* Started is counted from boot, as this clock. */
static uint64_t age_ms(uint64_t start_ticks)
{
    struct timespec now = {0};
    long ticks = sysconf(_SC_CLK_TCK);
    uint64_t start_ms = start_ticks * 1000 / (uint64_t)(ticks > 0 ? ticks : 100), now_ms;

    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* there since Linux 2.6.39 */
    now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return now_ms > start_ms ? now_ms - start_ms : 0;
}

/* Runtimes are loaded in the first moments of a process. */
static uint64_t next_look_ms(uint64_t now_ms, uint64_t start_ticks)
{
    enum { OLD_MS = 20 * 1000 };
    uint64_t age = age_ms(start_ticks);

    return age >= OLD_MS ? UINT64_MAX : now_ms + (age > AGAIN_MS ? age : AGAIN_MS);
}

static bool may_look(uint64_t now_ms)
{
    if (now_ms - memory.minute_ms >= MINUTE_MS) {
        memory.minute_ms = now_ms;
        memory.spent_ns = 0;
    }
    return memory.spent_ns < LIMIT_RUNTIME_MS * 1000000ull;
}

/* Its memory may be locked, and its program out of reach (proc/patient.h). */
static void read_seen(int directory_fd, struct seen *item, const struct seen *now)
{
    static const struct patient_work work = {.run = look, .size = sizeof(struct looking)};
    struct looking looking = {.pid = now->pid};
    bool is_same =
        item->pid == now->pid && item->start_ticks == now->start_ticks && item->program == now->program;

    if (is_same && now->checked_ms < item->again_ms) {
        item->checked_ms = now->checked_ms;
        memcpy(item->comm, now->comm, sizeof item->comm);
        return;
    }
    if (!is_same)
        *item = (struct seen){0};
    if (!may_look(now->checked_ms))
        return;
    *item = *now;
    item->again_ms = now->checked_ms + AGAIN_MS;
    if (proc_memory_is_locked(directory_fd))
        return;
    if (patient_do(directory_fd, &work, &looking) < 0) {
        if (clock_monotonic_ms() - now->checked_ms >= LIMIT_HUNG_MS) /* it may have hung, or worked */
            memory.spent_ns += LIMIT_RUNTIME_MS * 1000000ull / 4;
        return;
    }
    item->runtime = looking.runtime;
    memory.spent_ns += looking.spent_ns;
    item->again_ms = next_look_ms(now->checked_ms, now->start_ticks);
}

/* FNV-1a */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

/* With the lock. NULL: there are no places yet. */
static struct seen *place_of(pid_t pid)
{
    return memory.items ? &memory.items[(size_t)pid % SEEN_MAX] : NULL;
}

bool runtime_recall(pid_t pid, uint64_t start_ticks, const char *comm, struct runtime *ret_runtime)
{
    uint64_t now_ms = clock_monotonic_ms();
    const struct seen *item;
    bool is_known;

    pthread_mutex_lock(&memory.lock);
    item = place_of(pid);
    is_known = item && item->pid == pid && item->start_ticks == start_ticks &&
               strcmp(item->comm, comm) == 0 && now_ms < item->again_ms &&
               now_ms - item->checked_ms < MINUTE_MS;
    if (is_known)
        *ret_runtime = item->runtime;
    pthread_mutex_unlock(&memory.lock);
    return is_known;
}

void runtime_read(int directory_fd, const struct proc_stat *stat, struct runtime *ret_runtime)
{
    struct seen now = {
        .pid = stat->pid, .start_ticks = stat->start_ticks, .checked_ms = clock_monotonic_ms()};
    _cleanup_free_ char *program = NULL;

    *ret_runtime = (struct runtime){0};
    if (io_readlink_at(directory_fd, "exe", &program) < 0) /* of the kernel's own memory: it never hangs */
        return;
    now.program = hash_of(program);
    memcpy(now.comm, stat->name, sizeof now.comm);
    pthread_mutex_lock(&memory.lock);
    if (!memory.items)
        memory.items = calloc(SEEN_MAX, sizeof *memory.items);
    if (memory.items) { /* else it isn't known */
        read_seen(directory_fd, place_of(stat->pid), &now);
        *ret_runtime = place_of(stat->pid)->runtime;
    }
    pthread_mutex_unlock(&memory.lock);
}
