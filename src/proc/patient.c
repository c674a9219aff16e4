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

/* Of the caller and of the thread that reads: the last one frees it. */
struct reading {
    int directory_fd; /* its own; while it is open no other process has its inode number */
    char name[16];
    struct buffer buffer;
    int result;
    bool is_done, is_given_up;
};

/* A list's reads come one by one: one lock for all of them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_over; /* by CLOCK_MONOTONIC */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct reading *readings[LIMIT_HUNG_READS]; /* all that go on */

static void prepare(void)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic); /* none of these can fail on Linux */
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&is_over, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

static void reading_free(struct reading *reading)
{
    buffer_release(&reading->buffer);
    (void)fd_close(reading->directory_fd);
    free(reading);
}

/* NULL: a free place. LIMIT_HUNG_READS: nowhere. */
static size_t place_of(const struct reading *reading)
{
    size_t at = 0;

    while (at < LIMIT_HUNG_READS && readings[at] != reading)
        at++;
    return at;
}

static bool is_same_process(int one_fd, int other_fd)
{
    struct stat one, other;

    return fstat(one_fd, &one) == 0 && fstat(other_fd, &other) == 0 && one.st_ino == other.st_ino &&
           one.st_dev == other.st_dev;
}

/* With the lock held: whether it is worth a try. */
static bool may_read(int directory_fd)
{
    for (size_t i = 0; i < LIMIT_HUNG_READS; i++)
        if (readings[i] && readings[i]->is_given_up &&
            is_same_process(readings[i]->directory_fd, directory_fd))
            return false;
    return place_of(NULL) < LIMIT_HUNG_READS;
}

static void *reader_main(void *argument)
{
    struct reading *reading = argument;
    int r = proc_read_memory_file(reading->directory_fd, reading->name, &reading->buffer);
    bool is_ours;

    (void)pthread_mutex_lock(&lock);
    reading->result = r;
    reading->is_done = true;
    readings[place_of(reading)] = NULL;
    is_ours = reading->is_given_up;
    (void)pthread_cond_broadcast(&is_over);
    (void)pthread_mutex_unlock(&lock);
    if (is_ours)
        reading_free(reading);
    return NULL;
}

static int start_reader(struct reading *reading)
{
    enum { STACK = 64 * 1024 };
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
    r = -pthread_create(&thread, &attributes, reader_main, reading);
    (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
    (void)pthread_attr_destroy(&attributes);
    return r;
}

/* With the lock held. False: it is the thread's from now on. */
static bool wait_for(struct reading *reading)
{
    uint64_t until_ns = clock_monotonic_ns() + LIMIT_HUNG_MS * 1000000ull;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};

    while (!reading->is_done && !reading->is_given_up)
        reading->is_given_up =
            pthread_cond_timedwait(&is_over, &lock, &until) == ETIMEDOUT && !reading->is_done;
    return reading->is_done;
}

static int new_reading(int directory_fd, const char *name, size_t limit, struct reading **ret_reading)
{
    struct reading *reading = calloc(1, sizeof *reading);

    if (!reading)
        return -ENOMEM;
    reading->buffer = BUFFER_INIT(limit);
    (void)snprintf(reading->name, sizeof reading->name, "%s", name); /* fits */
    reading->directory_fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 0);
    if (reading->directory_fd < 0) {
        int r = -errno;
        free(reading);
        return r;
    }
    *ret_reading = reading;
    return 0;
}

int proc_read_patiently(int directory_fd, const char *name, struct buffer *buffer)
{
    struct reading *reading = NULL;
    bool is_done = true;
    int r, appended;

    (void)pthread_once(&once, prepare); /* can't fail */
    r = new_reading(directory_fd, name, buffer->limit, &reading);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&lock);
    r = may_read(directory_fd) ? start_reader(reading) : -ETIMEDOUT;
    if (r == 0) {
        readings[place_of(NULL)] = reading;
        is_done = wait_for(reading);
    }
    (void)pthread_mutex_unlock(&lock);
    if (!is_done)
        return -ETIMEDOUT;
    if (r == 0) {
        appended = buffer_append(buffer, reading->buffer.data, reading->buffer.size);
        r = reading->result < 0 ? reading->result : appended;
    }
    reading_free(reading);
    return r;
}
