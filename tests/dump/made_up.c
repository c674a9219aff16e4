#include "made_up.h"

#include <errno.h>
#include <string.h>

static const char maps_text[] =
    "400000-401000 r--p 00000000 08:01 11 /opt/app/program\n"
    "401000-403000 r-xp 00001000 08:01 11 /opt/app/program\n"
    "403000-404000 rw-p 00003000 08:01 11 /opt/app/program\n"
    "404000-406000 rw-p 00000000 00:00 0 \n"
    "500000-600000 rw-p 00000000 00:00 0 [heap]\n"
    "700000000000-700000001000 r--p 00000000 08:01 12 /lib/libold.so.1 (deleted)\n"
    "700000001000-700000002000 r-xp 00001000 08:01 12 /lib/libold.so.1 (deleted)\n"
    "710000000000-710000100000 rw-s 00000000 00:05 13 /dev/dri/card0\n"
    "720000000000-720000010000 rw-s 00000000 00:01 14 /dev/shm/shared\n"
    "728000000000-728000003000 r--s 00000000 08:01 15 /opt/app/app.dll\n"
    "729000000000-729000002000 rw-s 00001000 00:01 16 /memfd:doublemapper (deleted)\n"
    "730000000000-730000001000 ---p 00000000 00:00 0 \n"
    "730000001000-730000041000 rw-p 00000000 00:00 0 \n"
    "7fff00000000-7fff00020000 rw-p 00000000 00:00 0 [stack]\n"
    "7fff10000000-7fff10004000 r--p 00000000 00:00 0 [vvar]\n"
    "7fff10004000-7fff10006000 r-xp 00000000 00:00 0 [vdso]\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n";

static ssize_t made_up_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct made_up *made =
        (const struct made_up *)((const char *)memory - offsetof(struct made_up, memory));
    size_t done = 0;

    if (made->gone)
        return -ESRCH;
    while (done < size) {
        uint64_t at = address + done, page = at & ~(uint64_t)(MADE_UP_PAGE - 1),
                 word = made_up_word(at & ~7ull);
        const struct map *map = maps_find(&made->capture.maps, at);
        size_t now = 8 - at % 8;

        if (!map || !(map->permissions & MAP_READ) || page == made->unreadable)
            break;
        if (now > size - done)
            now = size - done;
        memcpy((char *)bytes + done, (char *)&word + at % 8, now);
        done += now;
    }
    return done ? (ssize_t)done : -EIO;
}

static const struct memory_ops made_up_ops = {.name = "made up", .read = made_up_read};

static void must(bool held)
{
    if (!held)
        abort();
}

static void add_module(struct capture *capture, struct module module, const char *path)
{
    must(ARRAY_RESERVE(&capture->modules, 1, LIMIT_MODULES) == 0);
    module.path = strdup(path);
    must(module.path != NULL);
    capture->modules.items[capture->modules.count++] = module;
}

static void set_registers(struct registers *registers, uint64_t stack_pointer, uint64_t program_counter)
{
#if defined(__x86_64__)
    registers->general.rsp = stack_pointer;
    registers->general.rip = program_counter;
    registers->general.rax = 0x1111;
    registers->general.rcx = 0x2222;
    registers->general.rdx = 0x3333;
    registers->general.rbx = 0x4444;
    registers->general.r15 = 0x5555;
    registers->general.cs = 0x33;
    registers->general.ss = 0x2b;
    registers->general.eflags = 0x246;
    registers->general.fs_base = 0x730000040100;
    registers->floating.mxcsr = 0x1fa0;
    registers->floating.xmm_space[0] = 0xabcdef;
#else
    registers->general.sp = stack_pointer;
    registers->general.pc = program_counter;
#endif
}

static void add_threads(struct capture *capture)
{
    static const struct {
        uint64_t start, size;
    } stacks[MADE_UP_THREADS] = {
        {0x7fff0001e000, 0x2000},
        {0x730000001000, 0x3000},
        {0x730000003000, 0x4000}, /* overlaps the one before */
        {0, 0},                   /* its stack pointer was rubbish */
    };
    static const char *const names[MADE_UP_THREADS] = {"main", "worker \xf0\x9f\x90\xa2", "bad \xff\xc3 name",
                                                       ""};

    capture->threads = calloc(MADE_UP_THREADS, sizeof capture->threads[0]);
    must(capture->threads != NULL);
    for (size_t i = 0; i < MADE_UP_THREADS; i++) {
        struct capture_thread *thread = &capture->threads[i];

        thread->id = 100 + (pid_t)i;
        (void)snprintf(thread->name, sizeof thread->name, "%s", names[i]);
        thread->stack_start = stacks[i].start;
        thread->stack_size = stacks[i].size;
        thread->start_time = 1700000000000000000 + (int64_t)i;
        thread->user_time = 2000000000;
        thread->start_address = 0x401100;
        set_registers(&thread->registers, stacks[i].start ? stacks[i].start + 0x200 : 0x1234,
                      0x401000 + i * 16);
    }
    capture->thread_count = MADE_UP_THREADS;
    capture->requesting_thread = 101;
}

static void copy_stacks(struct made_up *made)
{
    struct capture *capture = &made->capture;

    must(buffer_reserve(&capture->stacks, 1 << 20) == 0);
    for (size_t i = 0; i < capture->thread_count; i++) {
        struct capture_thread *thread = &capture->threads[i];
        uint8_t *bytes = (uint8_t *)capture->stacks.data + capture->stacks.size;

        if (thread->stack_size == 0)
            continue;
        must(memory_read_exactly(&made->memory, thread->stack_start, bytes, thread->stack_size) == 0);
        thread->stack = bytes;
        capture->stacks.size += thread->stack_size;
    }
}

static void add_file(struct capture *capture, int fd, const char *text)
{
    must(ARRAY_RESERVE(&capture->files, 1, LIMIT_FILES) == 0);
    capture->files.items[capture->files.count++] = (struct open_file){.fd = fd, .text = strdup(text)};
}

void made_up_init(struct made_up *made, bool with_stacks)
{
    static const uint64_t auxv[] = {6, 4096, 9, 0x401000, 0, 0};
    struct capture *capture = &made->capture;
    struct module program = {
        .base = 0x400000, .size = 0x6000, .build_id = "0123456789abcdefghij", .build_id_size = 20};
    struct module old = {
        .base = 0x700000000000, .size = 0x20000000000, .deleted = true}; /* reaches into the next */
    struct module vdso = {.base = 0x7fff10004000, .size = 0x2000, .build_id = "vdso", .build_id_size = 4};

    *made = (struct made_up){.memory.ops = &made_up_ops};
    *capture = (struct capture){.pid = 100,
                                .parent = 1,
                                .user = 1000,
                                .page_size = MADE_UP_PAGE,
                                .time = 1700000001500000000,
                                .start_time = 1700000000000000000,
                                .user_time = 3000000000,
                                .system_time = 1000000000};
    (void)snprintf(capture->name, sizeof capture->name, "program");
    (void)snprintf(capture->machine_version, sizeof capture->machine_version,
                   "Linux 6.1.27-made #1 SMP x86_64");
    must(maps_parse(maps_text, strlen(maps_text), &capture->maps) == 0);
    must(buffer_append_string(&capture->maps_text, maps_text) == 0);
    must(buffer_append_string(&capture->status_text, "Name:\tprogram\nPid:\t100\n") == 0);
    must(buffer_append(&capture->cmdline, "program\0--flag\0", 15) == 0);
    must(buffer_append(&capture->environ, "SECRET=hunter2\0", 15) == 0);
    must(buffer_append(&capture->auxv, auxv, sizeof auxv) == 0);
    must(buffer_append_string(&capture->cpuinfo_text,
                              "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
                              "model name\t: Made Up\nstepping\t: 8\n\nprocessor\t: 1\nmodel\t\t: 1\n") == 0);
    add_module(capture, old, "/lib/libold.so.1");
    add_module(capture, vdso, "[vdso]");
    add_module(capture, program, "/opt/app/program");
    /* ascending base */
    program = capture->modules.items[2];
    memmove(&capture->modules.items[1], &capture->modules.items[0], 2 * sizeof program);
    capture->modules.items[0] = program;
    add_threads(capture);
    add_file(capture, 0, "/dev/null");
    add_file(capture, 3, "tcp 127.0.0.1:80 -> 10.0.0.2:5123");
    if (with_stacks)
        copy_stacks(made);
}

void made_up_release(struct made_up *made)
{
    capture_release(&made->capture);
}
