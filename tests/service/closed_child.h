/* What a test tries in a child that can't come back from it, and tells: in memory that both share. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shared {
    char failed[1024];
} * shared;

/* In a child of its own. The child's exit code. */
static inline int in_a_child(int (*act)(const void *argument), const void *argument)
{
    int status;
    pid_t pid;

    shared->failed[0] = '\0';
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(act(argument));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (shared->failed[0])
        fail_msg("%s", shared->failed);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define CHILD_EXPECT(condition)                                                                              \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void)snprintf(shared->failed, sizeof shared->failed, "line %d: " #condition " (%s)", __LINE__,  \
                           strerror(errno));                                                                 \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

static inline int share(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? -1 : 0;
}
