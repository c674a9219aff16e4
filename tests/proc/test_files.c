/* Descriptors of this very process: what is opened here is known, and is compared with what /proc was made to
 * say. */
#include "base/cleanup.h"
#include "proc/files.h"
#include "proc/socket_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct pidref pidref_of(pid_t pid)
{
    struct pidref ref = PIDREF_INIT;
    char path[32];

    assert_true(snprintf(path, sizeof path, "/proc/%d", (int)pid) < (int)sizeof path);
    ref.pid = pid;
    ref.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(ref.dir_fd >= 0);
    ref.pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(ref.pid_fd >= 0);
    return ref;
}

static void pidref_drop(struct pidref *ref)
{
    ref->dir_fd = fd_close(ref->dir_fd);
    ref->pid_fd = fd_close(ref->pid_fd);
}

static const struct open_file *find(const struct open_file_list *list, int fd)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].fd == fd)
            return &list->items[i];
    return NULL;
}

/* Asserts what the descriptor is said to be, then closes it. */
static void check_and_close(int fd, const char *expected)
{
    _cleanup_open_file_list_ struct open_file_list list = {0};
    struct pidref self = pidref_of(getpid());
    const struct open_file *file;

    assert_true(fd >= 0);
    assert_int_equal(open_files_read(&self, false, &list), 0);
    file = find(&list, fd);
    assert_non_null(file);
    assert_string_equal(file->text, expected);
    pidref_drop(&self);
    close(fd);
}

static void names_what_is_no_socket(void **state)
{
    char expected[64];
    struct stat facts;
    int ends[2];
    sigset_t none;
    (void)state;

    sigemptyset(&none);
    check_and_close(open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
    check_and_close(eventfd(0, EFD_CLOEXEC), "eventfd");
    check_and_close(epoll_create1(EPOLL_CLOEXEC), "eventpoll");
    check_and_close(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd");
    check_and_close(signalfd(-1, &none, SFD_CLOEXEC), "signalfd");
    check_and_close(inotify_init1(IN_CLOEXEC), "inotify");
    check_and_close((int)syscall(SYS_pidfd_open, getpid(), 0), "pidfd");
    check_and_close(memfd_create("name) with\nlines", MFD_CLOEXEC), "memfd:name) with\nlines");
    check_and_close(memfd_create("", MFD_CLOEXEC), "memfd:");
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fstat(ends[0], &facts), 0);
    (void)snprintf(expected, sizeof expected, "pipe:[%llu]", (unsigned long long)facts.st_ino); /* fits */
    check_and_close(ends[0], expected);
    close(ends[1]);
}

static void keeps_strange_paths(void **state)
{
    static const char path[] = "/tmp/procscope-files \n) \xff(deleted)";
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    check_and_close(fd, "/tmp/procscope-files \n) \xff(deleted) (deleted)");
}

static int socket_at(int type, uint32_t address, uint16_t *ret_port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    *ret_port = ntohs(name.sin_port);
    return fd;
}

static void connect_to(int fd, uint16_t port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
}

static void names_tcp_and_udp(void **state)
{
    uint16_t port, client_port;
    char expected[128];
    int listener = socket_at(SOCK_STREAM, INADDR_LOOPBACK, &port), client, server, udp;
    (void)state;

    assert_int_equal(listen(listener, 5), 0);
    client = socket_at(SOCK_STREAM, INADDR_LOOPBACK, &client_port);
    connect_to(client, port);
    server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    (void)snprintf(expected, sizeof expected, "tcp 127.0.0.1:%u -> 127.0.0.1:%u", client_port,
                   port);                                         /* fits */
    check_and_close(fcntl(client, F_DUPFD_CLOEXEC, 0), expected); /* two descriptors of one socket */
    check_and_close(client, expected);
    /* half closed by the other side, which waits for us; what was said of it before is forgotten first */
    (void)nanosleep(&(struct timespec){.tv_nsec = SOCKET_CACHE_MS * 1000000}, NULL);
    (void)snprintf(expected, sizeof expected, "tcp 127.0.0.1:%u -> 127.0.0.1:%u close-wait", port,
                   client_port); /* fits */
    check_and_close(server, expected);
    (void)snprintf(expected, sizeof expected, "tcp 127.0.0.1:%u listening", port); /* fits */
    check_and_close(listener, expected);

    listener = socket_at(SOCK_DGRAM, INADDR_ANY, &port);
    udp = socket_at(SOCK_DGRAM, INADDR_LOOPBACK, &client_port);
    connect_to(udp, port);
    (void)snprintf(expected, sizeof expected, "udp 127.0.0.1:%u -> 127.0.0.1:%u", client_port,
                   port); /* fits */
    check_and_close(udp, expected);
    (void)snprintf(expected, sizeof expected, "udp 0.0.0.0:%u", port); /* fits */
    check_and_close(listener, expected);
}

static void names_ipv6(void **state)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof name;
    char expected[64];
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)state;

    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0) {
        if (fd >= 0)
            close(fd);
        skip(); /* a host without IPv6 */
    }
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    (void)snprintf(expected, sizeof expected, "tcp [::1]:%u listening", ntohs(name.sin6_port)); /* fits */
    check_and_close(fd, expected);
}

static int unix_bound(const char *name, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, name, length);
    assert_true(fd >= 0);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
        0);
    return fd;
}

static void names_unix(void **state)
{
    static const char path[] = "/tmp/procscope test.sock";
    char name[64], expected[80];
    struct stat facts;
    int ends[2];
    (void)state;

    (void)unlink(path); /* may be left of a run that was killed */
    check_and_close(unix_bound(path, sizeof path), "unix /tmp/procscope test.sock");
    assert_int_equal(unlink(path), 0);
    (void)snprintf(name, sizeof name, "%cprocscope-%d", '\0', (int)getpid());       /* fits */
    (void)snprintf(expected, sizeof expected, "unix @procscope-%d", (int)getpid()); /* fits */
    check_and_close(unix_bound(name, strlen(expected + 5)), expected);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(fstat(ends[0], &facts), 0);
    (void)snprintf(expected, sizeof expected, "unix socket:[%llu]",
                   (unsigned long long)facts.st_ino); /* fits */
    check_and_close(ends[0], expected);
    close(ends[1]);
}

/* Another's name that looks like the line of this socket must not lend it a false address. */
static void believes_no_forged_line(void **state)
{
    char name[108], expected[80];
    int forger, victim = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat facts;
    (void)state;

    assert_int_equal(fstat(victim, &facts), 0);
    (void)snprintf(name, sizeof name, "%c\n0: 00000002 00000000 00010000 0001 01 %llu /run/forged\n", '\0',
                   (unsigned long long)facts.st_ino); /* fits */
    forger = unix_bound(name, 1 + strlen(name + 1));
    (void)snprintf(expected, sizeof expected, "unix socket:[%llu]",
                   (unsigned long long)facts.st_ino); /* fits */
    check_and_close(victim, expected);
    close(forger);
}

static void names_the_rest(void **state)
{
    struct sockaddr_nl netlink = {.nl_family = AF_NETLINK};
    char expected[80];
    struct stat facts;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)state;

    assert_int_equal(fstat(fd, &facts), 0);
    (void)snprintf(expected, sizeof expected, "tcp socket:[%llu]",
                   (unsigned long long)facts.st_ino); /* fits */
    check_and_close(fd, expected);
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    assert_int_equal(bind(fd, (struct sockaddr *)&netlink, sizeof netlink), 0);
    check_and_close(fd, "netlink route");
    fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd >= 0) /* as root */
        check_and_close(fd, "raw 0.0.0.0 protocol 1");
    fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x0800));
    if (fd >= 0)
        check_and_close(fd, "packet protocol 0x0800");
}

static void gives_flags_position_and_count(void **state)
{
    _cleanup_open_file_list_ struct open_file_list list = {0};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct pidref self = pidref_of(getpid());
    const struct open_file *file;
    size_t count;
    (void)state;

    assert_int_equal(lseek(fd, 1234, SEEK_SET), 1234);
    assert_int_equal(open_files_read(&self, true, &list), 0);
    file = find(&list, fd);
    assert_non_null(file);
    assert_int_equal(file->position, 1234);
    assert_int_equal(file->flags & (O_ACCMODE | O_CLOEXEC), O_RDONLY | O_CLOEXEC);
    assert_int_equal(open_files_count(&self, &count), 0);
    assert_int_equal(count, list.count - 1); /* less the directory that the reading itself held open */
    for (size_t i = 1; i < list.count; i++)
        assert_true(list.items[i - 1].fd < list.items[i].fd);
    pidref_drop(&self);
    close(fd);
}

static void reads_many(void **state)
{
    _cleanup_open_file_list_ struct open_file_list list = {0};
    struct pidref self = pidref_of(getpid());
    enum { MANY = 900 };
    int fds[MANY];
    (void)state;

    for (int i = 0; i < MANY; i++)
        fds[i] = socket(i % 2 ? AF_UNIX : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(open_files_read(&self, false, &list), 0);
    for (int i = 0; i < MANY; i++) {
        const struct open_file *file = find(&list, fds[i]);
        assert_non_null(file);
        assert_int_equal(strncmp(file->text, i % 2 ? "unix socket:[" : "udp socket:[", 12), 0);
        close(fds[i]);
    }
    pidref_drop(&self);
}

/* The socket lives in another network namespace, where our own tables know nothing of it. */
static void looks_in_the_namespace_of_the_target(void **state)
{
    _cleanup_open_file_list_ struct open_file_list list = {0};
    int ready[2];
    pid_t child;
    struct pidref ref;
    bool found = false;
    char byte;
    (void)state;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(7)};
        int fd;
        if (unshare(CLONE_NEWNET) < 0)
            _exit(77);
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) {
        int status;
        close(ready[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
            skip(); /* may not make a namespace */
        fail();
    }
    close(ready[0]);
    ref = pidref_of(child);
    assert_int_equal(open_files_read(&ref, false, &list), 0);
    for (size_t i = 0; i < list.count; i++)
        found = found || strcmp(list.items[i].text, "udp 0.0.0.0:7") == 0;
    assert_true(found);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    open_file_list_release(&list);
    assert_int_equal(open_files_read(&ref, false, &list), -ESRCH);
    pidref_drop(&ref);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_is_no_socket),
        cmocka_unit_test(keeps_strange_paths),
        cmocka_unit_test(names_tcp_and_udp),
        cmocka_unit_test(names_ipv6),
        cmocka_unit_test(names_unix),
        cmocka_unit_test(believes_no_forged_line),
        cmocka_unit_test(names_the_rest),
        cmocka_unit_test(gives_flags_position_and_count),
        cmocka_unit_test(reads_many),
        cmocka_unit_test(looks_in_the_namespace_of_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
