/* A child is stepped through one instruction after the other, and its stack walked at each: into a call there
 * is one frame more, out of it one less, and all others stay as they were. So every prologue and epilogue,
 * every entry of a procedure linkage table and what binds it is seen in each of its states. */
#include "own_walk.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum { STEPS_MAX = 400000 };

struct work {
    int (*saves)(int);
    int (*grows)(int, char *);
    int (*keeps)(int (*)(int, char *), int, char *);
    int (*early)(int);
};

static int compare(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* In the child, between two stops. */
static void do_work(const struct work *work)
{
    int numbers[] = {3, 1, 2};
    char text[512];

    qsort(numbers, ELEMENTS_OF(numbers), sizeof numbers[0], compare);
    numbers[0] = work->saves(numbers[1]);
    numbers[1] = work->early(5) + work->early(-3);
    if (work->grows)
        numbers[2] = work->keeps(work->grows, 30, text);
    snprintf(text, sizeof text, "%d %s %.3f", numbers[0], "text", 1.0 / 3);
}

static void *load(const char *library)
{
    char path[4096];
    void *handle;

    snprintf(path, sizeof path, "%s/%s.so", UNWIND, library);
    handle = dlopen(path, RTLD_LAZY);
    assert_non_null(handle);
    return handle;
}

static struct work work_of(const char *library)
{
    struct work work = {0};
    void *handle = load(library);

    *(void **)&work.saves = dlsym(handle, "frames_saves");
    *(void **)&work.grows = dlsym(handle, "frames_grows");
    *(void **)&work.early = dlsym(handle, "frames_early");
    *(void **)&work.keeps = dlsym(load("frames-keeps"), "frames_keeps");
    assert_true(work.saves && work.grows && work.early && work.keeps);
    return work;
}

static pid_t child_new(const struct work *work)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(1);
        raise(SIGSTOP);
        do_work(work);
        raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    return child;
}

/* False: it has come to its second stop. */
static bool step(pid_t child)
{
    int status;

    assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    return WSTOPSIG(status) == SIGTRAP;
}

static void walk_child(pid_t child, struct own_walk *own)
{
    struct registers registers = {0};
    struct iovec general = {&registers.general, sizeof registers.general};

    assert_int_equal(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &general), 0);
    own_walk_registers(own, &registers);
}

static bool same_callers(const struct walked_frame *left, const struct walked_frame *right, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (left[i].address != right[i].address || left[i].is_signal != right[i].is_signal)
            return false;
    return true;
}

/* All but the innermost frames, of which a call adds one and a return takes one away. */
static bool follows(const struct walked_frame *before, size_t before_count, const struct own_walk *now)
{
    size_t common = before_count < now->count ? before_count : now->count;

    if (now->count > before_count + 1 || now->count + 1 < before_count)
        return false;
    return same_callers(before + before_count - (common - 1), now->frames + now->count - (common - 1),
                        common - 1);
}

static void every_step_of(const char *library, const struct work *work)
{
    pid_t child = child_new(work);
    struct own_walk own;
    struct walked_frame before[OWN_FRAMES];
    size_t before_count, steps = 0, deepest = 0;

    own_walk_begin(&own, child);
    walk_child(child, &own);
    assert_int_equal(own.end, WALK_OUTERMOST);
    do {
        before_count = own.count;
        memcpy(before, own.frames, own.count * sizeof before[0]);
        if (!step(child))
            break;
        walk_child(child, &own);
        if (own.end != WALK_OUTERMOST || !follows(before, before_count, &own)) {
            for (size_t i = 0; i < own.count; i++)
                print_error("%zu: %llx by %d, before %llx\n", i, (unsigned long long)own.frames[i].address,
                            own.frames[i].by, i < before_count ? (unsigned long long)before[i].address : 0);
            fail_msg("%s, step %zu: %zu frames, then %zu, end %d", library, steps, before_count, own.count,
                     own.end);
        }
        deepest = own.count > deepest ? own.count : deepest;
    } while (++steps < STEPS_MAX);
    assert_true(steps > 1000 && steps < STEPS_MAX);
    print_message("%s: %zu steps, at most %zu frames\n", library, steps, deepest);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    own_walk_end(&own);
}

static void every_step(const char *library)
{
    struct work work = work_of(library);

    every_step_of(library, &work);
}

static void with_a_table(void **state)
{
    (void)state;
    every_step("frames-plain");
}

static void not_optimized(void **state)
{
    (void)state;
    every_step("frames-unoptimized");
}

static void debug_information_only(void **state)
{
    (void)state;
    every_step("frames-debug");
}

/* But for a function that aligns its stack first: nothing tells of its caller until its frame stands. */
static void frame_pointers_only(void **state)
{
    struct work work = work_of("frames-pointers");

    (void)state;
    work.grows = NULL;
    every_step_of("frames-pointers", &work);
}

static void without_a_table(void **state)
{
    (void)state;
    every_step("frames-no-table");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_table),        cmocka_unit_test(without_a_table),
        cmocka_unit_test(not_optimized),       cmocka_unit_test(debug_information_only),
        cmocka_unit_test(frame_pointers_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
