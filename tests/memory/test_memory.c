#include "memory/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

static void reads_bytes_at_their_base(void **state)
{
    _cleanup_memory_ struct memory *memory = NULL;
    char got[8] = "";
    uint16_t u16;
    uint32_t u32 = 7;
    uint64_t u64;

    (void)state;
    assert_int_equal(memory_bytes_new(0x1000, "\1\2\3\4\5\6\7\10ab", 11, &memory), 0);
    assert_int_equal(memory_read(memory, 0x1008, got, 8), 3);
    assert_string_equal(got, "ab");
    assert_int_equal(memory_read(memory, 0xfff, got, 8), -EIO);
    assert_int_equal(memory_read(memory, 0x100b, got, 1), -EIO);
    assert_int_equal(memory_read(memory, UINT64_MAX, got, 8), -EIO);
    assert_int_equal(memory_read_u16(memory, 0x1000, &u16), 0);
    assert_int_equal(u16, 0x0201);
    assert_int_equal(memory_read_u64(memory, 0x1000, &u64), 0);
    assert_true(u64 == 0x0807060504030201u);
    assert_int_equal(memory_read_u32(memory, 0x1008, &u32), -EIO);
    assert_int_equal(u32, 7);
}

static void strings_must_end(void **state)
{
    _cleanup_memory_ struct memory *memory = NULL;
    char text[8];

    (void)state;
    assert_int_equal(memory_bytes_new(0, "abc\0defg", 8, &memory), 0);
    assert_int_equal(memory_read_string(memory, 0, text, sizeof text), 0);
    assert_string_equal(text, "abc");
    assert_int_equal(memory_read_string(memory, 0, text, 3), -ENAMETOOLONG);
    assert_int_equal(memory_read_string(memory, 4, text, 4), -ENAMETOOLONG);
    assert_int_equal(memory_read_string(memory, 4, text, 8), -EIO); /* runs out of mapped bytes */
    assert_int_equal(memory_read_string(memory, 4, text, 0), -ENAMETOOLONG);
}

/* Our own memory with a hole: the page before and the page behind must both come through. */
static void pads_page_by_page(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    _cleanup_memory_ struct memory *memory = NULL;
    _cleanup_free_ char *got = malloc(3 * page);
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char *bytes = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(bytes != MAP_FAILED && fd >= 0 && got);
    memset(bytes, 'x', 3 * page);
    assert_int_equal(munmap(bytes + page, page), 0);
    memset(got, '?', 3 * page);
    assert_int_equal(memory_fd_new(fd, &memory), 0);
    assert_int_equal(memory_read(memory, (uintptr_t)bytes + 10, got, 2 * page), page - 10);
    memset(got, '?', 3 * page);
    assert_int_equal(memory_read_padded(memory, (uintptr_t)bytes + 10, got, 3 * page - 20, page),
                     2 * page - 20);
    for (size_t i = 0; i < 3 * page - 20; i++)
        assert_int_equal(got[i], i + 10 >= page && i + 10 < 2 * page ? 0 : 'x');
    assert_int_equal(got[3 * page - 20], '?');
    munmap(bytes, page);
    munmap(bytes + 2 * page, page);
}

static void says_when_the_process_is_gone(void **state)
{
    _cleanup_memory_ struct memory *memory = NULL;
    static char mark = 'm';
    char got = 0, name[64];
    int fd, status, pipes[2];
    pid_t child;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        char byte;
        close(pipes[1]);
        _exit(read(pipes[0], &byte, 1) < 0);
    }
    close(pipes[0]);
    (void)snprintf(name, sizeof name, "/proc/%d/mem", child);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(memory_fd_new(fd, &memory), 0);
    assert_int_equal(memory_read(memory, (uintptr_t)&mark, &got, 1), 1);
    assert_int_equal(got, 'm');
    close(pipes[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(memory_read(memory, (uintptr_t)&mark, &got, 1), -ESRCH);
    got = 'm';
    assert_int_equal(memory_read_padded(memory, (uintptr_t)&mark, &got, 1, 4096), 0);
    assert_int_equal(got, 0);
    /* beyond what an offset can say */
    assert_int_equal(memory_read(memory, 0xffffffffff600000u, &got, 1), -EIO);
}

static ssize_t read_nothing(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    (void)memory, (void)address, (void)bytes, (void)size;
    return -ESRCH;
}

/* The process of what lies over may end: the rest is there still. Where the base has gone all has. */
static void an_overlay_outlives_what_lies_over(void **state)
{
    static const struct memory_ops gone_ops = {.name = "gone", .read = read_nothing};
    static const char text[] = "0123456789";
    const struct memory_range range = {104, 106};
    struct memory gone = {.ops = &gone_ops}, *there, *overlay;
    char got[10];

    (void)state;
    assert_int_equal(memory_bytes_new(100, text, 10, &there), 0);
    assert_int_equal(memory_overlay_new(there, &gone, &range, 1, &overlay), 0);
    assert_int_equal(memory_read(overlay, 100, got, 10), 4);
    assert_int_equal(memory_read(overlay, 104, got, 2), -EIO);
    assert_int_equal(memory_read(overlay, 106, got, 4), 4);
    assert_memory_equal(got, "6789", 4);
    memory_free(overlay);
    assert_int_equal(memory_overlay_new(&gone, there, &range, 1, &overlay), 0);
    assert_int_equal(memory_read(overlay, 100, got, 1), -ESRCH);
    memory_free(overlay);
    memory_free(there);
}

/* Three pieces at once at the most, and none where there is an end among them. */
static size_t some_at_once(const struct memory *memory, const struct memory_piece_read *pieces, size_t count)
{
    size_t whole = 0;

    while (whole < count && whole < 3 &&
           memory_read_exactly(memory, pieces[whole].address, pieces[whole].bytes, pieces[whole].size) == 0)
        whole++;
    return whole;
}

static ssize_t read_letters(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    (void)memory;
    if (address % 8 >= 6)
        return -EIO;
    size = size < 6 - address % 8 ? size : 6 - address % 8;
    memset(bytes, 'a' + (int)(address / 8), size);
    return (ssize_t)size;
}

static void many_pieces(void **state)
{
    static const struct memory_ops one_by_one = {.name = "one", .read = read_letters};
    static const struct memory_ops at_once = {
        .name = "many", .read = read_letters, .read_many = some_at_once};
    const struct memory memories[] = {{&one_by_one}, {&at_once}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char bytes[5][4];
        const struct memory_piece_read pieces[] = {
            {0, bytes[0], 4}, {9, bytes[1], 4}, {6, bytes[2], 4}, {20, bytes[3], 4}, {24, bytes[4], 4}};

        memset(bytes, 'x', sizeof bytes);
        assert_int_equal(memory_read_many_padded(&memories[i], pieces, 5, 8), 4 + 4 + 2 + 2 + 4 + 0);
        assert_memory_equal(bytes[0], "aaaa", 4);
        assert_memory_equal(bytes[1], "bbbb", 4);
        assert_memory_equal(bytes[2], "\0\0bb", 4);
        assert_memory_equal(bytes[3], "cc\0\0", 4);
        assert_memory_equal(bytes[4], "dddd", 4);
        assert_int_equal(memory_read_many_padded(&memories[i], pieces, 0, 8), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_bytes_at_their_base),
        cmocka_unit_test(strings_must_end),
        cmocka_unit_test(pads_page_by_page),
        cmocka_unit_test(says_when_the_process_is_gone),
        cmocka_unit_test(an_overlay_outlives_what_lies_over),
        cmocka_unit_test(many_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
