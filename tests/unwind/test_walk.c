/* Our own stacks, walked and compared with what libgcc's unwinder says, and those that it
 * can't follow: functions without call frame information, code made at run time, calls to nowhere. */
#include "own_walk.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unwind.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define NOT_INLINED __attribute__((noinline))

struct look {
    struct own_walk own;
    uint64_t expected[OWN_FRAMES];
    size_t expected_count;
    unsigned looked;
    bool not_for_libgcc; /* it would be led astray */
};

/* Written behind calls, so that they are no jumps. */
static volatile int sink;

static _Unwind_Reason_Code expect(struct _Unwind_Context *context, void *argument)
{
    struct look *look = argument;

    if (look->expected_count == OWN_FRAMES || _Unwind_GetIP(context) == 0) /* the caller of the outermost */
        return _URC_END_OF_STACK;
    look->expected[look->expected_count++] = _Unwind_GetIP(context);
    return _URC_NO_REASON;
}

NOT_INLINED static void look_here(void *argument)
{
    struct look *look = argument;
    ucontext_t context;
    struct registers registers;

    assert_int_equal(getcontext(&context), 0);
    look->expected_count = 0;
    if (!look->not_for_libgcc)
        (void)_Unwind_Backtrace(expect, look); /* says that it came to the end */
    registers = own_registers(&context);
    own_walk_registers(&look->own, &registers);
    look->looked++;
}

static void as_libgcc_says(const struct look *look)
{
    assert_int_equal(look->own.end, WALK_OUTERMOST);
    assert_int_equal(look->own.count, look->expected_count);
    /* the first are two places in look_here() */
    for (size_t i = 1; i < look->own.count; i++)
        assert_int_equal(look->own.frames[i].address, look->expected[i]);
}

static bool is_in(uint64_t address, const void *function, size_t size)
{
    return address - (uint64_t)(uintptr_t)function < size;
}

NOT_INLINED static int recurse(int depth, struct look *look)
{
    volatile char block[128];

    block[depth % 128] = (char)depth;
    if (depth == 0)
        look_here(look);
    else
        sink += recurse(depth - 1, look);
    return block[depth % 128] + sink;
}

static void nested_calls(void **state)
{
    struct look look = {0};

    (void)state;
    own_walk_begin(&look.own, 0);
    recurse(100, &look);
    assert_true(look.own.count > 101);
    as_libgcc_says(&look);
    for (size_t i = 0; i < look.own.count; i++) {
        assert_int_equal(look.own.frames[i].is_return, i > 0);
        assert_int_equal(look.own.frames[i].by, i > 0 ? WALKED_BY_CFI : WALKED_BY_REGISTERS);
        assert_false(look.own.frames[i].is_signal);
    }
    own_walk_end(&look.own);
}

static struct look *of_handler;

static int compare_and_look(const void *left, const void *right)
{
    if (of_handler->looked == 0)
        look_here(of_handler);
    return *(const int *)left - *(const int *)right;
}

static void callbacks_of_the_c_library(void **state)
{
    struct look look = {0};
    int numbers[] = {3, 1, 2, 5, 4};

    (void)state;
    own_walk_begin(&look.own, 0);
    of_handler = &look;
    qsort(numbers, ELEMENTS_OF(numbers), sizeof numbers[0], compare_and_look);
    as_libgcc_says(&look);
    own_walk_end(&look.own);
}

static void handler(int number)
{
    sink += number;
    look_here(of_handler);
    sink++;
}

static size_t signals_in(const struct own_walk *own)
{
    size_t count = 0;

    for (size_t i = 0; i < own->count; i++)
        if (own->frames[i].is_signal) {
            count++;
            assert_false(own->frames[i + 1].is_return);
        }
    return count;
}

static void a_signal_handler(void **state)
{
    static char other_stack[64 * 1024];
    const stack_t own_stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack},
                  none = {.ss_flags = SS_DISABLE};

    (void)state;
    /* on the same stack, then on one of its own, which lies far below */
    for (int on_stack = 0; on_stack < 2; on_stack++) {
        struct look look = {0};
        struct sigaction action = {.sa_handler = handler, .sa_flags = on_stack ? SA_ONSTACK : 0}, before;

        own_walk_begin(&look.own, 0);
        of_handler = &look;
        assert_int_equal(sigaltstack(&own_stack, NULL), 0);
        assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
        assert_int_equal(raise(SIGUSR1), 0);
        assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
        assert_int_equal(sigaltstack(&none, NULL), 0);
        assert_int_equal(look.looked, 1);
        as_libgcc_says(&look);
        assert_int_equal(signals_in(&look.own), 1);
        own_walk_end(&look.own);
    }
}

static struct own_walk in_handler;
static sigjmp_buf back;

/* Walks what the signal has interrupted. */
static void walk_interrupted(int number, siginfo_t *info, void *context)
{
    struct registers registers = own_registers(context);

    (void)info;
    own_walk_registers(&in_handler, &registers);
    if (number == SIGSEGV)
        siglongjmp(back, 1);
}

static void catch (int number, struct sigaction *before)
{
    struct sigaction action = {.sa_sigaction = walk_interrupted, .sa_flags = SA_SIGINFO};

    assert_int_equal(sigaction(number, &action, before), 0);
}

NOT_INLINED static void call_nowhere(void (*volatile nowhere)(void))
{
    nowhere();
    sink++;
}

static void a_call_to_nowhere(void **state)
{
    static char no_code[16];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sigaction before;

        own_walk_begin(&in_handler, 0);
        catch (SIGSEGV, &before);
        if (sigsetjmp(back, 1) == 0)
            call_nowhere(i == 0 ? NULL : (void (*)(void))(uintptr_t)no_code);
        assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
        assert_int_equal(in_handler.frames[0].address, i == 0 ? 0 : (uint64_t)(uintptr_t)no_code);
        assert_true(in_handler.count > 4);
        assert_true(is_in(in_handler.frames[1].address, (const void *)&call_nowhere, 256));
        assert_int_equal(in_handler.frames[1].by, WALKED_BY_GUESS);
        assert_true(in_handler.frames[1].is_return);
        assert_int_equal(in_handler.frames[2].by, WALKED_BY_CFI);
        assert_int_equal(in_handler.end, WALK_OUTERMOST);
        own_walk_end(&in_handler);
    }
}

/* frames_calls() of one form of the library, with a function of ours at both of its ends. */
NOT_INLINED static void of_library(const char *name, enum walked_by by)
{
    struct look look = {0};
    char path[4096];
    void *library;
    int (*calls)(void (*)(void *), void *);

    snprintf(path, sizeof path, "%s/%s.so", UNWIND, name);
    library = dlopen(path, RTLD_NOW);
    assert_non_null(library);
    *(void **)&calls = dlsym(library, "frames_calls");
    assert_non_null(calls);
    own_walk_begin(&look.own, 0);
    sink += calls(look_here, &look);
    assert_int_equal(look.own.end, WALK_OUTERMOST);
    assert_true(is_in(look.own.frames[1].address, *(void **)&calls, 64));
    assert_int_equal(look.own.frames[2].by, by);
    assert_true(is_in(look.own.frames[2].address, (const void *)&of_library, 8192));
    for (size_t i = 3; i < look.own.count; i++)
        assert_int_equal(look.own.frames[i].by, WALKED_BY_CFI);
    assert_true(look.own.count > 5);
    own_walk_end(&look.own);
    dlclose(library);
}

static void all_forms_of_information(void **state)
{
    (void)state;
    of_library("frames-plain", WALKED_BY_CFI);
    of_library("frames-no-table", WALKED_BY_CFI);
    of_library("frames-debug", WALKED_BY_CFI);
    of_library("frames-compressed", WALKED_BY_CFI);
    of_library("frames-none", WALKED_BY_FRAME_POINTER);
}

static void as_many_as_there_is_room_for(void **state)
{
    struct own_walk own;
    struct walked_frame few[3];
    enum walk_end end;
    ucontext_t context;
    struct registers registers;
    struct walk_process process;

    (void)state;
    own_walk_begin(&own, 0);
    process = (struct walk_process){own.images, &own.maps, own.memory};
    assert_int_equal(getcontext(&context), 0);
    registers = own_registers(&context);
    assert_int_equal(walk_stack(&process, &registers, few, ELEMENTS_OF(few), &end), ELEMENTS_OF(few));
    assert_int_equal(end, WALK_TOO_DEEP);
    assert_int_equal(walk_stack(&process, &registers, few, 0, &end), 0);
    own_walk_end(&own);
}

NOT_INLINED static void walk_ever_more(struct own_walk *own, const struct registers *registers)
{
    enum { COPIED = 128 * 1024, STEP = 40 };
    _cleanup_free_ char *copy = malloc(COPIED);
    uint64_t here = registers_stack_pointer(registers);
    size_t whole, last = 0;

    own_walk_registers(own, registers);
    whole = own->count;
    assert_true(memory_read_padded(own->memory, here, copy, COPIED, 4096) > 0);
    for (size_t size = 0; size <= COPIED; size += STEP) {
        _cleanup_memory_ struct memory *part = NULL;
        struct walk_process process = {own->images, &own->maps, NULL};
        size_t count;

        assert_int_equal(memory_bytes_new(here, copy, size, &part), 0);
        process.memory = part;
        count = walk_stack(&process, registers, own->frames, OWN_FRAMES, &own->end);
        assert_true(count >= last && count <= whole);
        assert_int_equal(own->end, count == whole ? WALK_OUTERMOST : WALK_NO_MEMORY);
        last = count;
    }
    assert_int_equal(last, whole);
}

static void a_stack_that_was_copied_in_part(void **state)
{
    struct own_walk own;
    ucontext_t context;
    struct registers registers;

    (void)state;
    own_walk_begin(&own, 0);
    assert_int_equal(getcontext(&context), 0);
    registers = own_registers(&context);
    walk_ever_more(&own, &registers);
    own_walk_end(&own);
}

#if defined(__x86_64__)
/* A leaf without CFI that has no frame: its caller's frame pointer would lead past the caller. */
void bare_leaf(void);
__asm__(".text\n.globl bare_leaf\n.type bare_leaf,@function\n"
        "bare_leaf: int3\nret\n.size bare_leaf, . - bare_leaf");

NOT_INLINED static void call_leaf(void)
{
    bare_leaf();
    sink++;
}

static void a_leaf_without_anything(void **state)
{
    struct sigaction before;

    (void)state;
    own_walk_begin(&in_handler, 0);
    catch (SIGTRAP, &before);
    call_leaf();
    assert_int_equal(sigaction(SIGTRAP, &before, NULL), 0);
    assert_true(is_in(in_handler.frames[0].address, (const void *)&bare_leaf, 3));
    assert_true(is_in(in_handler.frames[1].address, (const void *)&call_leaf, 256));
    assert_int_equal(in_handler.frames[1].by, WALKED_BY_GUESS);
    assert_int_equal(in_handler.end, WALK_OUTERMOST);
    own_walk_end(&in_handler);
}

/* As musl has it: the code that a handler returns to has no CFI. Before the second stands a function that
 * has. */
void lone_restorer(void);
void restorer_behind(void);
__asm__(".text\nnop\nnop\n.globl lone_restorer\n.type lone_restorer,@function\n"
        "lone_restorer: mov $15, %rax\nsyscall\n.size lone_restorer, . - lone_restorer\n"
        ".cfi_startproc\nnop\nnop\n.cfi_endproc\n.globl restorer_behind\n.type restorer_behind,@function\n"
        "restorer_behind: mov $15, %rax\nsyscall\n.size restorer_behind, . - restorer_behind");

static void through_restorer(void (*restorer)(void))
{
    struct look look = {.not_for_libgcc = true};
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {handler, 0x04000000 /* SA_RESTORER */, restorer, 0}, before;
    size_t at = 0;

    own_walk_begin(&look.own, 0);
    of_handler = &look;
    assert_int_equal(syscall(SYS_rt_sigaction, SIGUSR2, &action, &before, 8), 0);
    assert_int_equal(raise(SIGUSR2), 0);
    assert_int_equal(syscall(SYS_rt_sigaction, SIGUSR2, &before, NULL, 8), 0);
    assert_int_equal(look.looked, 1);
    assert_int_equal(look.own.end, WALK_OUTERMOST);
    assert_int_equal(signals_in(&look.own), 1);
    while (!look.own.frames[at].is_signal)
        at++;
    assert_int_equal(look.own.frames[at].address, (uint64_t)(uintptr_t)restorer);
    assert_int_equal(look.own.frames[at + 1].by, WALKED_BY_CFI);
    own_walk_end(&look.own);
}

static void a_signal_frame_without_information(void **state)
{
    (void)state;
    through_restorer(lone_restorer);
    through_restorer(restorer_behind);
}

NOT_INLINED static void call_made(void (*made)(void (*)(void *), void *), struct look *look)
{
    made(look_here, look);
    sink++;
}

static void code_made_at_run_time(void **state)
{
    /* push rbp; mov rbp, rsp; sub rsp, 32; mov rax, rdi; mov rdi, rsi; call rax; leave; ret */
    static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x48,
                                   0x89, 0xf8, 0x48, 0x89, 0xf7, 0xff, 0xd0, 0xc9, 0xc3};
    struct look look = {0};
    void (*made)(void (*)(void *), void *);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(page != MAP_FAILED);
    memcpy(page, code, sizeof code);
    assert_int_equal(mprotect(page, 4096, PROT_READ | PROT_EXEC), 0);
    own_walk_begin(&look.own, 0);
    *(void **)&made = page;
    call_made(made, &look);
    assert_int_equal(look.own.end, WALK_OUTERMOST);
    assert_true(is_in(look.own.frames[1].address, page, sizeof code));
    assert_true(is_in(look.own.frames[2].address, (const void *)&call_made, 256));
    assert_int_equal(look.own.frames[2].by, WALKED_BY_FRAME_POINTER);
    assert_int_equal(look.own.frames[3].by, WALKED_BY_CFI);
    own_walk_end(&look.own);
    munmap(page, 4096);
}

/* Chains of frame pointers that lead to themselves, back, to nowhere, and to data. */
static void chains_made_to_mislead(void **state)
{
    static const char text[] = "10000-11000 r-xp 00000000 00:00 0 \n20000-24000 rw-p 00000000 00:00 0 \n";
    static uint64_t stack[0x4000 / 8];
    const struct registers registers = {.general = {.rip = 0x10010, .rsp = 0x20000, .rbp = 0x20100}};
    const struct {
        uint64_t next, address;
        size_t count;
        enum walk_end end;
    } cases[] = {
        {0x20100, 0x10020, 2, WALK_LOST}, /* itself */
        {0x20080, 0x10020, 2, WALK_LOST}, /* back */
        {0x20204, 0x10020, 2, WALK_LOST}, /* not aligned */
        {0, 0x10020, 2, WALK_OUTERMOST},       {0, 0, 1, WALK_OUTERMOST},
        {0x30000, 0x10020, 2, WALK_LOST},                                        /* not mapped */
        {0x23ff8, 0x10020, 2, WALK_NO_MEMORY}, {0x20200, 0x20020, 1, WALK_LOST}, /* no code */
        {UINT64_MAX, 0x10020, 2, WALK_LOST},   {UINT64_MAX - 7, 0x10020, 2, WALK_LOST},
    };
    struct map_list maps = {0};
    _cleanup_memory_ struct memory *memory = NULL;
    const struct module_list none_loaded = {0};
    struct images *none;

    (void)state;
    assert_int_equal(maps_parse(text, sizeof text - 1, &maps), 0);
    assert_int_equal(memory_bytes_new(0x20000, stack, sizeof stack, &memory), 0);
    assert_int_equal(images_new(&maps, &none_loaded, NULL, memory, &none), 0);
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        const struct walk_process process = {none, &maps, memory};
        struct walked_frame frames[16];
        enum walk_end end;

        stack[0x100 / 8] = cases[i].next;
        stack[0x108 / 8] = cases[i].address;
        assert_int_equal(walk_stack(&process, &registers, frames, ELEMENTS_OF(frames), &end), cases[i].count);
        assert_int_equal(end, cases[i].end);
    }
    images_free(none);
    map_list_release(&maps);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_calls),
        cmocka_unit_test(callbacks_of_the_c_library),
        cmocka_unit_test(a_signal_handler),
        cmocka_unit_test(a_call_to_nowhere),
        cmocka_unit_test(all_forms_of_information),
        cmocka_unit_test(as_many_as_there_is_room_for),
        cmocka_unit_test(a_stack_that_was_copied_in_part),
#if defined(__x86_64__)
        cmocka_unit_test(a_leaf_without_anything),
        cmocka_unit_test(a_signal_frame_without_information),
        cmocka_unit_test(code_made_at_run_time),
        cmocka_unit_test(chains_made_to_mislead),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
