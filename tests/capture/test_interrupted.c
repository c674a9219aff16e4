/* Stacks that were left for one of a signal's handler: found by the kernel's frames there, made up here. */
#include "capture/interrupted.h"
#include "capture/stack.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum {
    BASE = 0x10000000,
    SIZE = 0x800000,   /* of all memory */
    STACK = 0x10000,   /* of a handler's stack */
    BELOW_TOP = 0x800, /* where the kernel puts the ucontext */
};

static uint8_t *bytes;

static struct memory *memory_of_all(void)
{
    struct memory *memory;

    assert_int_equal(memory_bytes_new(BASE, bytes, SIZE, &memory), 0);
    return memory;
}

static void set_stack_pointer(struct capture_thread *thread, uint64_t address)
{
#if defined(__x86_64__)
    thread->registers.general.rsp = address;
#else
    thread->registers.general.sp = address;
#endif
}

/* A handler on the stack that begins there has interrupted one whose pointer is that. */
static uint64_t put_frame_at(uint64_t address, uint64_t stack, uint64_t size, uint64_t pointer)
{
    ucontext_t context;

    memset(&context, 0, sizeof context);
    context.uc_stack.ss_sp = (void *)(uintptr_t)stack;
    context.uc_stack.ss_size = size;
#if defined(__x86_64__)
    context.uc_mcontext.gregs[REG_RSP] = (long long)pointer;
    context.uc_mcontext.fpregs = (void *)(uintptr_t)((address + 0x200) & ~63ull);
#else
    context.uc_mcontext.sp = pointer;
#endif
    memcpy(bytes + (address - BASE), &context,
           offsetof(ucontext_t, uc_mcontext) + sizeof context.uc_mcontext);
    return address;
}

static uint64_t put_frame(uint64_t stack, uint64_t pointer)
{
    return put_frame_at(stack + STACK - BELOW_TOP, stack, STACK, pointer);
}

static void begin(struct capture *capture, size_t threads, const char *maps)
{
    *capture = (struct capture){.page_size = 4096, .thread_count = threads};
    capture->stacks.limit = SIZE;
    capture->threads = calloc(threads, sizeof capture->threads[0]);
    assert_non_null(capture->threads);
    assert_int_equal(maps_parse(maps, strlen(maps), &capture->maps), 0);
    memset(bytes, 0, SIZE);
}

static void find(struct capture *capture, bool copy)
{
    _cleanup_memory_ struct memory *memory = memory_of_all();

    (void)stacks_choose(capture);
    if (copy)
        assert_int_equal(stacks_copy(capture, memory), 0);
    assert_int_equal(interrupted_stacks_find(capture, memory, copy), 0);
}

/* Handlers' stacks, and those of threads with guards between them. */
static const char usual[] = "10000000-10080000 rw-p 00000000 00:00 0 \n"
                            "10100000-10110000 rw-p 00000000 00:00 0 \n"
                            "10110000-10111000 ---p 00000000 00:00 0 \n"
                            "10111000-10120000 rw-p 00000000 00:00 0 \n"
                            "10200000-10600000 rw-p 00000000 00:00 0 \n"
                            "10700000-10780000 rw-p 00000000 00:00 0 [stack]\n";

static void what_a_handler_has_interrupted(void **state)
{
    static const struct {
        uint64_t pointer, start, end;
    } cases[] = {
        {0x10104ff0, 0x10104000, 0x10110000},
        {0x10104010, 0x10103000, 0x10110000}, /* the red zone is on the page below */
        {0x10110ff0, 0x10111000, 0x10120000}, /* in the guard */
        {0x106ffff0, 0x10700000, 0x10780000}, /* below the main thread's stack */
        {0x10200100, 0x10200000, 0x10300000}, /* at most LIMIT_STACK_MAX */
        {0x10790000, 0, 0},                   /* nowhere */
    };

    (void)state;
    for (size_t i = 0; i < 2 * ELEMENTS_OF(cases); i++) {
        _cleanup_capture_ struct capture capture;
        uint64_t pointer = cases[i / 2].pointer, start = cases[i / 2].start, end = cases[i / 2].end, word = 0;
        bool copy = i % 2;

        begin(&capture, 1, usual);
        (void)put_frame(0x10010000, pointer);
        bytes[start ? start - BASE + 5 : 0] = 77;
        set_stack_pointer(&capture.threads[0], 0x1001f000);
        find(&capture, copy);
        assert_int_equal(capture.interrupted.count, start ? 1 : 0);
        if (!start)
            continue;
        assert_int_equal(capture.interrupted.items[0].start, start);
        assert_int_equal(capture.interrupted.items[0].end, end);
        assert_int_equal(capture_read_stack(&capture, &capture.threads[0], start, &word, sizeof word),
                         copy ? sizeof word : 0);
        assert_int_equal(word, copy ? 77ull << 40 : 0);
        assert_int_equal(capture_read_stack(&capture, &capture.threads[0], end - 1, &word, sizeof word),
                         copy);
        assert_int_equal(capture_read_stack(&capture, &capture.threads[0], end, &word, sizeof word), 0);
    }
}

static void no_frame(void **state)
{
    _cleanup_capture_ struct capture capture;
    ucontext_t *context;
    uint64_t stack = 0x10010000, other = 0x10104ff0;

    (void)state;
    begin(&capture, 1, usual);
    set_stack_pointer(&capture.threads[0], stack + 0x1000);
    (void)put_frame_at(stack + 0x800, stack, STACK, other);                  /* a handler that has returned */
    (void)put_frame_at(stack + STACK - 0x3000, stack, STACK, stack + 16);    /* on the same stack */
    (void)put_frame_at(stack + STACK - 0x2000, stack + STACK, STACK, other); /* of another stack */
    (void)put_frame_at(stack + STACK - 0x2800, 0, UINT64_MAX, other);        /* of all there is */
    (void)put_frame_at(stack + STACK - 0x1808, stack, STACK, other);         /* not aligned */
    context = (void *)(bytes + (put_frame_at(stack + STACK - 0x1000, stack, STACK, other) - BASE));
    memset(&context->uc_link, 1, sizeof context->uc_link);
    find(&capture, true);
    assert_int_equal(capture.interrupted.count, 0);
}

/* One within another, also on stacks that lie side by side; of a chain without end no more than four. */
static void nested(void **state)
{
    _cleanup_capture_ struct capture capture;

    (void)state;
    begin(&capture, 2, usual);
    (void)put_frame(0x10000000, 0x1001f000); /* covered by the stack itself */
    (void)put_frame(0x10010000, 0x10104ff0);
    set_stack_pointer(&capture.threads[0], 0x10000000);
    for (uint64_t stack = 0x10200000; stack < 0x10500000; stack += 0x40000)
        (void)put_frame(stack, stack + 0x4f000);
    for (uint64_t stack = 0x10200000; stack < 0x10500000; stack += 0x40000)
        (void)put_frame(stack + 0x40000, stack + 0x80000 + 0xf000);
    set_stack_pointer(&capture.threads[1], 0x1020f000);
    find(&capture, true);
    assert_int_equal(capture.interrupted.items[0].start, 0x10104000);
    assert_true(capture.interrupted.count <= 5);
    assert_true(capture.interrupted_bytes.size <= LIMIT_INTERRUPTED_BUDGET);
}

/* All want more than there is room for: nobody goes without, and what is small is whole. */
static void many_share_the_room(void **state)
{
    enum { THREADS = 40, APART = 0x30000 };
    _cleanup_capture_ struct capture capture;
    _cleanup_buffer_ struct buffer maps = {0};
    size_t whole = 0;

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(buffer_append_format(&maps, "%x-%x rw-p 00000000 00:00 0 \n", BASE + i * APART,
                                              BASE + i * APART + STACK),
                         0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(buffer_append_format(&maps, "%x-%x rw-p 00000000 00:00 0 \n",
                                              BASE + SIZE + i * 0x200000,
                                              BASE + SIZE + i * 0x200000 + (i % 2 ? 0x2000 : 0x180000)),
                         0);
    begin(&capture, THREADS, buffer_string(&maps));
    for (unsigned i = 0; i < THREADS; i++) {
        (void)put_frame(BASE + i * APART, BASE + SIZE + i * 0x200000 + 0x100);
        set_stack_pointer(&capture.threads[i], BASE + i * APART + STACK - 0x1000);
    }
    find(&capture, true); /* the other stacks can't be read: zeros */
    assert_int_equal(capture.interrupted.count, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        const struct memory_piece *piece = &capture.interrupted.items[i];

        whole += piece->end - piece->start == 0x2000;
        assert_true(piece->end - piece->start == 0x2000 ||
                    piece->end - piece->start >= LIMIT_INTERRUPTED_BUDGET / THREADS);
    }
    assert_int_equal(whole, THREADS / 2);
    assert_true(capture.interrupted_bytes.size <= LIMIT_INTERRUPTED_BUDGET);
    assert_true(capture.interrupted_bytes.size > LIMIT_INTERRUPTED_BUDGET / 10 * 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_handler_has_interrupted),
        cmocka_unit_test(no_frame),
        cmocka_unit_test(nested),
        cmocka_unit_test(many_share_the_room),
    };
    int failed;

    bytes = malloc(SIZE);
    failed = bytes ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    free(bytes);
    return failed;
}
