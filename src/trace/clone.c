/* What is done with the clone. */
#include "base/clock.h"
#include "trace/arch.h"
#include "trace/inject.h"
#include "trace/steps.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    PAUSE_NS = 20 * 1000,
    CLONE_CALL_MS = 2000, /* for a system call in the clone: the target runs on, and a busy machine may let
                             the clone wait */
    CLONE_END_MS = 2000   /* 11 ms a GiB */
};

static int clone_call(const struct injection *injection, pid_t clone, long number,
                      const uint64_t arguments[CALL_ARGUMENTS], long *ret_result)
{
    uint64_t deadline_ns = clock_monotonic_ns() + CLONE_CALL_MS * 1000000ull;
    struct registers registers = {0};
    enum stop stop;
    int r = arch_general_read(clone, &registers);

    if (r < 0)
        return r;
    arch_enter_call(&registers, injection->program, number, arguments);
    r = arch_general_write(clone, &registers);
    if (r == 0)
        r = run_to(clone, PTRACE_SYSCALL, STOP_AT_END_OF_CALL, deadline_ns, &stop);
    step();
    return r < 0 ? r : result_of(clone, ret_result);
}

static int clone_text(const struct injection *injection, pid_t clone, const char *text)
{
    uint8_t bytes[PROGRAM_ROOM] = {0};

    (void)snprintf((char *)bytes, sizeof bytes, "%s", text); /* fits */
    return write_words(clone, arch_program_room(injection->program), bytes, sizeof bytes);
}

/* Written by the clone itself, since a file of /proc belongs to the user of its process. Not through any of
 * our own rights: a file system that is mounted at /proc in its container may be anything, and gets no more
 * than the target could give it. */
static void volunteer(const struct injection *injection, pid_t clone)
{
    static const char worst[] = "1000"; /* OOM_SCORE_ADJ_MAX */
    const uint64_t room = arch_program_room(injection->program);
    const uint64_t opening[CALL_ARGUMENTS] = {(uint64_t)AT_FDCWD, room, O_WRONLY | O_CLOEXEC};
    uint64_t writing[CALL_ARGUMENTS] = {0, room, sizeof worst - 1};
    long result = -1;

    if (clone_text(injection, clone, "/proc/self/oom_score_adj") < 0 ||
        clone_call(injection, clone, SYS_openat, opening, &result) < 0 || result < 0)
        return;
    writing[0] = (uint64_t)result;
    if (clone_text(injection, clone, worst) == 0)
        (void)clone_call(injection, clone, SYS_write, writing, &result);
    (void)clone_call(injection, clone, SYS_close, writing, &result);
}

void clone_settle(const struct injection *injection, pid_t clone)
{
    static const uint8_t zeros[PROGRAM_MAX];
    const uint64_t all_files[CALL_ARGUMENTS] = {0, UINT_MAX, CLOSE_RANGE_UNSHARE};
    const uint64_t name[CALL_ARGUMENTS] = {PR_SET_NAME, arch_program_room(injection->program)};
    long result = -1;

    if (!injection->settles) {
        (void)!write_words(clone, injection->program, zeros, arch_program_size()); /* best effort, as told */
        return;
    }
    /* Until then it shares them: what the target closes is closed, but its own end would close nothing. */
    if (clone_call(injection, clone, SYS_close_range, all_files, &result) < 0)
        return;
    if (result == 0) /* else its descriptors are the target's */
        volunteer(injection, clone);
    if (clone_text(injection, clone, "procscope-clone") == 0)
        (void)clone_call(injection, clone, SYS_prctl, name, &result);
    (void)!write_words(clone, injection->program, zeros, arch_program_size()); /* likewise */
}

void clone_end(pid_t clone)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    uint64_t deadline_ns = clock_monotonic_ns() + CLONE_END_MS * 1000000ull;

    /* Ours by ptrace, so the pid is its own until we have waited for it. In a frozen cgroup of version 1 not
     * even this ends it: then it does when that is thawed, and is the keeper's only, once we have ended. */
    (void)kill(clone, SIGKILL);
    while (!thread_reap(clone) && clock_monotonic_ns() < deadline_ns)
        (void)nanosleep(&pause, NULL); /* cut short is as good */
    step();
}
