#include "trace/threads.h"

#include "base/limits.h"
#include "proc/stat.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

int thread_list_init(struct thread_list *list)
{
    *list = (struct thread_list){0};
    return -pthread_mutex_init(&list->lock, NULL);
}

void thread_list_forget(struct thread_list *list)
{
    free(list->items);
    free(list->known);
    (void)pthread_mutex_destroy(&list->lock); /* fails only while it is held, and nobody is left to do so */
}

static int reserve_known(struct thread_list *list, size_t more)
{
    void *known = list->known;
    int r = array_grow(&known, list->known_count, &list->known_capacity, more, sizeof *list->known,
                       LIMIT_THREADS);

    list->known = known;
    return r;
}

int thread_list_reserve(struct thread_list *list, size_t more)
{
    int r;

    (void)pthread_mutex_lock(&list->lock); /* a plain mutex: can't fail */
    r = ARRAY_RESERVE(list, more, LIMIT_THREADS);
    if (r == 0)
        r = reserve_known(list, list->count - list->known_count + more);
    if (r == 0)
        memset(list->items + list->count, 0, (list->capacity - list->count) * sizeof *list->items);
    (void)pthread_mutex_unlock(&list->lock);
    return r;
}

int thread_list_add(struct thread_list *list, pid_t tid)
{
    int r;

    (void)pthread_mutex_lock(&list->lock);
    r = ARRAY_RESERVE(list, 1, LIMIT_THREADS);
    if (r == 0)
        list->items[list->count++] = (struct traced_thread){.tid = tid, .state = TRACED_SEIZED};
    (void)pthread_mutex_unlock(&list->lock);
    return r;
}

void thread_keep_facts(struct traced_thread *thread, const struct proc_stat *stat)
{
    thread->facts = (struct trace_facts){.state = stat->state,
                                         .priority = (int)stat->priority,
                                         .nice = (int)stat->nice,
                                         .start_ticks = stat->start_ticks,
                                         .user_ticks = stat->user_ticks,
                                         .system_ticks = stat->system_ticks};
    memcpy(thread->facts.name, stat->name, sizeof thread->facts.name);
}

static int compare_tids(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

    return (a > b) - (a < b);
}

bool thread_list_knows(const struct thread_list *list, pid_t tid)
{
    return list->known_count > 0 &&
           bsearch(&tid, list->known, list->known_count, sizeof tid, compare_tids) != NULL;
}

int thread_list_settle(struct thread_list *list)
{
    size_t kept = 0;
    int r;

    (void)pthread_mutex_lock(&list->lock);
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].state == TRACED_GONE)
            continue;
        if (kept != i)
            list->items[kept] = list->items[i];
        kept++;
    }
    list->count = kept;
    list->known_count = 0;
    r = reserve_known(list, list->count);
    if (r == 0) {
        for (size_t i = 0; i < list->count; i++)
            list->known[i] = list->items[i].tid;
        list->known_count = list->count;
        qsort(list->known, list->known_count, sizeof *list->known, compare_tids);
    }
    (void)pthread_mutex_unlock(&list->lock);
    return r;
}

bool thread_reap(pid_t tid)
{
    siginfo_t info = {0};

    /* A look first: a tracer's wait takes stops, too, asked for or not, and a stop that is taken is not seen
     * again. */
    if (waitid(P_PID, (id_t)tid, &info, WEXITED | WNOWAIT | WNOHANG | __WALL) < 0 || info.si_pid == 0 ||
        !(info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED))
        return false;
    return waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL) == 0;
}

void thread_list_reap(struct thread_list *list, pid_t leader)
{
    (void)pthread_mutex_lock(&list->lock);
    for (size_t i = 0; i < list->count; i++) {
        /* Never the leader: its end is for the real parent to see, who may be us. The kernel hands it on when
         * the holding thread ends. */
        if (list->items[i].tid != leader)
            (void)thread_reap(list->items[i].tid); /* false: it has not ended */
    }
    (void)pthread_mutex_unlock(&list->lock);
}
