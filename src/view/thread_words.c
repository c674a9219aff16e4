#include "view/thread_words.h"

#include <inttypes.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif

enum {
    PRIORITY_IDLE = 1,
    PRIORITY_NORMAL = 8,
    PRIORITY_HIGHEST = 15,
    PRIORITY_REALTIME_LOWEST = 16,
    PRIORITY_REALTIME_HIGHEST = 31,
};

/* As .NET on Linux reads the state of stat. */
const char *thread_state_word(char state)
{
    switch (state) {
    case 'R':
        return "Running";
    case 'S':
    case 'D':
    case 'T':
    case 't':
    case 'P':
        return "Wait";
    case 'Z':
    case 'X':
    case 'x':
        return "Terminated";
    case 'W':
    case 'K':
        return "Transition";
    case 'I':
        return "Ready";
    default:
        return "Unknown";
    }
}

struct wait_rule {
    const char *text; /* how a kernel function's name begins; or the whole name of a system call */
    const char *reason;
};

/* Where in the kernel it sleeps says most, so these come first. Only names that mean one thing alone. */
static const struct wait_rule channel_rules[] = {
    {"hrtimer_nanosleep", "ExecutionDelay"},
    {"do_nanosleep", "ExecutionDelay"},
    {"common_nsleep", "ExecutionDelay"},
    {"folio_wait_writeback", "PageOut"},
    {"wait_on_page_writeback", "PageOut"},
    {"balance_dirty_pages", "PageOut"},
    {"folio_wait", "PageIn"},
    {"__folio_lock", "PageIn"},
    {"wait_on_page", "PageIn"},
    {"__lock_page", "PageIn"},
    {"filemap_fault", "PageIn"},
    {"swap_read", "PageIn"},
    {"migration_entry_wait", "PageIn"},
    {"handle_userfault", "PageIn"},
    {"throttle_direct_reclaim", "FreePage"},
    {"shrink_", "FreePage"},
    {"reclaim_throttle", "FreePage"},
    {"mem_cgroup_handle_over_high", "FreePage"},
    {"__mem_cgroup_handle_over_high", "FreePage"},
    {"mem_cgroup_oom", "FreePage"},
    {"mempool_alloc", "SystemAllocation"},
    {"__alloc_pages", "SystemAllocation"},
    {"pipe_read", "LpcReceive"},
    {"anon_pipe_read", "LpcReceive"},
    {"unix_stream_read", "LpcReceive"},
    {"unix_stream_data_wait", "LpcReceive"},
    {"do_msgrcv", "LpcReceive"},
};

static const struct wait_rule call_rules[] = {
    {"nanosleep", "ExecutionDelay"},
    {"clock_nanosleep", "ExecutionDelay"},
    {"clock_nanosleep_time64", "ExecutionDelay"},
    {"msgrcv", "LpcReceive"},
    {"mq_timedreceive", "LpcReceive"},
    {"mq_timedreceive_time64", "LpcReceive"},
    {"brk", "VirtualMemory"},
    {"mmap", "VirtualMemory"},
    {"mmap2", "VirtualMemory"},
    {"munmap", "VirtualMemory"},
    {"mremap", "VirtualMemory"},
    {"mprotect", "VirtualMemory"},
    {"madvise", "VirtualMemory"},
    {"fsync", "PageOut"},
    {"fdatasync", "PageOut"},
    {"msync", "PageOut"},
    {"syncfs", "PageOut"},
    {"sync", "PageOut"},
};

static const char *rule_for_channel(const char *channel)
{
    for (size_t i = 0; i < ELEMENTS_OF(channel_rules); i++)
        if (strncmp(channel, channel_rules[i].text, strlen(channel_rules[i].text)) == 0)
            return channel_rules[i].reason;
    return NULL;
}

static const char *rule_for_call(const char *system_call)
{
    for (size_t i = 0; i < ELEMENTS_OF(call_rules); i++)
        if (strcmp(system_call, call_rules[i].text) == 0)
            return call_rules[i].reason;
    return NULL;
}

const char *thread_wait_reason_word(const struct thread_info *thread, const char *system_call)
{
    const char *reason;

    if (strcmp(thread_state_word(thread->state), "Wait") != 0)
        return NULL;
    if (thread->state == 'T' || thread->state == 't')
        return "Suspended";
    reason = rule_for_channel(thread->wait_channel);
    if (!reason && system_call)
        reason = rule_for_call(system_call);
    if (reason)
        return reason;
    if (system_call) /* it asked for this wait; a wait that no signal ends is the kernel's own */
        return thread->state == 'D' ? "Executive" : "UserRequest";
    return thread->wait_channel[0] != '\0' ? "Executive" : "Unknown";
}

static bool is_realtime(const struct thread_info *thread)
{
    return thread->policy == SCHED_FIFO || thread->policy == SCHED_RR || thread->policy == SCHED_DEADLINE;
}

/* The bounds for nice are .NET's own on Linux. */
const char *thread_priority_level_word(const struct thread_info *thread)
{
    int nice = thread->nice;

    if (is_realtime(thread))
        return "TimeCritical";
    if (thread->policy == SCHED_IDLE)
        return "Idle";
    return nice < -15   ? "TimeCritical"
           : nice < -10 ? "Highest"
           : nice < -5  ? "AboveNormal"
           : nice <= 0  ? "Normal"
           : nice <= 5  ? "BelowNormal"
           : nice <= 10 ? "Lowest"
                        : "Idle";
}

/* -20 .. 0 .. 19 onto 15 .. 8 .. 1, to the nearest. */
static int priority_of_nice(int nice)
{
    int steps = PRIORITY_HIGHEST - PRIORITY_NORMAL;

    if (nice < 0)
        return PRIORITY_NORMAL + (-nice * steps + 10) / 20;
    return PRIORITY_NORMAL - (nice * steps + 9) / 19;
}

/* 1 .. 99 onto 16 .. 31. */
static int priority_of_realtime(int priority)
{
    int steps = PRIORITY_REALTIME_HIGHEST - PRIORITY_REALTIME_LOWEST;

    return PRIORITY_REALTIME_LOWEST + ((priority - 1) * steps + 49) / 98;
}

int thread_base_priority(const struct thread_info *thread)
{
    if (thread->policy == SCHED_DEADLINE)
        return PRIORITY_REALTIME_HIGHEST;
    if (is_realtime(thread))
        return priority_of_realtime(thread->realtime_priority);
    return thread->policy == SCHED_IDLE ? PRIORITY_IDLE : priority_of_nice(thread->nice);
}

/* stat's priority: 20 + nice for ordinary threads, -1 - realtime priority for the others, -101 for deadline.
 */
int thread_current_priority(const struct thread_info *thread)
{
    if (thread->priority < -100)
        return PRIORITY_REALTIME_HIGHEST;
    if (thread->priority < 0)
        return priority_of_realtime(-1 - thread->priority);
    if (thread->policy == SCHED_IDLE && thread->priority == 20 + thread->nice)
        return PRIORITY_IDLE;
    return priority_of_nice(thread->priority - 20);
}

static uint32_t table_of(const struct thread_info *thread)
{
    if (!thread->is_32_bit)
        return SCMP_ARCH_NATIVE;
#if defined(__x86_64__)
    return SCMP_ARCH_X86;
#elif defined(__aarch64__)
    return SCMP_ARCH_ARM;
#else
    return SCMP_ARCH_NATIVE;
#endif
}

bool thread_system_call_name(const struct thread_info *thread, char name[SYSTEM_CALL_NAME_MAX])
{
    _cleanup_free_ char *known = NULL;

    if (thread->system_call < 0 || thread->system_call > INT32_MAX)
        return false;
    known = seccomp_syscall_resolve_num_arch(table_of(thread), (int)thread->system_call);
    if (known)
        (void)snprintf(name, SYSTEM_CALL_NAME_MAX, "%s", known); /* the longest there is has 28 characters */
    else
        (void)snprintf(name, SYSTEM_CALL_NAME_MAX, "syscall_%" PRId64, thread->system_call); /* fits */
    return true;
}
