/* Processes to run operations on. */
#pragma once

#include "../proc/support.h"

#include <poll.h>
#include <stdio.h>
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

static const char *name_of_child;

static void take_name(void)
{
    (void)prctl(PR_SET_NAME, name_of_child);
}

/* name NULL: ours. */
static pid_t start_named(const char *name)
{
    name_of_child = name;
    pid_t pid = start_child(name ? take_name : NULL);

    expect_running(pid);
    return pid;
}
