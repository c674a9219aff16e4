#include "base/buffer.h"
#include "base/io.h"
#include "base/limits.h"
#include "unwind/jit_dump.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

static struct buffer file;

static void put(const void *bytes, size_t size)
{
    assert_int_equal(buffer_append(&file, bytes, size), 0);
}

static void put_u32(uint32_t value)
{
    put(&value, sizeof value);
}

static void put_u64(uint64_t value)
{
    put(&value, sizeof value);
}

static void begin(void)
{
    buffer_clear(&file);
    put("DTiJ", 4);
    put_u32(1);  /* version */
    put_u32(40); /* size of this */
    put_u32(62); /* machine */
    put_u32(0);
    put_u32(4711); /* pid */
    put_u64(1);    /* time */
    put_u64(0);
}

static size_t begin_record(uint32_t id)
{
    put_u32(id);
    put_u32(0); /* size, told at the end */
    put_u64(1);
    return file.size - 16;
}

static void end_record(size_t start)
{
    uint32_t size = (uint32_t)(file.size - start);

    memcpy(file.data + start + 4, &size, sizeof size);
}

static void put_load(uint64_t start, uint64_t size, const char *name)
{
    static const char code[256];
    size_t record = begin_record(0);

    put_u64(4711ull << 32 | 4711);
    put_u64(start);
    put_u64(start);
    put_u64(size);
    put_u64(1); /* index */
    put(name, strlen(name) + 1);
    put(code, size < sizeof code ? size : sizeof code);
    end_record(record);
}

static void put_move(uint64_t from, uint64_t to, uint64_t size)
{
    size_t record = begin_record(1);

    put_u64(4711ull << 32 | 4711);
    put_u64(to);
    put_u64(from);
    put_u64(to);
    put_u64(size);
    put_u64(1);
    end_record(record);
}

struct entry {
    uint64_t address;
    uint32_t line;
    const char *file;
};

static void put_lines(uint64_t start, const struct entry *entries, size_t count)
{
    size_t record = begin_record(2);

    put_u64(start);
    put_u64(count);
    for (size_t i = 0; i < count; i++) {
        put_u64(entries[i].address);
        put_u32(entries[i].line);
        put_u32(0);
        put(entries[i].file, strlen(entries[i].file) + 1);
    }
    end_record(record);
}

static struct jit_dump *read_dump(size_t size)
{
    _cleanup_close_ int fd = memfd_create("jit", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(io_write_full(fd, file.data, size, -1), 0);
    return jit_dump_of_file(fd);
}

static const char *found(const struct jit_dump *dump, uint64_t address)
{
    static char text[256];
    struct image_place place;

    if (!jit_dump_find(dump, address, &place))
        return "none";
    (void)snprintf(text, sizeof text, "%s+%u %s:%u", place.function, (unsigned)place.offset,
                   place.file ? place.file : "-", place.line); /* names here fit */
    return text;
}

static void test_functions_and_lines(void **state)
{
    const struct entry lines[] = {{0x1000, 3, "a.js"}, {0x1010, 4, "\xff"}, {0x1020, 1, "b.js"}};
    struct jit_dump *dump;

    (void)state;
    begin();
    put_load(0x5000, 0x10, "without lines");
    put_lines(0x1000, lines, 3);
    put_load(0x1000, 0x40, "first");
    put_load(0x1020, 0x10, "made over it");
    put_move(0x1000, 0x9000, 0x40);
    put_move(0x7777, 0x9900, 0x40); /* of what is not known */
    end_record(begin_record(99));
    put_load(0x6000, 0, "empty");
    end_record(begin_record(3));
    put_load(0x8000, 0x10, "behind the end");
    dump = read_dump(file.size);
    assert_non_null(dump);
    assert_string_equal(found(dump, 0xfff), "none");
    assert_string_equal(found(dump, 0x1000), "first+0 a.js:3");
    assert_string_equal(found(dump, 0x101f), "first+31 a.js:4");
    assert_string_equal(found(dump, 0x1020), "made over it+0 -:0");
    assert_string_equal(found(dump, 0x1030), "first+48 b.js:1");
    assert_string_equal(found(dump, 0x1040), "none");
    assert_string_equal(found(dump, 0x500f), "without lines+15 -:0");
    assert_string_equal(found(dump, 0x9012), "first+18 a.js:4");
    assert_string_equal(found(dump, 0x9900), "none");
    assert_string_equal(found(dump, 0x6000), "none");
    assert_string_equal(found(dump, 0x8000), "none");
    jit_dump_free(dump);
}

/* Node 20 writes freed memory where the name of a file should be. */
static void test_broken_lines(void **state)
{
    const struct entry good = {0x1008, 3, "a.js"}, control = {0x1008, 3, "a\001.js"},
                       bytes = {0x1008, 3, "a\xff"}, far = {0x3000, 3, "a.js"};
    const struct entry *const broken[] = {&control, &bytes, &far};
    struct jit_dump *dump;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        begin();
        put_lines(0x1000, i < 3 ? broken[i] : &good, 1);
        if (i == 3)
            file.data[file.size - 4] = '\0'; /* "a" ends there, and more follows than is padding */
        if (i == 4)
            file.data[file.size - 29] = 2; /* as many are told, and fewer are there */
        put_load(0x1000, 0x40, "f");
        dump = read_dump(file.size);
        assert_string_equal(found(dump, 0x1010), "f+16 -:0");
        jit_dump_free(dump);
    }
}

/* V8's are behind the header of an ELF file. */
static void test_shifted_lines(void **state)
{
    const struct entry lines[] = {{0x1050, 3, "a.js"}, {0x1060, 4, "a.js"}, {0x1078, 5, "a.js"}};
    const struct entry others[] = {{0x2008, 9, "b.js"}};
    struct jit_dump *dump;

    (void)state;
    begin();
    put_lines(0x1000, lines, 3);
    put_load(0x1000, 0x40, "f");
    dump = read_dump(file.size);
    assert_string_equal(found(dump, 0x1008), "f+8 -:0");
    assert_string_equal(found(dump, 0x1010), "f+16 a.js:3");
    assert_string_equal(found(dump, 0x103f), "f+63 a.js:5");
    jit_dump_free(dump);

    put_lines(0x2000, others, 1); /* both ways can't be */
    put_load(0x2000, 0x40, "g");
    dump = read_dump(file.size);
    assert_string_equal(found(dump, 0x1010), "f+16 -:0");
    assert_string_equal(found(dump, 0x2010), "g+16 -:0");
    jit_dump_free(dump);
}

/* Cut anywhere, it holds what is there. */
static void test_cut(void **state)
{
    const struct entry lines[] = {{0x1000, 3, "a.js"}};
    size_t kept;

    (void)state;
    begin();
    kept = file.size;
    put_load(0x5000, 0x10, "whole");
    put_lines(0x1000, lines, 1);
    put_load(0x1000, 0x40, "cut");
    for (size_t size = 0; size <= file.size; size++) {
        struct jit_dump *dump = read_dump(size);

        assert_int_equal(dump != NULL, size >= kept);
        if (dump && size > kept + 16 + 40 + 6)
            assert_string_equal(found(dump, 0x5000), "whole+0 -:0");
        jit_dump_free(dump);
    }
    file.data[0] = 'J'; /* of another byte order */
    assert_null(read_dump(file.size));
    buffer_release(&file);
}

/* Moves of what isn't there are looked for in vain, each time among many. */
static void test_moves_of_what_is_not_there(void **state)
{
    enum { FUNCTIONS = 4096 };
    struct jit_dump *dump;

    (void)state;
    for (size_t in_vain = 0; in_vain <= LIMIT_JIT_LOOKS / FUNCTIONS; in_vain += LIMIT_JIT_LOOKS / FUNCTIONS) {
        begin();
        for (uint64_t i = 0; i < FUNCTIONS; i++)
            put_load(0x100000 + i * 16, 16, "f");
        for (size_t i = 0; i < in_vain; i++)
            put_move(0x50, 0x60, 16);
        put_move(0x100000, 0x60, 16);
        dump = read_dump(file.size);
        assert_non_null(dump);
        assert_string_equal(found(dump, 0x60), in_vain ? "none" : "f+0 -:0");
        assert_string_equal(found(dump, 0x100000), "f+0 -:0");
        jit_dump_free(dump);
    }
    buffer_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_and_lines),
        cmocka_unit_test(test_broken_lines),
        cmocka_unit_test(test_shifted_lines),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_moves_of_what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
