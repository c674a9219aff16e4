/* The threads that a trace holds, or is about to. Written by the holding thread only; the lock is for the
 * thread that waits for it and looks in now and then. */
#pragma once

#include "base/array.h"
#include "proc/pidref.h"
#include "trace/interrupted.h"
#include "trace/registers.h"
#include "trace/trace.h"

#include <pthread.h>

enum traced_state {
    TRACED_SEIZED,  /* ours, and running */
    TRACED_STOPPED, /* stopped, registers read */
    TRACED_GONE,    /* ended, or not ours after all */
};

struct proc_stat;

struct traced_thread {
    pid_t tid;
    struct trace_facts facts;
    enum traced_state state;
    bool alone; /* stop it on its own: its call would be interrupted */
    struct waited waited;
    int signal; /* arrived before our stop: to be delivered when it goes on. 0 = none */
    struct registers registers;
    const void *extended; /* NULL: not read */
    size_t extended_size;
};

struct thread_list {
    struct traced_thread *items;
    size_t count, capacity;
    pid_t *known; /* the tids of items, ascending */
    size_t known_count, known_capacity;
    pthread_mutex_t lock;
};

int thread_list_init(struct thread_list *list) _must_check_;
void thread_list_forget(struct thread_list *list);

/* Room for that many without another allocation, and the memory touched: no page fault while others are held.
 */
int thread_list_reserve(struct thread_list *list, size_t more) _must_check_;
int thread_list_add(struct thread_list *list, pid_t tid) _must_check_;
void thread_keep_facts(struct traced_thread *thread, const struct proc_stat *stat);
bool thread_list_knows(const struct thread_list *list, pid_t tid);
/* Forgets those that are gone and sorts `known`: after each pass. */
int thread_list_settle(struct thread_list *list) _must_check_;

/* Collects threads that ended while they were ours. They would otherwise wait for it, and with them an execve
 * of their process: it goes on only once they are gone, while it holds what PTRACE_SEIZE waits for. */
bool thread_reap(pid_t tid); /* false: it has not ended */
void thread_list_reap(struct thread_list *list, pid_t leader);
