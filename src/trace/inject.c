#include "trace/inject.h"

#include "base/clock.h"
#include "trace/arch.h"
#include "trace/steps.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>

enum {
    GAP = 16,       /* of zeros that may belong to what stands before */
    TURNS_MAX = 32, /* to get a thread back into a stop of ours */
    LATE_MS = 2000  /* for a clone that came too late to be of use */
};

/* The loop stands at the very end, and is left there. The program goes into zeros below it, as low as may be:
 * one that we left behind when we died may still be run by its thread, so it is never written over. */
static int find_places(struct injection *injection, pid_t tid, const struct vdso *vdso)
{
    uint8_t loop[LOOP_MAX], there[LOOP_MAX];
    uint64_t place = vdso->end - arch_loop_size(), needed = arch_program_size() + GAP;
    int r;

    if (arch_program_size() == 0 || vdso->end - vdso->start < arch_loop_size() + needed)
        return -EOPNOTSUPP;
    arch_loop_build(loop);
    r = read_words(tid, place, there, arch_loop_size());
    if (r < 0)
        return r;
    if (memcmp(loop, there, arch_loop_size()) != 0) {
        for (size_t i = 0; i < arch_loop_size(); i++)
            if (there[i] != 0)
                return -EOPNOTSUPP;
        r = write_words(tid, place, loop, arch_loop_size());
        step();
    }
    injection->loop = place;
    for (long word = 0; r == 0 && place > vdso->start; place -= sizeof word) {
        r = read_words(tid, place - sizeof word, (uint8_t *)&word, sizeof word);
        if (word != 0)
            break;
    }
    if (r < 0)
        return r;
    if (injection->loop - place < needed)
        return -EOPNOTSUPP;
    injection->program = (place + GAP + 7) & ~(uint64_t)7;
    return injection->program + arch_program_size() <= injection->loop ? 0 : -EOPNOTSUPP;
}

/* In a stop of ours and no other: not before a signal's delivery, and not while its process is stopped. */
static bool is_clean(const struct traced_thread *thread)
{
    siginfo_t info;

    return thread->state == TRACED_STOPPED && thread->signal == 0 &&
           ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &info) == 0 && info.si_signo == SIGTRAP &&
           info.si_code == (SIGTRAP | PTRACE_EVENT_STOP << 8);
}

static int enter(pid_t tid, const struct registers *own, uint64_t program, enum program_entry entry)
{
    struct registers registers = *own;

    arch_enter(&registers, program, entry);
    return arch_general_write(tid, &registers);
}

int injection_begin(struct injection *injection, struct traced_thread *thread, const struct vdso *vdso,
                    bool settles, uint64_t deadline_ns)
{
    const uint64_t all = ~(uint64_t)0;
    uint8_t program[PROGRAM_MAX];
    uint64_t place;
    int r;

    *injection = (struct injection){.thread = thread, .settles = settles, .deadline_ns = deadline_ns};
    if (!is_clean(thread))
        return -EAGAIN;
    if (ptrace(PTRACE_GETSIGMASK, thread->tid, sizeof injection->mask, &injection->mask) < 0 ||
        ptrace(PTRACE_SETOPTIONS, thread->tid, NULL, STEP_OPTIONS) < 0)
        return -errno;
    r = find_places(injection, thread->tid, vdso);
    place = injection->program;
    injection->program = 0;
    if (r < 0) {
        (void)ptrace(PTRACE_SETOPTIONS, thread->tid, NULL, NULL); /* without effect unless it goes on */
        return r;
    }
    arch_program_build(&thread->registers, injection->mask, program);
    injection->program = place;
    r = write_words(thread->tid, place, program, arch_program_size());
    step();
    /* Harmless, whenever we die: it restores itself. Only then the mask, which the program restores, too. */
    if (r == 0)
        r = enter(thread->tid, &thread->registers, place, ENTER_RESTORE);
    step();
    if (r == 0 && ptrace(PTRACE_SETSIGMASK, thread->tid, sizeof all, &all) < 0)
        r = -errno;
    step();
    return r;
}

int injection_start_keeper(struct injection *injection, pid_t *ret_keeper)
{
    const struct traced_thread *thread = injection->thread;
    enum stop stop;
    int r;

    injection->runs_program = true;
    r = enter(thread->tid, &thread->registers, injection->program, ENTER_CLONE);
    step();
    if (r == 0)
        r = run_to(thread->tid, PTRACE_SYSCALL, STOP_AT_NEW_CHILD, injection->deadline_ns, &stop);
    step();
    if (r < 0)
        return r;
    if (stop != STOP_AT_NEW_CHILD) {
        injection->runs_program = false;
        return refusal_of(thread->tid);
    }
    r = take_child(thread->tid, injection->deadline_ns, &injection->keeper);
    injection->is_late = r == -ETIMEDOUT;
    step();
    if (r == 0)
        *ret_keeper = injection->keeper;
    return r;
}

/* At the end of its system call. What it has to do is in its registers: the clone's id. Without a clone it is
 * to exit, not in the program: that is erased before long, and the keeper may wait for a processor until
 * then.
 */
static int send_into_loop(struct injection *injection, pid_t keeper, bool has_clone)
{
    struct registers registers = {0};
    int r = arch_general_read(keeper, &registers);

    if (r < 0)
        return r;
    if (has_clone)
        arch_enter_loop(&registers, injection->loop);
    else
        arch_enter_exit(&registers, injection->loop);
    r = arch_general_write(keeper, &registers);
    if (r == 0)
        injection->runs_program = false;
    step();
    return r;
}

int injection_clone(struct injection *injection, pid_t keeper, pid_t *ret_clone)
{
    enum stop stop;
    int let_go, r = run_to(keeper, PTRACE_SYSCALL, STOP_AT_NEW_CHILD, injection->deadline_ns, &stop);

    step();
    if (r == 0 && stop != STOP_AT_NEW_CHILD) {
        int sent;

        r = refusal_of(keeper);
        sent = send_into_loop(injection, keeper, false);
        r = sent < 0 ? sent : r;
    } else if (r == 0)
        r = take_child(keeper, injection->deadline_ns, &injection->clone);
    step();
    /* From here on it ends with us. Never so the keeper, which is a part of the target. */
    if (r == 0 && ptrace(PTRACE_SETOPTIONS, injection->clone, NULL, STEP_OPTIONS | PTRACE_O_EXITKILL) < 0)
        r = -errno;
    step();
    if (r == 0)
        r = run_to(keeper, PTRACE_SYSCALL, STOP_AT_END_OF_CALL, injection->deadline_ns, &stop);
    step();
    if (r == 0)
        r = send_into_loop(injection, keeper, true);
    injection->is_late = r == -ETIMEDOUT;
    if (injection->is_late)
        return r; /* its clone is not waited for while the target is held: a large one takes a second to end
                   */
    if (r < 0 && injection->clone != 0)
        clone_end(injection->clone);
    let_go = ptrace(PTRACE_DETACH, keeper, NULL, NULL) < 0 ? -errno : 0;
    step();
    if (r == 0 && let_go < 0) {
        clone_end(injection->clone);
        r = let_go;
    }
    if (r == 0)
        *ret_clone = injection->clone;
    return r;
}

/* A keeper that came into being after the deadline. */
static void note_keeper(struct injection *injection)
{
    unsigned long child;

    if (injection->keeper != 0 || ptrace(PTRACE_GETEVENTMSG, injection->thread->tid, NULL, &child) < 0)
        return;
    injection->keeper = (pid_t)child;
    injection->is_late = true;
}

/* Back into a stop of ours: only on its way the kernel makes an interrupted call again. Where time was up it
 * may be running. */
static int come_back(struct injection *injection)
{
    pid_t tid = injection->thread->tid;
    enum stop stop = STOP_AT_END_OF_CALL;
    int code, any = ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0
                        ? -errno
                        : await_stop(tid, injection->deadline_ns, &code);

    if (any < 0)
        return any;
    if (code >> 8 == PTRACE_EVENT_CLONE)
        note_keeper(injection);
    for (unsigned i = 0; i < TURNS_MAX && stop != STOP_OF_OURS; i++) {
        int r = ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 ? -errno : 0;

        if (r == 0)
            r = run_to(tid, PTRACE_CONT, STOP_OF_OURS, injection->deadline_ns, &stop);
        step();
        if (r < 0)
            return r;
        if (stop == STOP_AT_NEW_CHILD)
            note_keeper(injection);
    }
    return stop == STOP_OF_OURS ? 0 : -ETIMEDOUT;
}

static int restore(struct injection *injection)
{
    static const uint8_t zeros[PROGRAM_MAX];
    pid_t tid = injection->thread->tid;

    /* The mask first: with the program's registers a death of ours is still made good by the program. */
    if (ptrace(PTRACE_SETSIGMASK, tid, sizeof injection->mask, &injection->mask) < 0)
        return -errno;
    step();
    if (arch_general_write(tid, &injection->thread->registers) < 0)
        return -ESRCH;
    step();
    /* It is as it was. What follows leaves at worst some bytes where nothing looks. A keeper that was late is
     * in the kernel still, and comes back to the program; without one nobody does. */
    if (!injection->runs_program || injection->keeper == 0)
        (void)!write_words(tid, injection->program, zeros, arch_program_size());
    step();
    (void)ptrace(PTRACE_SETOPTIONS, tid, NULL, NULL);
    step();
    return 0;
}

int injection_end(struct injection *injection)
{
    int r;

    if (injection->program == 0)
        return 0;
    r = come_back(injection);
    if (r == 0)
        r = restore(injection);
    if (r < 0)
        injection->thread->state = TRACED_SEIZED; /* it runs, or is dead: only our end lets it go */
    return r;
}

void injection_end_late(struct injection *injection)
{
    static const uint8_t zeros[PROGRAM_MAX];
    uint64_t deadline_ns = clock_monotonic_ns() + LATE_MS * 1000000ull;
    pid_t keeper = injection->keeper, clone = 0;
    enum stop stop;
    long result = 0;
    int r;

    if (!injection->is_late)
        return;
    injection->is_late = false;
    if (injection->clone != 0)
        clone_end(injection->clone);
    /* wherever it is: before its call, in it, at its child's begin, at its end */
    r = run_on_to(keeper, PTRACE_SYSCALL, STOP_OF_OURS, deadline_ns, &stop);
    if (r == 0 && stop == STOP_AT_NEW_CHILD) {
        if (take_child(keeper, deadline_ns, &clone) == 0 && clone != injection->clone)
            clone_end(clone);
        r = run_to(keeper, PTRACE_SYSCALL, STOP_AT_END_OF_CALL, deadline_ns, &stop);
    }
    if (r == 0 && stop == STOP_AT_END_OF_CALL)
        r = result_of(keeper, &result);
    if (r == 0)
        r = send_into_loop(injection, keeper, result > 0);
    if (r == 0) /* nobody is in the program any more */
        (void)!write_words(keeper, injection->program, zeros,
                           arch_program_size());     /* or there is less room */
    (void)ptrace(PTRACE_DETACH, keeper, NULL, NULL); /* else our end does it */
}
