/* A hung process is a directory whose cmdline is a FIFO that nobody writes to: to open it hangs, and ends
 * with a signal that kills, as the real one does. */
#include "proc/patient.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "proc/stat.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

struct hung {
    char path[64];
    int fd, result;
    pthread_t reader;
};

static struct hung make_hung(void)
{
    struct hung hung = {.path = "/tmp/procscope-patient-XXXXXX"};

    assert_non_null(mkdtemp(hung.path));
    hung.fd = open(hung.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(hung.fd >= 0);
    assert_int_equal(mkfifoat(hung.fd, "cmdline", 0600), 0);
    return hung;
}

/* As its writer does that comes at last. */
static void go_on(const struct hung *hung, const char *text)
{
    int fd = openat(hung->fd, "cmdline", O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)fd_close(fd);
}

static void forget(struct hung *hung)
{
    assert_int_equal(unlinkat(hung->fd, "cmdline", 0), 0);
    (void)fd_close(hung->fd);
    assert_int_equal(rmdir(hung->path), 0);
}

static int read_of(const struct hung *hung, struct buffer *block)
{
    return proc_read_patiently(hung->fd, "cmdline", block);
}

static unsigned threads(void)
{
    _cleanup_close_ int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct proc_stat stat;

    assert_int_equal(proc_stat_read(self, &stat), 0);
    return (unsigned)stat.thread_count;
}

static void reads_what_is_there(void **state)
{
    _cleanup_close_ int directory = open_fixture("recorded/400"), none = open_fixture("recorded/2");
    _cleanup_buffer_ struct buffer block = {0}, expected = {0}, few = BUFFER_INIT(5), empty = {0};

    (void)state;
    assert_int_equal(io_read_file_at(directory, "environ", &expected), 0);
    assert_int_equal(proc_read_patiently(directory, "environ", &block), 0);
    assert_int_equal(block.size, expected.size);
    assert_memory_equal(block.data, expected.data, block.size);
    assert_int_equal(proc_read_patiently(directory, "environ", &few), -ENOBUFS);
    assert_memory_equal(few.data, expected.data, few.size);
    assert_int_equal(proc_read_patiently(directory, "no-such-file", &empty),
                     0); /* a zombie's, a kernel thread's */
    assert_int_equal(proc_read_patiently(none, "cmdline", &empty), 0);
    assert_int_equal(empty.size, 0);
}

static void gives_up_a_hung_one(void **state)
{
    struct hung hung = make_hung();
    _cleanup_close_ int again = open(hung.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int well = open_fixture("recorded/400");
    _cleanup_buffer_ struct buffer block = {0}, other = {0};
    uint64_t began_ms = clock_monotonic_ms(), first_ms;

    (void)state;
    assert_int_equal(read_of(&hung, &block), -ETIMEDOUT);
    first_ms = clock_monotonic_ms() - began_ms;
    assert_true(first_ms >= LIMIT_HUNG_MS);
    assert_int_equal(threads(), 2);
    /* at once from now on, by whichever descriptor: the next ones begin no thread */
    for (int i = 0; i < 100; i++)
        assert_int_equal(proc_read_patiently(i % 2 ? again : hung.fd, i % 3 ? "cmdline" : "environ", &block),
                         -ETIMEDOUT);
    assert_int_equal(threads(), 2);
    assert_int_equal(block.size, 0);
    assert_int_equal(proc_read_patiently(well, "environ", &other), 0);

    go_on(&hung, "sleep");
    while (threads() > 1)
        (void)sched_yield();
    forget(&hung);
}

static void *read_in_vain(void *argument)
{
    _cleanup_buffer_ struct buffer block = {0};
    struct hung *hung = argument;

    hung->result = read_of(hung, &block);
    return NULL;
}

static void only_so_many_wait(void **state)
{
    struct hung hung[LIMIT_HUNG_READS];
    _cleanup_close_ int well = open_fixture("recorded/400");
    _cleanup_buffer_ struct buffer block = {0};

    (void)state;
    for (size_t i = 0; i < LIMIT_HUNG_READS; i++) {
        hung[i] = make_hung();
        assert_int_equal(pthread_create(&hung[i].reader, NULL, read_in_vain, &hung[i]), 0);
    }
    for (size_t i = 0; i < LIMIT_HUNG_READS; i++) {
        assert_int_equal(pthread_join(hung[i].reader, NULL), 0);
        assert_int_equal(hung[i].result, -ETIMEDOUT);
    }
    assert_int_equal(threads(), LIMIT_HUNG_READS + 1);
    assert_int_equal(proc_read_patiently(well, "environ", &block), -EAGAIN); /* nothing is known of it */
    assert_false(proc_memory_is_locked(well));
    assert_true(proc_memory_is_locked(hung[3].fd));
    go_on(&hung[3], "");
    while (threads() > LIMIT_HUNG_READS)
        (void)sched_yield();
    assert_int_equal(proc_read_patiently(well, "environ", &block), 0);
    assert_true(block.size > 0);
    for (size_t i = 0; i < LIMIT_HUNG_READS; i++) {
        if (i != 3)
            go_on(&hung[i], "");
        forget(&hung[i]);
    }
    while (threads() > 1)
        (void)sched_yield();
}

/* A child with such a read in progress ends as fast as any. */
static void hang(void)
{
    struct hung hung = make_hung();
    struct buffer block = {0};

    assert_int_equal(read_of(&hung, &block), -ETIMEDOUT);
    forget(&hung);
}

static void ends_with_us(void **state)
{
    pid_t child = start_child(hang);
    int status;

    (void)state;
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_there),
        cmocka_unit_test(gives_up_a_hung_one),
        cmocka_unit_test(only_so_many_wait),
        cmocka_unit_test(ends_with_us),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
