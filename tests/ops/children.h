/* Processes to run operations on. */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether it sleeps, which a process that is held or stopped does not. */
static bool sleeps(pid_t pid)
{
    char path[64], text[512];
    ssize_t size;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size = read(fd, text, sizeof text - 1);
    (void)close(fd);
    assert_true(size > 0);
    text[size] = '\0';
    return strstr(text, ") S ") != NULL;
}

/* Its pause() is begun anew after a hold, so it may be on its way there. */
static void expect_running(pid_t pid)
{
    for (int i = 0; !sleeps(pid); i++) {
        assert_true(i < 10000);
        (void)poll(NULL, 0, 1);
    }
}

static pid_t start_child(const char *name)
{
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (name)
            (void)prctl(PR_SET_NAME, name);
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    expect_running(pid);
    return pid;
}

static void end_child(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}
