#include "trace/steps.h"

#include "base/clock.h"
#include "trace/arch.h"
#include "trace/inject.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

enum {
    STOP_OF_SYSCALL = SIGTRAP | 0x80, /* PTRACE_O_TRACESYSGOOD */
    YIELDS_BEFORE_SLEEP = 1000,
    SLEEP_NS = 20 * 1000,
    STOPS_MAX = 32, /* that are not the one waited for */
};

void (*injection_step)(void);

void step(void)
{
    if (injection_step)
        injection_step();
}

/* The next stop of a thread that was made to go on; its code as in waitid's si_status. */
int await_stop(pid_t tid, uint64_t deadline_ns, int *ret_code)
{
    const struct timespec pause = {.tv_nsec = SLEEP_NS};

    for (unsigned tries = 0;; tries++) {
        siginfo_t info = {0};

        /* WNOWAIT as in stop.c: the stop's code is what the kernel goes on with should we die. That of a stop
         * at a system call is no signal's number, and then is without effect. */
        if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) < 0 &&
            errno != EINTR)
            return -ESRCH;
        if (info.si_pid != 0 && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
            return -ESRCH; /* it ended */
        if (info.si_pid != 0) {
            *ret_code = info.si_status;
            return 0;
        }
        if (clock_monotonic_ns() > deadline_ns)
            return -ETIMEDOUT;
        if (tries < YIELDS_BEFORE_SLEEP)
            (void)sched_yield(); /* can't fail on Linux */
        else
            (void)nanosleep(&pause, NULL); /* cut short is as good */
    }
}

/* Entry and end of a call stop alike. */
static int is_end_of_call(pid_t tid, bool *ret_is)
{
    struct __ptrace_syscall_info info;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) < 0)
        return errno == EIO || errno == EINVAL ? -EOPNOTSUPP : -errno;
    *ret_is = info.op == PTRACE_SYSCALL_INFO_EXIT;
    return 0;
}

/* With all signals blocked only SIGSTOP comes between. The target gets it, and runs on regardless for as long
 * as we trace it; so a SIGCONT that follows is in order, too. */
static int advance(pid_t tid, int how, bool is_running, enum stop wanted, uint64_t deadline_ns,
                   enum stop *ret_stop)
{
    int signal = 0;

    for (unsigned i = 0; i < STOPS_MAX; i++) {
        bool is_end = false,
             goes_on = (is_running && i == 0) || ptrace(how, tid, NULL, (void *)(long)signal) == 0;
        int code, r = goes_on ? await_stop(tid, deadline_ns, &code) : -errno;

        if (r == 0 && code == STOP_OF_SYSCALL)
            r = is_end_of_call(tid, &is_end);
        if (r < 0)
            return r;
        signal = code == SIGSTOP ? code : 0;
        if (code >> 8 == PTRACE_EVENT_CLONE)
            *ret_stop = STOP_AT_NEW_CHILD;
        else if (is_end)
            *ret_stop = STOP_AT_END_OF_CALL;
        else if (code >> 8 == PTRACE_EVENT_STOP && wanted == STOP_OF_OURS)
            *ret_stop = STOP_OF_OURS;
        else
            continue;
        return 0;
    }
    return -ETIMEDOUT;
}

int run_to(pid_t tid, int how, enum stop wanted, uint64_t deadline_ns, enum stop *ret_stop)
{
    return advance(tid, how, false, wanted, deadline_ns, ret_stop);
}

int run_on_to(pid_t tid, int how, enum stop wanted, uint64_t deadline_ns, enum stop *ret_stop)
{
    return advance(tid, how, true, wanted, deadline_ns, ret_stop);
}

int write_words(pid_t tid, uint64_t address, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(long)) {
        long word;

        memcpy(&word, bytes + i, sizeof word);
        /* not /proc/PID/mem: the kernel can be told to refuse that where the mapping is not writable */
        if (ptrace(PTRACE_POKEDATA, tid, address + i, word) < 0)
            return -errno;
    }
    return 0;
}

int read_words(pid_t tid, uint64_t address, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(long)) {
        long word;

        errno = 0;
        word = ptrace(PTRACE_PEEKDATA, tid, address + i, NULL);
        if (errno != 0)
            return -errno;
        memcpy(bytes + i, &word, sizeof word);
    }
    return 0;
}

int result_of(pid_t tid, long *ret_result)
{
    struct registers registers = {0};
    int r = arch_general_read(tid, &registers);

    if (r == 0)
        *ret_result = arch_result(&registers);
    return r;
}

/* Why a clone did not come about. */
int refusal_of(pid_t tid)
{
    long result = 0;
    int r = result_of(tid, &result);

    /* the kernel's own codes: a signal, or a stop, was first */
    return r < 0 ? r : result >= 0 || result < -511 ? -EAGAIN : (int)result;
}

/* The child of one that stopped for it: it stops before its first step. */
int take_child(pid_t parent, uint64_t deadline_ns, pid_t *ret_child)
{
    unsigned long child;
    int code;

    if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &child) < 0)
        return -errno;
    *ret_child = (pid_t)child;
    return await_stop((pid_t)child, deadline_ns, &code);
}
