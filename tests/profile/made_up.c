#include "made_up.h"

#include "base/limits.h"

enum { MORE_MAIN = 0, MORE_WORKER = 4 }; /* of the stacks below */
enum { PROGRAM, LIBRARY, HOSTILE, KERNEL, MODULES };

static const struct profile_module_facts modules[MODULES] = {
    [PROGRAM] = {"/srv/app/program", "00112233445566778899aabbccddeeff01020304", 0x400000, 0x500000,
                 0x400000},
    [LIBRARY] = {"/lib/libc.so.6", "ffeeddccbbaa99887766554433221100aabbccdd", 0x7f0000000000, 0x7f0000200000,
                 0},
    [HOSTILE] = {"/tmp/<&\";\n\xff.so", NULL, 0x7f1000000000, 0x7f1000100000, 0},
    [KERNEL] = {"[kernel]", NULL, 0, 0, 0},
};

enum {
    MAIN,      /* calls the others */
    MAIN_SPIN, /* where spin is inlined */
    SPIN,
    HOT,
    HOT_LATER, /* another instruction of it */
    RECURSE,
    RECURSE_DEEP,
    READ,
    SYSCALL,
    START,
    BAD,
    NAMELESS,
    PYTHON,
    FRAMES
};

static const struct made_up_frame {
    const char *function, *file;
    uint64_t address;
    unsigned line;
    int module; /* -1: none */
    bool kernel, inlined;
} frames[FRAMES] = {
    [MAIN] = {"main", "main.c", 0x401010, 12, PROGRAM, false, false},
    [MAIN_SPIN] = {"main", "main.c", 0x401050, 10, PROGRAM, false, false},
    [SPIN] = {"spin", "spin.h", 0x401050, 3, PROGRAM, false, true},
    [HOT] = {"hot", "hot.c", 0x402000, 20, PROGRAM, false, false},
    [HOT_LATER] = {"hot", "hot.c", 0x402008, 21, PROGRAM, false, false},
    [RECURSE] = {"recurse", "recurse.c", 0x403000, 5, PROGRAM, false, false},
    [RECURSE_DEEP] = {"recurse", "recurse.c", 0x403004, 6, PROGRAM, false, false},
    [READ] = {"read", NULL, 0x7f0000001000, 0, LIBRARY, false, false},
    [SYSCALL] = {"do_syscall_64", NULL, 0xffffffff81000010, 0, KERNEL, true, false},
    [START] = {"start_thread", NULL, 0x7f0000002000, 0, LIBRARY, false, false},
    [BAD] = {MADE_UP_HOSTILE, "/tmp/\"<&>.c", 0x7f1000000100, 1, HOSTILE, false, false},
    [NAMELESS] = {NULL, NULL, 0x7f1000000abc, 0, HOSTILE, false, false},
    [PYTHON] = {"run", "script.py", 0, 7, -1, false, false},
};

/* Innermost first. */
static const struct made_up_stack {
    int thread;
    unsigned count;
    size_t depth;
    int frames[8];
} stacks[] = {
    {0, 300, 3, {HOT, SPIN, MAIN_SPIN}},
    {0, 120, 3, {HOT_LATER, SPIN, MAIN_SPIN}},
    {0, 200, 6, {RECURSE_DEEP, RECURSE, RECURSE, RECURSE, RECURSE, MAIN}},
    {0, 80, 3, {SYSCALL, READ, MAIN}},
    {1, 240, 3, {HOT, BAD, START}},
    {1, 50, 2, {NAMELESS, START}},
    {1, 10, 2, {PYTHON, START}},
};

static int add_frames(struct profile *profile, uint32_t numbers[FRAMES])
{
    uint32_t module_numbers[MODULES];
    int r = 0;

    for (int i = 0; r == 0 && i < MODULES; i++) /* the program is not the first: writers look for it */
        r = profile_add_module(profile, &modules[MODULES - 1 - i], &module_numbers[MODULES - 1 - i]);
    for (int i = 0; r == 0 && i < FRAMES; i++) {
        const struct made_up_frame *frame = &frames[i];
        struct profile_frame_facts facts = {.function = frame->function,
                                            .file = frame->file,
                                            .address = frame->address,
                                            .line = frame->line,
                                            .module = frame->module < 0 ? 0 : module_numbers[frame->module],
                                            .kernel = frame->kernel,
                                            .inlined = frame->inlined};
        r = profile_intern_frame(profile, &facts, &numbers[i]);
    }
    return r;
}

/* Half of them in each thread. */
static int add_more(struct profile *profile, const uint32_t numbers[FRAMES], const uint32_t threads[2])
{
    static const size_t which[2] = {MORE_MAIN, MORE_WORKER};
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < LIMIT_PROFILE_LOG; i++) {
        uint32_t stack[8];

        for (size_t at = 0; at < stacks[which[i % 2]].depth; at++)
            stack[at] = numbers[stacks[which[i % 2]].frames[at]];
        r = profile_add_sample(profile, (MADE_UP_SAMPLES + i) * MADE_UP_PERIOD, threads[i % 2], stack,
                               stacks[which[i % 2]].depth);
    }
    return r;
}

/* One of each stack in turn, as long as it has any left: threads and stacks alternate. */
static int add_samples(struct profile *profile, const uint32_t numbers[FRAMES], const uint32_t threads[2])
{
    unsigned done[ELEMENTS_OF(stacks)] = {0};
    uint64_t time = 0;
    int r = 0;

    for (bool more = true; more && r == 0;) {
        more = false;
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(stacks); i++) {
            uint32_t stack[8];

            if (done[i] == stacks[i].count)
                continue;
            for (size_t at = 0; at < stacks[i].depth; at++)
                stack[at] = numbers[stacks[i].frames[at]];
            r = profile_add_sample(profile, time, threads[stacks[i].thread], stack, stacks[i].depth);
            time += MADE_UP_PERIOD;
            done[i]++;
            more = true;
        }
    }
    return r;
}

int made_up_profile(bool full, struct profile *ret_profile)
{
    static const struct profile_facts facts = {
        .pid = 4201,
        .name = "pro<gram>;\xff",
        .command_line = "/srv/app/program --serve \"<&>\"",
        .executable = "/srv/app/program",
        .began = 1795242600123000000,
        .period = MADE_UP_PERIOD,
        .what = PROFILE_CPU,
        .processors = 4,
        .host = "host",
        .machine = "Linux 6.1.0, x86_64",
        .how = "Made up.",
    };
    _cleanup_profile_ struct profile profile = {0};
    uint32_t numbers[FRAMES], threads[2];
    int r = profile_init(&profile, &facts);

    if (r == 0)
        r = profile_add_thread(&profile, 4201, "main", &threads[0]);
    if (r == 0)
        r = profile_add_thread(&profile, 4202, "work<er>&;", &threads[1]);
    if (r == 0)
        r = add_frames(&profile, numbers);
    if (r == 0)
        r = add_samples(&profile, numbers, threads);
    if (r == 0 && full)
        r = add_more(&profile, numbers, threads);
    if (r < 0)
        return r;
    profile.duration = profile.samples * MADE_UP_PERIOD;
    profile.lost = 7;
    *ret_profile = profile;
    profile = (struct profile){0};
    return 0;
}
