/* A program of tests/targets as a child to be held. */
#pragma once

#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "proc/stat.h"
#include "proc/status.h"
#include "proc/tasks.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

struct target {
    pid_t pid;
    int output;
    struct procfs procfs;
    struct pidref ref;
};

static inline void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&pause, NULL);
}

static inline struct target target_adopt(pid_t pid, int output)
{
    struct target target = {.pid = pid, .output = output, .ref = PIDREF_INIT};

    assert_true(pid > 0);
    assert_int_equal(procfs_open("/proc", &target.procfs, NULL), 0);
    assert_int_equal(pidref_open(&target.procfs, pid, &target.ref, NULL), 0);
    return target;
}

static inline struct target target_start(const char *program, const char *first, const char *second)
{
    char path[256], said[6];
    int output[2];
    pid_t pid;

    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    (void)snprintf(path, sizeof path, "%s/%s", TARGETS, program);
    pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(output[1], 1) == 1)
            execl(path, program, first, second, NULL);
        _exit(127);
    }
    close(output[1]);
    assert_int_equal(io_read_full(output[0], said, sizeof said), sizeof said);
    assert_memory_equal(said, "ready\n", sizeof said);
    return target_adopt(pid, output[0]);
}

static inline void target_close(struct target *target)
{
    pidref_close(&target->ref);
    procfs_close(&target->procfs);
    (void)fd_close(target->output);
}

static inline void target_stop(struct target *target)
{
    (void)kill(target->pid, SIGKILL); /* our own child, not waited for yet */
    assert_int_equal(waitpid(target->pid, NULL, 0), target->pid);
    target_close(target);
}

/* Asks it to end, and gives what it says then. */
static inline void target_report(struct target *target, char *said, size_t size)
{
    ssize_t r;
    int status;

    assert_int_equal(kill(target->pid, SIGTERM), 0);
    r = io_read_full(target->output, said, size - 1);
    assert_true(r >= 0);
    said[r] = '\0';
    assert_int_equal(waitpid(target->pid, &status, 0), target->pid);
    assert_int_equal(status, 0);
    target_close(target);
}

static inline char target_state(const struct target *target)
{
    struct proc_stat stat;

    assert_int_equal(proc_stat_read(target->ref.dir_fd, &stat), 0);
    return stat.state;
}

static inline void target_await_state(const struct target *target, char state)
{
    for (int i = 0; i < 10000 && target_state(target) != state; i++)
        pause_ms(1);
    assert_int_equal(target_state(target), state);
}

/* No thread is traced or stopped (any more). */
static inline void target_await_freedom(const struct target *target)
{
    bool free = false;

    for (int tries = 0; tries < 10000 && !free; tries++) {
        _cleanup_id_list_ struct id_list ids = {0};

        free = true;
        assert_int_equal(id_list_read(target->ref.dir_fd, "task", &ids), 0);
        for (size_t i = 0; i < ids.count; i++) {
            _cleanup_close_ int fd = -1;
            struct proc_status status;

            if (task_open(&target->ref, ids.items[i], &fd, NULL) == 0 && proc_status_read(fd, &status) == 0 &&
                (status.tracer != 0 || status.state == 't' || status.state == 'T'))
                free = false;
        }
        if (!free)
            pause_ms(1);
    }
    assert_true(free);
}

static inline struct trace *target_hold(const struct target *target)
{
    struct trace_options patient = {.deadline_ms = 20000};
    struct error error = {0};
    struct trace *trace = NULL;

    if (trace_hold(&target->ref, &patient, &trace, &error) < 0)
        fail_msg("%s", error.text);
    return trace;
}

/* The number behind "KEY": or KEY and a blank. */
static inline uint64_t target_number(const char *said, const char *key)
{
    const char *at = strstr(said, key);
    uint64_t value = 0;

    assert_non_null(at);
    at += strlen(key);
    while (*at == '"' || *at == ':' || *at == ' ')
        at++;
    assert_true(scan_u64(&at, at + strlen(at), &value));
    return value;
}
