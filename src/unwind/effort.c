#include "unwind/effort.h"

#include "base/clock.h"

/* The processor's clock is a call of the kernel, this one mostly not: it says when to look at that. */
enum { LOOK_NS = 1000 * 1000 };

void effort_init(struct effort *effort, uint64_t limit_ms)
{
    *effort = (struct effort){.limit = limit_ms * 1000000, .full_since = clock_monotonic_ns()};
    effort->left = effort->limit;
}

bool effort_is_rested(const struct effort *effort)
{
    return clock_monotonic_ns() - effort->full_since >= EFFORT_REST_MS * UINT64_C(1000000);
}

bool effort_begin(struct effort *effort)
{
    if (effort_is_rested(effort))
        effort_init(effort, effort->limit / 1000000);
    if (effort->is_over)
        return false;
    effort->began = clock_thread_ns();
    effort->looked = clock_monotonic_ns();
    return true;
}

void effort_end(struct effort *effort)
{
    uint64_t now, used;

    if (effort->is_over)
        return;
    now = clock_thread_ns();
    used = now - effort->began;
    effort->began = now;
    effort->is_over = used >= effort->left;
    effort->left -= effort->is_over ? effort->left : used;
}

bool effort_go_on(struct effort *effort)
{
    uint64_t now = clock_monotonic_ns();

    if (now - effort->looked >= LOOK_NS) {
        effort->looked = now;
        effort_end(effort);
    }
    return !effort->is_over;
}
