#include "runtime/java_stacks.h"

#include "base/clock.h"
#include "base/limits.h"
#include "proc/status.h"
#include "proc/tasks.h"
#include "runtime/hotspot_attach.h"

#include <errno.h>
#include <signal.h>

struct java_index { /* of a captured thread */
    uint64_t key;   /* its number in its own pid namespace, then in ours */
    pid_t tid;
    uint32_t thread; /* of the dump */
};

void java_stacks_release(struct java_stacks *java)
{
    java_dump_release(&java->dump);
    free(java->by_tid);
    java->fd = fd_close(java->fd);
    *java = JAVA_STACKS_INIT;
}

/* Most processes are told to be none by this: reading the mappings of all of them would take longer. */
static bool may_be_jvm(const struct pidref *process)
{
    struct proc_status status;

    if (proc_status_read(process->dir_fd, &status) < 0)
        return false;
    return status.signals_caught >> (SIGQUIT - 1) & 1 || hotspot_has_socket(process);
}

void java_stacks_begin(struct java_stacks *java, const struct pidref *process, uint64_t patience_ms)
{
    _cleanup_map_list_ struct map_list maps = {0};
    uint64_t deadline_ms = clock_monotonic_ms() + patience_ms;

    java->patience_ms = patience_ms;
    if (!may_be_jvm(process) || maps_read(process->dir_fd, &maps, NULL) < 0)
        return;
    java->kind = jvm_kind_of(&maps);
    if (java->kind == JVM_HOTSPOT)
        (void)!hotspot_connect(process, &maps, deadline_ms, &java->fd, &java->error); /* is kept */
}

static int by_key(const void *left, const void *right)
{
    const struct java_index *a = left, *b = right;

    return (a->key > b->key) - (a->key < b->key);
}

static struct java_index *find(struct java_index *items, size_t count, uint64_t key)
{
    struct java_index wanted = {.key = key};

    return count ? bsearch(&wanted, items, count, sizeof items[0], by_key) : NULL;
}

/* 0: not known. Where the process is in no namespace of its own, its numbers are ours. */
static uint64_t own_number(const struct pidref *process, pid_t tid, bool is_inner)
{
    _cleanup_close_ int directory_fd = -1;
    struct proc_status status;

    if (!is_inner)
        return (uint64_t)tid;
    if (task_open(process, tid, &directory_fd, NULL) < 0 || proc_status_read(directory_fd, &status) < 0 ||
        status.namespace_depth == 0)
        return 0;
    return (uint64_t)status.namespace_pids[status.namespace_depth - 1];
}

/* Gives each of Java's threads its tid, if it was captured. */
static int match(struct java_stacks *java, const struct pidref *process, const struct capture *capture)
{
    struct proc_status status;
    bool is_inner = proc_status_read(process->dir_fd, &status) == 0 && status.namespace_depth > 1;
    struct java_index *items = calloc(capture->thread_count + 1, sizeof items[0]);
    size_t count = 0;

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < capture->thread_count; i++)
        items[i] = (struct java_index){.key = own_number(process, capture->threads[i].id, is_inner),
                                       .tid = capture->threads[i].id,
                                       .thread = UINT32_MAX};
    qsort(items, capture->thread_count, sizeof items[0], by_key);
    for (size_t i = 0; i < java->dump.threads.count; i++) {
        struct java_thread *thread = &java->dump.threads.items[i];
        struct java_index *item = thread->nid ? find(items, capture->thread_count, thread->nid) : NULL;

        if (item && item->thread == UINT32_MAX) {
            item->thread = (uint32_t)i;
            thread->tid = item->tid;
        }
    }
    for (size_t i = 0; i < capture->thread_count; i++)
        if (items[i].thread != UINT32_MAX)
            items[count++] = (struct java_index){
                .key = (uint64_t)items[i].tid, .tid = items[i].tid, .thread = items[i].thread};
    qsort(items, count, sizeof items[0], by_key);
    java->by_tid = items;
    java->by_tid_count = count;
    return 0;
}

const struct java_thread *java_stacks_find(const struct java_stacks *java, pid_t tid)
{
    const struct java_index *item = find(java->by_tid, java->by_tid_count, (uint64_t)tid);

    return item ? &java->dump.threads.items[item->thread] : NULL;
}

static int feed(void *to, const char *bytes, size_t size)
{
    return java_dump_feed(to, bytes, size);
}

/* Not -l: to find out which locks of java.util.concurrent are held it goes through the whole heap, and halts
 * the program for as long. */
static int ask(struct java_stacks *java, const struct pidref *process)
{
    static const char *const arguments[3] = {"Thread.print"};
    int r = java_dump_init(&java->dump);

    if (r < 0)
        return r;
    java->time = clock_realtime_ns();
    r = hotspot_ask(process, java->fd, "jcmd", arguments, LIMIT_JAVA_ANSWER,
                    clock_monotonic_ms() + java->patience_ms, feed, &java->dump, &java->error);
    if (r == 0)
        r = java_dump_end(&java->dump);
    if (r == 0 && !java->dump.is_whole)
        (void)error_set(&java->error, EIO, "The Java virtual machine's answer broke off.");
    else if (r == -EFBIG || (r == 0 && java->dump.is_cut))
        (void)error_set(&java->error, EFBIG,
                        "The Java virtual machine has more threads and frames than are kept.");
    return r == -ENOMEM ? r : 0;
}

int java_stacks_take(struct java_stacks *java, const struct pidref *process, const struct capture *capture)
{
    int r;

    if (java->kind == JVM_NONE) {
        java->kind = jvm_kind_of(&capture->maps);
        if (java->kind == JVM_HOTSPOT)
            (void)error_set(&java->error, EOPNOTSUPP,
                            "The Java virtual machine does not catch SIGQUIT, by which it is asked to listen "
                            "(-Xrs, or the program's own handling).");
    }
    if (java->kind == JVM_OPENJ9)
        (void)error_set(
            &java->error, EOPNOTSUPP,
            "This Java virtual machine is OpenJ9, which is asked in another way than HotSpot; its own "
            "jcmd PID Thread.print shows its threads.");
    if (java->fd < 0)
        return 0;
    r = ask(java, process);
    java->fd = fd_close(java->fd);
    return r < 0 ? r : match(java, process, capture);
}
