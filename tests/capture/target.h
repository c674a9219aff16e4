/* A program of tests/targets as a child: started, waited for until it says "ready", ended with the test. */
#pragma once

#include "base/cleanup.h"
#include "base/parse.h"
#include "proc/host.h"
#include "proc/pidref.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum { FACTS_MAX = 16 };

struct fact {
    char name[32];
    pid_t id;
    char start[32];
};

struct target {
    pid_t pid;
    int input;
    struct fact facts[FACTS_MAX]; /* the lines "NAME TID 0xSTART" before "ready" */
    size_t fact_count;
    struct procfs procfs;
    struct host host;
    struct pidref ref;
};

static inline void target_facts(struct target *target, FILE *output)
{
    char line[128], *rest = NULL;
    int64_t id;

    while (fgets(line, sizeof line, output) && strcmp(line, "ready\n") != 0) {
        struct fact *fact = &target->facts[target->fact_count++];
        assert_true(target->fact_count < FACTS_MAX);
        (void)snprintf(fact->name, sizeof fact->name, "%s", strtok_r(line, " ", &rest));
        assert_int_equal(parse_i64(strtok_r(NULL, " ", &rest), &id), 0);
        fact->id = (pid_t)id;
        (void)snprintf(fact->start, sizeof fact->start, "%s", strtok_r(NULL, "\n", &rest));
    }
    assert_string_equal(line, "ready\n");
}

/* environment: NULL for our own. The process to look at is the program itself. */
static inline struct target target_start(const char *const arguments[], const char *const environment[])
{
    struct target target = {.ref = PIDREF_INIT};
    int input[2], output[2];
    struct error error = {0};

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    target.pid = fork();
    assert_true(target.pid >= 0);
    if (target.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not come to target_stop */
        if (dup2(input[0], 0) == 0 && dup2(output[1], 1) == 1)
            execvpe(arguments[0], (char *const *)arguments,
                    environment ? (char *const *)environment : environ);
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    target.input = input[1];
    _cleanup_fclose_ FILE *file = fdopen(output[0], "r");
    target_facts(&target, file);
    assert_int_equal(procfs_open("/proc", &target.procfs, &error), 0);
    assert_int_equal(host_read(&target.procfs, &target.host), 0);
    assert_int_equal(pidref_open(&target.procfs, target.pid, &target.ref, &error), 0);
    return target;
}

static inline void target_stop(struct target *target)
{
    pidref_close(&target->ref);
    procfs_close(&target->procfs);
    (void)kill(target->pid, SIGKILL); /* our own child, not waited for yet */
    (void)waitpid(target->pid, NULL, 0);
    close(target->input);
}
