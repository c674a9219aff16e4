/* One thread in each kind of system call that waits. At SIGTERM it prints a line "NAME COUNT" for each: how
 * often the call returned -1 with EINTR, which nothing should have made it do, or "NAME other ERRNO" where it
 * returned otherwise. A call that this kernel lacks is left out. Says "ready" first. */
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static const struct timespec hour = {.tv_sec = 3600};

struct call {
    const char *name;
    /* Called once to prepare: what the call is made on, -1 where the kernel lacks it. */
    long (*prepare)(void);
    long (*wait)(long object);
    long object;
    _Atomic int interrupted, other;
};

static long nothing(void)
{
    return 0;
}

static long new_epoll(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static long wait_epoll(long fd)
{
    struct epoll_event event;
    return epoll_wait((int)fd, &event, 1, -1);
}

static long wait_epoll_timeout(long fd)
{
    struct epoll_event event;
    return epoll_wait((int)fd, &event, 1, 3600 * 1000);
}

static long wait_epoll_pwait(long fd)
{
    struct epoll_event event;
    sigset_t mask;
    sigfillset(&mask);
    return epoll_pwait((int)fd, &event, 1, -1, &mask);
}

static long wait_epoll_pwait2(long fd)
{
    struct epoll_event event;
    return syscall(SYS_epoll_pwait2, fd, &event, 1, &hour, NULL, 0);
}

static long new_semaphore(void)
{
    return semget(IPC_PRIVATE, 1, 0600);
}

static long wait_semop(long id)
{
    struct sembuf operation = {.sem_op = -1};
    return semop((int)id, &operation, 1);
}

static long wait_semtimedop(long id)
{
    struct sembuf operation = {.sem_op = -1};
    return semtimedop((int)id, &operation, 1, &hour);
}

static long new_queue(void)
{
    return msgget(IPC_PRIVATE, 0600);
}

static long wait_msgrcv(long id)
{
    struct {
        long type;
        char text[8];
    } message;
    return msgrcv((int)id, &message, sizeof message.text, 0, 0);
}

static long wait_sigwaitinfo(long unused)
{
    sigset_t set;
    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigwaitinfo(&set, NULL);
}

static long wait_sigtimedwait(long unused)
{
    sigset_t set;
    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &hour);
}

static long wait_sigsuspend(long unused)
{
    sigset_t all;
    (void)unused;
    sigfillset(&all);
    return sigsuspend(&all);
}

static long new_aio(void)
{
    aio_context_t context = 0;
    return syscall(SYS_io_setup, 1, &context) < 0 ? -1 : (long)context;
}

static long wait_io_getevents(long context)
{
    struct io_event event;
    return syscall(SYS_io_getevents, context, 1, 1, &event, NULL);
}

static long wait_io_pgetevents(long context)
{
    struct io_event event;
    return syscall(SYS_io_pgetevents, context, 1, 1, &event, NULL, NULL);
}

static long new_uring(void)
{
    struct io_uring_params parameters = {0};
    return syscall(SYS_io_uring_setup, 4, &parameters);
}

static long wait_uring(long fd)
{
    return syscall(SYS_io_uring_enter, fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

static long new_pipe(void)
{
    int fds[2];
    return pipe2(fds, O_CLOEXEC) < 0 ? -1 : fds[0];
}

static long wait_read(long fd)
{
    uint64_t words[64];
    return read((int)fd, words, sizeof words);
}

static long new_inotify(void)
{
    return inotify_init1(IN_CLOEXEC);
}

static long new_eventfd(void)
{
    return eventfd(0, EFD_CLOEXEC);
}

static long new_timerfd(void)
{
    struct itimerspec late = {.it_value = hour};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    return fd < 0 || timerfd_settime(fd, 0, &late, NULL) < 0 ? -1 : fd;
}

static long new_signalfd(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static long wait_splice(long fd)
{
    int fds[2];
    return pipe2(fds, O_CLOEXEC) < 0 ? -1 : splice((int)fd, NULL, fds[1], NULL, 1, 0);
}

static long wait_poll(long fd)
{
    struct pollfd polled = {.fd = (int)fd, .events = POLLIN};
    return poll(&polled, 1, 3600 * 1000);
}

static long wait_ppoll(long fd)
{
    struct pollfd polled = {.fd = (int)fd, .events = POLLIN};
    return ppoll(&polled, 1, &hour, NULL);
}

static long wait_select(long fd)
{
    struct timeval timeout = {.tv_sec = 3600};
    fd_set set;
    FD_ZERO(&set);
    FD_SET((int)fd, &set);
    return select((int)fd + 1, &set, NULL, NULL, &timeout);
}

static long wait_futex(long unused)
{
    uint32_t word = 0;
    (void)unused;
    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
}

static long wait_futex_timeout(long unused)
{
    uint32_t word = 0;
    (void)unused;
    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &hour);
}

static long wait_nanosleep(long unused)
{
    (void)unused;
    return nanosleep(&hour, NULL);
}

static long wait_clock_nanosleep(long unused)
{
    struct timespec then;
    (void)unused;
    clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_sec += 3600;
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
    return errno ? -1 : 0;
}

static int listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 || bind(fd, (void *)&address, sizeof address) < 0 || listen(fd, 1) < 0 ? -1 : fd;
}

static long with_timeout(long fd, int option)
{
    struct timeval timeout = {.tv_sec = 3600};
    return fd < 0 || setsockopt((int)fd, SOL_SOCKET, option, &timeout, sizeof timeout) < 0 ? -1 : fd;
}

static long new_listener(void)
{
    return listening();
}

static long new_listener_timeout(void)
{
    return with_timeout(listening(), SO_RCVTIMEO);
}

static long wait_accept(long fd)
{
    return accept4((int)fd, NULL, NULL, SOCK_CLOEXEC);
}

static long new_pair(void)
{
    int fds[2];
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -1 : fds[0];
}

static long new_pair_timeout(void)
{
    return with_timeout(new_pair(), SO_RCVTIMEO);
}

static long wait_recvmsg(long fd)
{
    char byte;
    struct iovec place = {&byte, 1};
    struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1};
    return recvmsg((int)fd, &message, 0);
}

static long wait_recvmmsg(long fd)
{
    char byte;
    struct iovec place = {&byte, 1};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &place, .msg_iovlen = 1}};
    return recvmmsg((int)fd, &message, 1, 0, NULL);
}

static long new_full_pair(void)
{
    static const char bytes[4096];
    long fd = with_timeout(new_pair(), SO_SNDTIMEO);
    while (fd >= 0 && send((int)fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    return fd;
}

static long wait_send(long fd)
{
    static const char bytes[4096];
    return send((int)fd, bytes, sizeof bytes, 0);
}

static long wait_write(long fd)
{
    static const char bytes[4096];
    return write((int)fd, bytes, sizeof bytes);
}

/* A unix listener whose queue is full makes connect wait. */
static long new_full_listener(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (void *)&address, sizeof(sa_family_t)) < 0 || listen(fd, 0) < 0 ||
        getsockname(fd, (void *)&address, &size) < 0)
        return -1;
    int first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return first < 0 || connect(first, (void *)&address, size) < 0 ? -1 : fd;
}

static long wait_connect(long listener)
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    long fd = with_timeout(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), SO_SNDTIMEO);
    if (fd < 0 || getsockname((int)listener, (void *)&address, &size) < 0)
        return -1;
    return connect((int)fd, (void *)&address, size);
}

static long new_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* with no parent it would stay */
        for (;;)
            pause();
    }
    return pid;
}

static long wait_wait4(long pid)
{
    return waitpid((pid_t)pid, NULL, 0);
}

static long wait_waitid(long pid)
{
    siginfo_t info;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}

static long new_locked(void)
{
    char path[32];
    int fd = memfd_create("locked", MFD_CLOEXEC);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd); /* fits */
    return fd < 0 || flock(fd, LOCK_EX) < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
}

static long wait_flock(long fd)
{
    return flock((int)fd, LOCK_EX);
}

static long new_mqueue(void)
{
    static const char name[] = "/procscope-test-calls";
    int fd = mq_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
    (void)mq_unlink(name); /* not there: not opened either */
    return fd;
}

static long wait_mq(long queue)
{
    char bytes[8192];
    return mq_receive((mqd_t)queue, bytes, sizeof bytes, NULL);
}

static struct call calls[] = {
    {"epoll_wait", new_epoll, wait_epoll},
    {"epoll_wait-timeout", new_epoll, wait_epoll_timeout},
    {"epoll_pwait", new_epoll, wait_epoll_pwait},
    {"epoll_pwait2", new_epoll, wait_epoll_pwait2},
    {"semop", new_semaphore, wait_semop},
    {"semtimedop", new_semaphore, wait_semtimedop},
    {"msgrcv", new_queue, wait_msgrcv},
    {"sigwaitinfo", nothing, wait_sigwaitinfo},
    {"sigtimedwait", nothing, wait_sigtimedwait},
    {"sigsuspend", nothing, wait_sigsuspend},
    {"io_getevents", new_aio, wait_io_getevents},
    {"io_pgetevents", new_aio, wait_io_pgetevents},
    {"io_uring_enter", new_uring, wait_uring},
    {"read-pipe", new_pipe, wait_read},
    {"read-inotify", new_inotify, wait_read},
    {"read-eventfd", new_eventfd, wait_read},
    {"read-timerfd", new_timerfd, wait_read},
    {"read-signalfd", new_signalfd, wait_read},
    {"splice", new_pipe, wait_splice},
    {"poll", new_pipe, wait_poll},
    {"ppoll", new_pipe, wait_ppoll},
    {"select", new_pipe, wait_select},
    {"futex", nothing, wait_futex},
    {"futex-timeout", nothing, wait_futex_timeout},
    {"nanosleep", nothing, wait_nanosleep},
    {"clock_nanosleep", nothing, wait_clock_nanosleep},
    {"accept", new_listener, wait_accept},
    {"accept-SO_RCVTIMEO", new_listener_timeout, wait_accept},
    {"read-socket", new_pair, wait_read},
    {"read-SO_RCVTIMEO", new_pair_timeout, wait_read},
    {"recvmsg-SO_RCVTIMEO", new_pair_timeout, wait_recvmsg},
    {"recvmmsg-SO_RCVTIMEO", new_pair_timeout, wait_recvmmsg},
    {"send-SO_SNDTIMEO", new_full_pair, wait_send},
    {"write-SO_SNDTIMEO", new_full_pair, wait_write},
    {"connect-SO_SNDTIMEO", new_full_listener, wait_connect},
    {"wait4", new_child, wait_wait4},
    {"waitid", new_child, wait_waitid},
    {"flock", new_locked, wait_flock},
    {"mq_receive", new_mqueue, wait_mq},
};

static void *run(void *argument)
{
    struct call *call = argument;

    while (call->wait(call->object) < 0 && errno == EINTR)
        call->interrupted++;
    call->other = errno ? errno : -1;
    return NULL;
}

int main(void)
{
    sigset_t all, end;
    int number;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
        pthread_t thread;

        calls[i].object = calls[i].prepare();
        if (calls[i].object >= 0 && pthread_create(&thread, NULL, run, &calls[i]) != 0)
            return 1;
    }
    puts("ready");
    fflush(stdout);
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    while (sigwait(&end, &number) != 0)
        ;
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
        if (calls[i].object < 0)
            continue;
        if (calls[i].other != 0)
            printf("%s other %d\n", calls[i].name, calls[i].other);
        else
            printf("%s %d\n", calls[i].name, calls[i].interrupted);
    }
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
        if (calls[i].prepare == new_semaphore)
            (void)semctl((int)calls[i].object, 0, IPC_RMID); /* these two outlive a process */
        if (calls[i].prepare == new_queue)
            (void)msgctl((int)calls[i].object, IPC_RMID, NULL);
    }
    return 0;
}
