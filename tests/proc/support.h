/* What the tests of src/proc share: cmocka, the recorded tree, children that wait. */
#pragma once

#include "base/cleanup.h"
#include "proc/pidref.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

/* A name that looks like the rest of a stat line, with a newline and a byte that is no UTF-8. */
#define HOSTILE_NAME ") R 1 (\n\xff) Z 0"

#define PROC_FIXTURES FIXTURES "/proc/"

_unused_ static struct procfs open_procfs(const char *path)
{
    struct procfs procfs;
    assert_int_equal(procfs_open(path, &procfs, NULL), 0);
    return procfs;
}

_unused_ static int open_fixture(const char *name)
{
    char path[4096];
    int fd;
    (void)snprintf(path, sizeof path, PROC_FIXTURES "%s", name);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

_unused_ static void sleep_for_ever(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where the test gives up before it would end us */
    for (;;)
        pause();
}

/* Starts a child that calls prepare and then sleeps; returns once that has returned there. It dies with us.
 */
_unused_ static pid_t start_child(void (*prepare)(void))
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (prepare)
            prepare();
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        sleep_for_ever();
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return pid;
}

_unused_ static void end_child(pid_t pid)
{
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* Runs check in a child and wants 0 from it; 77 skips the test. For what changes the whole process. */
_unused_ static void run_in_child(int (*check)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(check());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    if (WEXITSTATUS(status) != 0)
        fail_msg("the check in the child failed at step %d", WEXITSTATUS(status));
}
