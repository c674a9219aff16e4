/* A process that can't be stopped as a whole is left alone: a thread that waits in vfork does not stop until
 * its child is gone, and the others stand still for as long as that is waited for. */
#include "proc/stat.h"
#include "profile/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ends when nobody is left to tell it to go on. */
static void wait_for_byte(int fd)
{
    char byte;

    if (read(fd, &byte, 1) != 1)
        _exit(0);
}

/* Waits in read; then in vfork, for a child that waits in read; then again as at first. */
static __attribute__((noreturn)) void be_target(int fd)
{
    pid_t child;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    wait_for_byte(fd);
    child = vfork(); /* NOLINT: that it stops the parent is what it is called for */
    if (child == 0) {
        char byte;
        (void)!read(fd, &byte, 1);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    for (;;)
        wait_for_byte(fd);
}

static void wait_for_state(const struct pidref *target, char state)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    struct proc_stat stat;

    do {
        assert_int_equal(proc_stat_read(target->dir_fd, &stat), 0);
        (void)nanosleep(&pause, NULL); /* cut short is as good */
    } while (stat.state != state);
}

static void tick(struct sampler *sampler)
{
    struct pollfd waited = {.fd = sampler_fd(sampler), .events = POLLIN};

    assert_int_equal(poll(&waited, 1, -1), 1);
    assert_int_equal(sampler_read(sampler), 0);
}

static void leaves_alone_what_does_not_stop(void **state _unused_)
{
    const struct sampler_options options = {.what = PROFILE_WALL, .by_holding = true};
    _cleanup_procfs_ struct procfs procfs = {.fd = -1};
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_profile_ struct profile profile = {0};
    _cleanup_sampler_ struct sampler *sampler = NULL;
    struct error error = {0};
    uint64_t samples, lost;
    int pipe_fds[2];
    pid_t pid;

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(pipe_fds[1]);
        be_target(pipe_fds[0]);
    }
    (void)close(pipe_fds[0]);
    assert_int_equal(procfs_open("/proc", &procfs, &error), 0);
    assert_int_equal(pidref_open(&procfs, pid, &target, &error), 0);
    wait_for_state(&target, 'S');
    if (sampler_new(&procfs, &target, &options, &profile, &sampler, &error) < 0)
        fail_msg("%s", error.text);
    assert_true(profile.samples > 0);

    assert_int_equal(write(pipe_fds[1], "v", 1), 1);
    wait_for_state(&target, 'D');
    for (lost = profile.lost; profile.lost == lost;)
        tick(sampler);
    assert_int_equal(write(pipe_fds[1], "e", 1), 1);
    wait_for_state(&target, 'S');

    /* it could be held again, but that has cost it enough for a hundred times as long */
    samples = profile.samples;
    lost = profile.lost;
    tick(sampler);
    assert_int_equal(profile.samples, samples);
    assert_int_equal(profile.lost, lost + 1);
    (void)close(pipe_fds[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_alone_what_does_not_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
