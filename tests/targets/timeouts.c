/* One thread in each kind of system call that can wait for a limited time, and how late each came back:
 * `timeouts MS OTHERS` waits MS milliseconds in each, beside OTHERS threads that sleep for good. Says
 * "ready", and when all have come back one line of JSON:
 *
 *   calls: NAME -> [EINTRs, microseconds late (negative: early)]
 *       a call that answered EINTR is made again for the rest; one that this kernel lacks is left out
 *   cpu_us, children: what its process used, and what it was told of children, which it has none of */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define NS_PER_S 1000000000u

static pthread_barrier_t ready;
static uint64_t length_ns;
static const struct timespec *length_read_only; /* the kernel writes what is left of a time, where it can */
static _Atomic unsigned long children;

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Each waits for as long, and returns -1 with errno ETIMEDOUT, EAGAIN or EINTR, or 0. */
static long wait_nanosleep(uint64_t ns, long unused _unused_)
{
    struct timespec time = timespec_of(ns);
    return nanosleep(&time, NULL);
}

static long wait_clock_nanosleep(uint64_t ns, long unused _unused_)
{
    struct timespec then = timespec_of(clock_monotonic_ns() + ns);
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
    return errno ? -1 : 0;
}

static long wait_poll(uint64_t ns, long unused _unused_)
{
    return poll(NULL, 0, (int)((ns + 999999) / 1000000));
}

static long wait_ppoll(uint64_t ns, long unused _unused_)
{
    struct timespec time = timespec_of(ns);
    return ppoll(NULL, 0, &time, NULL);
}

static long wait_ppoll_read_only(uint64_t ns _unused_, long unused _unused_)
{
    return syscall(SYS_ppoll, NULL, 0, length_read_only, NULL, 0);
}

static long wait_select(uint64_t ns, long unused _unused_)
{
    struct timeval time = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_usec = (long)(ns % NS_PER_S / 1000)};
    return select(0, NULL, NULL, NULL, &time);
}

static long wait_pselect(uint64_t ns, long unused _unused_)
{
    struct timespec time = timespec_of(ns);
    return pselect(0, NULL, NULL, NULL, &time, NULL);
}

static long wait_pselect_read_only(uint64_t ns _unused_, long unused _unused_)
{
    return syscall(SYS_pselect6, 0, NULL, NULL, NULL, length_read_only, NULL);
}

static long wait_futex(uint64_t ns, long unused _unused_)
{
    struct timespec time = timespec_of(ns);
    uint32_t word = 0;
    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time);
}

static long wait_condition(uint64_t ns, long unused _unused_)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    struct timespec then = timespec_of(clock_monotonic_ns() + ns);
    pthread_mutex_lock(&lock);
    errno = pthread_cond_clockwait(&never, &lock, CLOCK_MONOTONIC, &then);
    return errno ? -1 : 0;
}

static long new_epoll(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static long wait_epoll(uint64_t ns, long fd)
{
    struct epoll_event event;
    return epoll_wait((int)fd, &event, 1, (int)((ns + 999999) / 1000000));
}

static long wait_epoll_pwait(uint64_t ns, long fd)
{
    struct epoll_event event;
    sigset_t mask;
    sigfillset(&mask);
    return epoll_pwait((int)fd, &event, 1, (int)((ns + 999999) / 1000000), &mask);
}

static long wait_epoll_pwait2(uint64_t ns, long fd)
{
    struct timespec time = timespec_of(ns);
    struct epoll_event event;
    return syscall(SYS_epoll_pwait2, fd, &event, 1, &time, NULL, 0);
}

static long wait_sigtimedwait(uint64_t ns, long unused _unused_)
{
    struct timespec time = timespec_of(ns);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &time);
}

static long new_semaphore(void)
{
    return semget(IPC_PRIVATE, 1, 0600);
}

static long wait_semtimedop(uint64_t ns, long id)
{
    struct sembuf operation = {.sem_op = -1};
    struct timespec time = timespec_of(ns);
    return semtimedop((int)id, &operation, 1, &time);
}

static long new_aio(void)
{
    aio_context_t context = 0;
    return syscall(SYS_io_setup, 1, &context) < 0 ? -1 : (long)context;
}

static long wait_io_getevents(uint64_t ns, long context)
{
    struct timespec time = timespec_of(ns);
    struct io_event event;
    return syscall(SYS_io_getevents, context, 1, 1, &event, &time);
}

static long new_uring(void)
{
    struct io_uring_params parameters = {0};
    return syscall(SYS_io_uring_setup, 4, &parameters);
}

static long wait_uring(uint64_t ns, long fd)
{
    struct __kernel_timespec time = {(long long)(ns / NS_PER_S), (long long)(ns % NS_PER_S)};
    struct io_uring_getevents_arg extra = {.ts = (uintptr_t)&time};
    return syscall(SYS_io_uring_enter, fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &extra,
                   sizeof extra);
}

static long new_pair(void)
{
    struct timeval time = {.tv_sec = (time_t)(length_ns / NS_PER_S),
                           .tv_usec = (long)(length_ns % NS_PER_S / 1000)};
    int fds[2];
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
                   setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) < 0
               ? -1
               : fds[0];
}

static long wait_recv(uint64_t ns _unused_, long fd)
{
    char byte;
    return recv((int)fd, &byte, 1, 0);
}

static long new_queue(void)
{
    static const char name[] = "/procscope-test-timeouts";
    int fd = mq_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
    (void)mq_unlink(name); /* not there: not opened either */
    return fd;
}

static long wait_mq(uint64_t ns, long queue)
{
    struct timespec then;
    char bytes[8192];
    clock_gettime(CLOCK_REALTIME, &then);
    then = timespec_of((uint64_t)then.tv_sec * NS_PER_S + (uint64_t)then.tv_nsec + ns);
    return mq_timedreceive((mqd_t)queue, bytes, sizeof bytes, NULL, &then);
}

static struct call {
    const char *name;
    long (*wait)(uint64_t ns, long object);
    long (*prepare)(void); /* NULL: nothing to; -1 where the kernel lacks it */
    long object;
    unsigned long interrupted;
    int64_t late_ns;
} calls[] = {
    {"nanosleep", wait_nanosleep},
    {"clock_nanosleep", wait_clock_nanosleep},
    {"poll", wait_poll},
    {"ppoll", wait_ppoll},
    {"ppoll, time read-only", wait_ppoll_read_only},
    {"select", wait_select},
    {"pselect", wait_pselect},
    {"pselect, time read-only", wait_pselect_read_only},
    {"futex", wait_futex},
    {"pthread_cond_clockwait", wait_condition},
    {"epoll_wait", wait_epoll, new_epoll},
    {"epoll_pwait", wait_epoll_pwait, new_epoll},
    {"epoll_pwait2", wait_epoll_pwait2, new_epoll},
    {"sigtimedwait", wait_sigtimedwait},
    {"semtimedop", wait_semtimedop, new_semaphore},
    {"io_getevents", wait_io_getevents, new_aio},
    {"io_uring_enter", wait_uring, new_uring},
    {"recv, SO_RCVTIMEO", wait_recv, new_pair},
    {"mq_timedreceive", wait_mq, new_queue},
};

static void *run(void *argument)
{
    struct call *call = argument;
    uint64_t end_ns;
    long r;

    (void)pthread_barrier_wait(&ready); /* one thread is told that it was the last */
    end_ns = clock_monotonic_ns() + length_ns;
    do {
        uint64_t now_ns = clock_monotonic_ns();
        r = call->wait(now_ns < end_ns ? end_ns - now_ns : 0, call->object);
        if (r < 0 && errno == EINTR)
            call->interrupted++;
    } while (r < 0 && errno == EINTR);
    call->late_ns = (int64_t)(clock_monotonic_ns() - end_ns);
    if (r > 0 || (r < 0 && errno != ETIMEDOUT && errno != ETIME && errno != EAGAIN))
        (void)fprintf(stderr, "%s: %ld, %d\n", call->name, r, errno);
    return NULL;
}

static void *sleep_for_good(void *unused _unused_)
{
    for (;;)
        pause();
    return NULL;
}

static void on_child(int number _unused_)
{
    children++;
}

static void report(void)
{
    struct rusage usage;
    const char *comma = "";

    (void)getrusage(RUSAGE_SELF, &usage); /* can't fail */
    if (waitpid(-1, NULL, WNOHANG | __WALL) >= 0 || errno != ECHILD)
        children++;
    printf("{\"cpu_us\":%ld,\"children\":%lu,\"calls\":{",
           (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
               usage.ru_stime.tv_usec,
           children);
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
        const struct call *call = &calls[i];
        if (call->object < 0)
            continue;
        printf("%s\"%s\":[%lu,%ld]", comma, call->name, call->interrupted, (long)(call->late_ns / 1000));
        comma = ",";
    }
    puts("}}");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    pthread_t threads[ELEMENTS_OF(calls)], other;
    struct timespec *length;
    uint64_t ms, others;
    unsigned there = 1;
    pthread_attr_t small;

    if (argc != 3 || parse_u64(argv[1], &ms) < 0 || parse_u64(argv[2], &others) < 0)
        return 2;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    length_ns = ms * 1000000;
    length = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (length == MAP_FAILED)
        return 1;
    *length = timespec_of(length_ns);
    if (mprotect(length, 4096, PROT_READ) < 0)
        return 1;
    length_read_only = length;
    (void)sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child}, NULL); /* can't fail */
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (uint64_t i = 0; i < others; i++)
        if (pthread_create(&other, &small, sleep_for_good, NULL) != 0)
            return 1;
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
        calls[i].object = calls[i].prepare ? calls[i].prepare() : 0;
        there += calls[i].object >= 0;
    }
    pthread_barrier_init(&ready, NULL, there);
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++)
        if (calls[i].object >= 0 && pthread_create(&threads[i], &small, run, &calls[i]) != 0)
            return 1;
    puts("ready");
    fflush(stdout);
    (void)pthread_barrier_wait(&ready);
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
        if (calls[i].object >= 0)
            (void)pthread_join(threads[i], NULL);
        if (calls[i].prepare == new_semaphore)
            (void)semctl((int)calls[i].object, 0, IPC_RMID); /* it outlives a process */
    }
    report();
    return 0;
}
