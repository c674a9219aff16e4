/* Targets of snapshots: how a snapshot is taken of them, and what may not be left. */
#pragma once

#include "target.h"
#include "trace/snapshot.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a target that is a function of the test tells the test. */
struct told {
    _Atomic unsigned long rounds, wrong;
};
static struct told *told;

static inline int prepare_told(void **state)
{
    (void)state;
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return told == MAP_FAILED ? -1 : 0;
}

static inline int forget_told(void **state)
{
    (void)state;
    told->rounds = told->wrong = 0;
    return 0;
}

/* The first of a target that was started after forget_told(). */
static inline void await_first_round(void)
{
    for (int i = 0; i < 20000 && told->rounds == 0; i++)
        pause_ms(1);
    assert_true(told->rounds > 0);
}

static inline void await_rounds(unsigned long more)
{
    unsigned long wanted = told->rounds + more;

    for (int i = 0; i < 20000 && told->rounds < wanted; i++)
        pause_ms(1);
    assert_true(told->rounds >= wanted);
}

static inline struct target start_function(void (*function)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        function();
        _exit(3);
    }
    return target_adopt(pid, -1);
}

/* On success the target is held, and trace_memory() is the clone's. */
static inline int take(const struct target *target, struct trace **ret_trace, struct error *error)
{
    const struct trace_options patient = {.deadline_ms = 20000};
    struct snapshot_options options;
    struct trace *trace = NULL;
    int r = snapshot_suits(&target->ref, &options, error);

    if (r == 0)
        r = trace_hold(&target->ref, &patient, &trace, error);
    if (r < 0)
        return r;
    options.deadline_ms = 20000;
    r = trace_snapshot(trace, &target->ref, &options, error);
    if (r < 0)
        trace_release(trace, NULL);
    else
        *ret_trace = trace;
    return r;
}

/* On a busy machine the keeper of the snapshot before may not have ended yet. */
static inline struct trace *must_take(const struct target *target)
{
    struct error error = {0};
    struct trace *trace = NULL;
    int r = -EAGAIN;

    for (int i = 0; i < 1000 && r == -EAGAIN; i++) {
        r = take(target, &trace, &error);
        if (r == -EAGAIN)
            pause_ms(5);
    }
    if (r < 0)
        fail_msg("%s", error.text);
    return trace;
}

/* Threads, and children of any of them: the keeper and the clone are one of each. Zombies count. */
static inline void count_threads_and_children(const struct target *target, size_t *ret_threads,
                                              size_t *ret_children)
{
    _cleanup_id_list_ struct id_list ids = {0};

    *ret_children = 0;
    assert_int_equal(id_list_read(target->ref.dir_fd, "task", &ids), 0);
    *ret_threads = ids.count;
    for (size_t i = 0; i < ids.count; i++) {
        _cleanup_buffer_ struct buffer text = {.limit = 65536};
        char name[64];

        (void)snprintf(name, sizeof name, "task/%d/children", (int)ids.items[i]);
        if (io_read_file_at(target->ref.dir_fd, name, &text) == 0)
            for (size_t j = 0; j < text.size; j++)
                *ret_children += text.data[j] == ' ';
    }
}

/* No thread is held, none was added, and there is no child, dead or alive; at once or in a while. */
static inline void check_let_go(const struct target *target, size_t threads)
{
    size_t found = 0, children = 0;

    target_await_freedom(target);
    for (int i = 0; i < 10000; i++) {
        count_threads_and_children(target, &found, &children);
        if (found == threads && children == 0)
            return;
        pause_ms(1);
    }
    fail_msg("%zu threads where %zu were, %zu children", found, threads, children);
}

/* The witness tells that nothing happened to it. Interrupted calls are allowed where we died in a stop. */
static inline uint64_t check_witness(struct target *target)
{
    static const char *const zero[] = {"checksum_errors", "signals_out_of_order", "children_noticed"};
    static const char *const calls[] = {"\"epoll_wait\"", "\"poll\"",   "\"read\"",       "\"futex\"",
                                        "\"nanosleep\"",  "\"accept\"", "\"sigwaitinfo\""};
    char said[8192];
    uint64_t interrupted = 0;

    target_report(target, said, sizeof said);
    for (size_t i = 0; i < ELEMENTS_OF(zero); i++)
        if (target_number(said, zero[i]) != 0)
            fail_msg("%s: %s", zero[i], said);
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++)
        interrupted += target_number(said, calls[i]);
    assert_true(target_number(said, "checksum_rounds") > 0);
    assert_true(target_number(said, "signals_sent") > 0);
    if (target_number(said, "signals_handled") != target_number(said, "signals_sent"))
        fail_msg("lost signals: %s", said);
    return interrupted;
}
