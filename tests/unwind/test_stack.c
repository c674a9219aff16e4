/* The stacks of a capture that is made up of our own process. */
#include "own_walk.h"
#include "unwind/stack.h"

#include "base/limits.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define NOT_INLINED __attribute__((noinline))

enum { THREADS = 4, GONE = 2, COPIED = 256 * 1024 };

static volatile int sink;

/* Threads of the same registers and stack, but for one that ended before its registers were read. */
static void make_capture(struct own_walk *own, const struct registers *registers, struct capture *capture)
{
    uint64_t start = registers_stack_pointer(registers) & ~4095ull;
    const struct map *map = maps_find(&own->maps, start);
    uint64_t size = map->end - start < COPIED ? map->end - start : COPIED;

    *capture = (struct capture){.page_size = 4096, .maps = own->maps, .modules = own->modules};
    capture->stacks.limit = COPIED;
    assert_int_equal(buffer_reserve(&capture->stacks, size), 0);
    assert_true(memory_read_padded(own->memory, start, capture->stacks.data, size, 4096) > 0);
    capture->threads = calloc(THREADS, sizeof capture->threads[0]);
    assert_non_null(capture->threads);
    capture->thread_count = THREADS;
    for (int i = 0; i < THREADS; i++)
        capture->threads[i] = (struct capture_thread){.id = 100 + i,
                                                      .registers = *registers,
                                                      .stack_start = start,
                                                      .stack_size = size,
                                                      .stack = (const uint8_t *)capture->stacks.data};
    memset(&capture->threads[GONE].registers, 0, sizeof capture->threads[GONE].registers);
}

static void with_capture(const struct registers *registers,
                         void (*check)(struct own_walk *, const struct capture *))
{
    struct own_walk own;
    struct capture capture;

    own_walk_begin(&own, 0);
    own_walk_registers(&own, registers);
    make_capture(&own, registers, &capture);
    check(&own, &capture);
    buffer_release(&capture.stacks);
    free(capture.threads);
    own_walk_end(&own);
}

NOT_INLINED static void inner_function(void (*check)(struct own_walk *, const struct capture *))
{
    ucontext_t context;
    struct registers registers;

    assert_int_equal(getcontext(&context), 0);
    registers = own_registers(&context);
    with_capture(&registers, check);
    sink++;
}

NOT_INLINED static void outer_function(void (*check)(struct own_walk *, const struct capture *))
{
    inner_function(check);
    sink++;
}

static void check_all(struct own_walk *own, const struct capture *capture)
{
    const struct stacks_options options = {.memory = own->memory, .process = &own->process};
    _cleanup_stacks_ struct stacks stacks = {0};

    assert_int_equal(stacks_unwind(capture, &options, &stacks), 0);
    assert_int_equal(stacks.count, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        const struct thread_stack *stack = &stacks.items[i];

        assert_ptr_equal(stack->thread, &capture->threads[i]);
        if (i == GONE) {
            assert_int_equal(stack->count, 0);
            assert_int_equal(stack->end, WALK_LOST);
            continue;
        }
        assert_int_equal(stack->end, WALK_OUTERMOST);
        assert_int_equal(stack->count, own->count); /* without lines nothing is known of inlined functions */
        for (size_t j = 0; j < stack->count; j++) {
            assert_int_equal(stack->frames[j].address, own->frames[j].address);
            assert_int_equal(stack->frames[j].by, own->frames[j].by);
            assert_non_null(stack->frames[j].module);
            assert_null(stack->frames[j].file);
            assert_ptr_equal(stack->frames[j].function, stacks.items[0].frames[j].function);
        }
        assert_string_equal(stack->frames[0].function, "inner_function");
        assert_string_equal(stack->frames[1].function, "outer_function");
        assert_int_equal(stack->frames[1].address - stack->frames[1].offset,
                         (uint64_t)(uintptr_t)&outer_function);
        assert_string_equal(stack->frames[stack->count - 1].function, "_start");
    }
}

static void check_lines(struct own_walk *own, const struct capture *capture)
{
    const struct stacks_options options = {.lines = true, .memory = own->memory, .process = &own->process};
    _cleanup_stacks_ struct stacks stacks = {0};

    assert_int_equal(stacks_unwind(capture, &options, &stacks), 0);
    assert_true(stacks.items[0].count >= own->count);
    assert_non_null(stacks.items[0].frames[0].file);
    assert_non_null(strstr(stacks.items[0].frames[0].file, "test_stack.c"));
    assert_true(stacks.items[0].frames[0].line > 0);
}

static void check_parts(struct own_walk *own, const struct capture *capture)
{
    const struct stacks_options few = {.most_frames = 2, .process = &own->process},
                                one = {.only = 103, .process = &own->process},
                                none = {.only = 99, .process = &own->process};
    _cleanup_stacks_ struct stacks stacks = {0};

    assert_int_equal(stacks_unwind(capture, &few, &stacks), 0); /* nor is there any memory but the stacks */
    assert_int_equal(stacks.items[0].count, 2);
    assert_int_equal(stacks.items[0].end, WALK_TOO_DEEP);
    stacks_release(&stacks);
    assert_int_equal(stacks_unwind(capture, &one, &stacks), 0);
    assert_int_equal(stacks.count, 1);
    assert_int_equal(stacks.items[0].thread->id, 103);
    assert_int_equal(stacks.items[0].count, own->count);
    stacks_release(&stacks);
    assert_int_equal(stacks_unwind(capture, &none, &stacks), 0);
    assert_int_equal(stacks.count, 0);
}

static void all_threads(void **state)
{
    (void)state;
    outer_function(check_all);
}

static void with_lines(void **state)
{
    (void)state;
    outer_function(check_lines);
}

static void parts(void **state)
{
    (void)state;
    outer_function(check_parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_threads),
        cmocka_unit_test(with_lines),
        cmocka_unit_test(parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
