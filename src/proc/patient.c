#include "proc/patient.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "proc/read.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Of the caller and of the thread: the last one frees it. */
struct task {
    int directory_fd; /* its own; while it is open no other process has its inode number */
    const struct patient_work *work;
    void *data;
    bool is_done, is_given_up;
};

/* A list looks at its processes one by one: one lock for all. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_over; /* by CLOCK_MONOTONIC */
static pthread_once_t once = PTHREAD_ONCE_INIT;
/* All that go on: of each work LIMIT_HUNG_READS at most, and there are two works. */
static const struct task *tasks[2 * LIMIT_HUNG_READS];

static void prepare(void)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic); /* none of these can fail on Linux */
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&is_over, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

static void task_free(struct task *task)
{
    if (task->is_given_up && task->work->drop)
        task->work->drop(task->data);
    (void)fd_close(task->directory_fd);
    free(task->data);
    free(task);
}

/* NULL: a free place. ELEMENTS_OF(tasks): nowhere. */
static size_t place_of(const struct task *task)
{
    size_t at = 0;

    while (at < ELEMENTS_OF(tasks) && tasks[at] != task)
        at++;
    return at;
}

static bool is_same_process(int one_fd, int other_fd)
{
    struct stat one, other;

    return fstat(one_fd, &one) == 0 && fstat(other_fd, &other) == 0 && one.st_ino == other.st_ino &&
           one.st_dev == other.st_dev;
}

/* With the lock held, whether it is worth a try: 0, or as patient_do(). What another work hangs at is no
 * reason. */
static int may_begin(int directory_fd, const struct patient_work *work)
{
    size_t hanging = 0;

    for (size_t i = 0; i < ELEMENTS_OF(tasks); i++) {
        if (!tasks[i] || tasks[i]->work != work)
            continue;
        if (tasks[i]->is_given_up && is_same_process(tasks[i]->directory_fd, directory_fd))
            return -ETIMEDOUT;
        hanging++;
    }
    return hanging < LIMIT_HUNG_READS && place_of(NULL) < ELEMENTS_OF(tasks) ? 0 : -EAGAIN;
}

static void *task_main(void *argument)
{
    struct task *task = argument;
    bool is_ours;

    task->work->run(task->directory_fd, task->data);
    (void)pthread_mutex_lock(&lock);
    tasks[place_of(task)] = NULL;
    task->is_done = true;
    is_ours = task->is_given_up;
    (void)pthread_cond_broadcast(&is_over);
    (void)pthread_mutex_unlock(&lock);
    if (is_ours)
        task_free(task);
    return NULL;
}

static int start(struct task *task)
{
    enum { STACK = 128 * 1024 };
    sigset_t all, previous;
    pthread_attr_t attributes;
    pthread_t thread;
    int r = -pthread_attr_init(&attributes);

    if (r < 0)
        return r;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED); /* valid values can't fail */
    (void)pthread_attr_setstacksize(&attributes, STACK);
    (void)sigfillset(&all); /* the program's signals are for its other threads */
    (void)pthread_sigmask(SIG_SETMASK, &all, &previous);
    r = -pthread_create(&thread, &attributes, task_main, task);
    (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
    (void)pthread_attr_destroy(&attributes);
    return r;
}

/* With the lock held. False: it is the thread's from now on. */
static bool wait_for(struct task *task)
{
    uint64_t until_ns = clock_monotonic_ns() + LIMIT_HUNG_MS * 1000000ull;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};

    while (!task->is_done && !task->is_given_up)
        task->is_given_up = pthread_cond_timedwait(&is_over, &lock, &until) == ETIMEDOUT && !task->is_done;
    return task->is_done;
}

static int new_task(int directory_fd, const struct patient_work *work, const void *data,
                    struct task **ret_task)
{
    struct task *task = calloc(1, sizeof *task);
    void *copy = malloc(work->size);
    int fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 0), r = fd < 0 ? -errno : -ENOMEM;

    if (!task || !copy || fd < 0) {
        free(task);
        free(copy);
        (void)fd_close(fd);
        return r;
    }
    memcpy(copy, data, work->size);
    *task = (struct task){.directory_fd = fd, .work = work, .data = copy};
    *ret_task = task;
    return 0;
}

int patient_do(int directory_fd, const struct patient_work *work, void *data)
{
    struct task *task = NULL;
    bool is_done = true;
    int r;

    (void)pthread_once(&once, prepare); /* can't fail */
    r = new_task(directory_fd, work, data, &task);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&lock);
    r = may_begin(directory_fd, work);
    if (r == 0)
        r = start(task);
    if (r == 0) {
        tasks[place_of(NULL)] = task;
        is_done = wait_for(task);
    }
    (void)pthread_mutex_unlock(&lock);
    if (!is_done)
        return -ETIMEDOUT;
    if (r == 0)
        memcpy(data, task->data, work->size);
    task_free(task);
    return r;
}

/* --- A file --- */

struct reading {
    char name[16];
    struct buffer buffer;
    int result;
};

static void read_file(int directory_fd, void *data)
{
    struct reading *reading = data;

    reading->result = proc_read_memory_file(directory_fd, reading->name, &reading->buffer);
}

static void drop_reading(void *data)
{
    buffer_release(&((struct reading *)data)->buffer);
}

int proc_read_patiently(int directory_fd, const char *name, struct buffer *buffer)
{
    static const struct patient_work work = {read_file, drop_reading, sizeof(struct reading)};
    struct reading reading = {.buffer = BUFFER_INIT(buffer->limit)};
    int r;

    (void)snprintf(reading.name, sizeof reading.name, "%s", name); /* fits */
    r = patient_do(directory_fd, &work, &reading);
    if (r == 0) {
        int appended = buffer_append(buffer, reading.buffer.data, reading.buffer.size);
        r = reading.result < 0 ? reading.result : appended;
    }
    buffer_release(&reading.buffer);
    return r;
}

bool proc_memory_is_locked(int directory_fd)
{
    _cleanup_buffer_ struct buffer byte = BUFFER_INIT(1);

    return proc_read_patiently(directory_fd, "cmdline", &byte) == -ETIMEDOUT;
}
