/* Libraries of which the tests know everything, with their symbols and debug information where they can be.
 * What they say of themselves at run time is compared with what is read out of their files. */
#include "base/buffer.h"
#include "base/io.h"
#include "unwind/cfi.h"
#include "unwind/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { MOST = 16 };

/* As linked. */
static struct {
    uint64_t twice, assembly, where; /* the last: in named_where(), in three functions at once */
    unsigned lines[3];
} named;

static int load(void **state)
{
    void *library = dlopen(UNWIND "/named.so", RTLD_NOW | RTLD_LOCAL);
    void *(*where)(void);
    struct link_map *map;
    const unsigned *lines;
    (void)state;

    if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0)
        return -1;
    *(void **)&where = dlsym(library, "named_where");
    named.where = (uint64_t)(uintptr_t)where() - 1 - map->l_addr;
    named.twice = (uint64_t)(uintptr_t)dlsym(library, "named_twice") - map->l_addr;
    named.assembly = (uint64_t)(uintptr_t)dlsym(library, "named_assembly") - map->l_addr;
    lines = dlsym(library, "named_lines");
    memcpy(named.lines, lines, sizeof named.lines);
    return 0;
}

static int open_beside(const void *context, const char *name, int *ret_fd)
{
    _cleanup_close_ int folder = open(context, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 || name[0] == '/' ? -1 : openat(folder, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -ENOENT;
    *ret_fd = fd;
    return 0;
}

static struct image *open_image(const char *path)
{
    static const char folder[] = UNWIND "/stripped";
    const struct image_files files = {.find = open_beside, .context = folder};
    struct image *image = NULL;

    assert_int_equal(image_open(open(path, O_RDONLY | O_CLOEXEC), &files, &image), 0);
    return image;
}

static void expect_function(struct image *image, uint64_t address, const char *name, uint64_t offset)
{
    struct image_place places[MOST];

    if (!name) {
        assert_int_equal(image_places(image, address, false, places, MOST), 0);
        return;
    }
    assert_int_equal(image_places(image, address, false, places, MOST), 1);
    assert_string_equal(places[0].function, name);
    assert_int_equal(places[0].offset, offset);
    assert_null(places[0].file);
    assert_int_equal(places[0].line, 0);
    assert_false(places[0].inlined);
}

static void expect_lines(struct image *image)
{
    static const char *const functions[] = {"innermost", "middle", "named_where"};
    struct image_place places[MOST];

    for (size_t round = 0; round < 2; round++) { /* the second time by heart */
        assert_int_equal(image_places(image, named.where, true, places, MOST), 3);
        for (size_t i = 0; i < 3; i++) {
            assert_string_equal(places[i].function, functions[i]);
            assert_non_null(places[i].file);
            assert_string_equal(strrchr(places[i].file, '/'), "/named.c");
            assert_int_equal(places[i].line, named.lines[i]);
            assert_int_equal(places[i].inlined, i < 2);
        }
    }
    assert_int_equal(image_places(image, named.where, true, places, 1), 1);
    assert_string_equal(places[0].function, "innermost");
    assert_int_equal(image_places(image, named.twice, true, places, MOST), 1);
    assert_string_equal(places[0].function, "named_twice");
    assert_true(places[0].line > named.lines[2]);
}

static void forget(void)
{
    image_forget_unused();
}

static void names_functions(void **state)
{
    struct image *image = open_image(UNWIND "/named.so");
    (void)state;

    expect_function(image, named.twice, "named_twice", 0);
    expect_function(image, named.twice + 1, "named_twice", 1);
    expect_function(image, named.assembly + 2, "named_assembly", 2);
    expect_function(image, 1, NULL, 0);
    expect_function(image, UINT64_MAX, NULL, 0);
    expect_lines(image);
    image_release(image);
    forget();
}

static void reads_every_version(void **state)
{
    static const char *const paths[] = {UNWIND "/named-4.so", UNWIND "/named-3.so", UNWIND "/named-gz.so",
                                        UNWIND "/named-anonymous.so"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(paths); i++) { /* their code is the same */
        struct image *image = open_image(paths[i]);

        expect_function(image, named.twice, "named_twice", 0);
        expect_lines(image);
        image_release(image);
        forget();
    }
}

static void finds_what_was_stripped(void **state)
{
    static const struct {
        const char *path;
        bool lines;
    } cases[] = {
        {UNWIND "/stripped/linked.so", true},
        {UNWIND "/stripped/hidden.so", true},
        {UNWIND "/stripped/mini.so", false},
        {UNWIND "/stripped/bare.so", false},
    };
    struct image_place places[MOST];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        struct image *image = open_image(cases[i].path);

        expect_function(image, named.twice, "named_twice", 0);
        assert_int_equal(image_places(image, named.where, false, places, MOST), 1);
        assert_string_equal(places[0].function, "named_where");
        if (cases[i].lines)
            expect_lines(image);
        else
            assert_int_equal(image_places(image, named.where, true, places, MOST), 1);
        image_release(image);
        forget();
    }
}

static size_t descriptors(void)
{
    _cleanup_closedir_ DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    return count;
}

static void stays_usable_without_its_file(void **state)
{
    int fd = open(UNWIND "/named.so", O_RDONLY | O_CLOEXEC);
    size_t before = descriptors();
    struct image *image = open_image(UNWIND "/named.so"), *again;
    struct image_place place;
    (void)state;

    again = image_cached(fd);
    assert_ptr_equal(again, image); /* in use */
    image_release(again);
    expect_function(image, named.twice, "named_twice", 0);
    image_release(image);
    assert_int_equal(descriptors(), before);

    assert_null(image_cached(fd)); /* it was not asked for all that it could tell */
    again = open_image(UNWIND "/named.so");
    assert_ptr_equal(again, image);
    expect_lines(again);
    (void)image_cfi(again);
    image_release(again);
    assert_int_equal(descriptors(), before);

    again = image_cached(fd);
    assert_ptr_equal(again, image);
    expect_lines(again);
    expect_function(again, named.twice + 1, "named_twice", 1); /* not asked for before */
    assert_int_equal(image_places(again, named.twice + 1, true, &place, 1), 1);
    assert_int_not_equal(place.line, 0);
    image_release(again);
    forget();
    assert_null(image_cached(fd));
    (void)close(fd);
}

static void read_file(const char *path, struct buffer *bytes)
{
    assert_int_equal(io_read_file_at(AT_FDCWD, path, bytes), 0);
}

static int memory_file(const struct buffer *bytes)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(io_write_full(fd, bytes->data, bytes->size, -1), 0);
    return fd;
}

static void keeps_a_bounded_number(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    int first = -1, last = -1;
    struct image *image;
    (void)state;

    read_file(UNWIND "/stripped/bare.so", &bytes);
    for (unsigned i = 0; i < 300; i++) { /* more than LIMIT_IMAGES */
        int fd = memory_file(&bytes);

        if (first < 0)
            first = dup(fd);
        (void)fd_close(last);
        last = dup(fd);
        assert_int_equal(image_open(fd, NULL, &image), 0);
        (void)image_cfi(image);
        expect_function(image, named.twice, "named_twice", 0);
        image_release(image);
    }
    assert_null(image_cached(first));
    image = image_cached(last);
    assert_non_null(image);
    image_release(image);
    (void)close(first);
    (void)close(last);
    forget();
}

/* With its build id, and a function of another name. */
static void read_renamed(struct buffer *bytes)
{
    static const char name[] = "named_twice", other[] = "wrong_twice";
    char *at;

    read_file(UNWIND "/named-4.so", bytes);
    while ((at = memmem(bytes->data, bytes->size, name, sizeof name)))
        memcpy(at, other, sizeof other);
}

/* Anybody can write a file with another's build id. */
static void tells_files_of_one_build_id_apart(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    struct image_place places[MOST];
    struct image *image;
    (void)state;

    read_renamed(&bytes);
    for (size_t round = 0; round < 2; round++) {
        assert_int_equal(image_open(memory_file(&bytes), NULL, &image), 0);
        (void)image_cfi(image);
        (void)image_places(image, named.where, true, places, MOST); /* whole, now */
        expect_function(image, named.twice, "wrong_twice", 0);
        image_release(image);

        image = open_image(UNWIND "/named-4.so");
        (void)image_cfi(image);
        expect_lines(image);
        expect_function(image, named.twice, "named_twice", 0);
        image_release(image);
    }
    forget();
}

/* What stands beside a file that a process has mapped is that process's word. */
static void keeps_no_debug_file_that_was_given(void **state)
{
    static const char path[] = UNWIND "/stripped/linked.so";
    struct image_place places[MOST];
    struct image *given, *image = NULL;
    (void)state;

    for (size_t round = 0; round < 3; round++) {
        given = open_image(path);
        (void)image_cfi(given);
        expect_lines(given);
        image_release(given);

        assert_int_equal(image_open(open(path, O_RDONLY | O_CLOEXEC), NULL, &image), 0);
        assert_int_equal(image_places(image, named.where, true, places, MOST), 1);
        assert_null(places[0].file);
        image_release(image); /* kept, but to be opened again: it was not asked for all */
    }
    forget();
}

/* What was made of a file that was opened again must outlast the third time. */
static void opens_a_file_three_times(void **state)
{
    struct image *image = open_image(UNWIND "/named.so");
    (void)state;

    image_release(image);
    image = open_image(UNWIND "/named.so");
    assert_non_null(cfi_find(image_cfi(image), named.twice));
    image_release(image);
    image = open_image(UNWIND "/named.so");
    assert_non_null(cfi_find(image_cfi(image), named.twice + 1));
    assert_non_null(cfi_find(image_cfi(image), named.where));
    expect_lines(image);
    image_release(image);
    forget();
}

/* A file may be cut off while it is looked at: what was read stays, and nothing ends us. */
static void bears_a_file_that_shrinks(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    struct image_place places[MOST];
    char path[] = "/tmp/shrinks-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    struct image *image = NULL;
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    read_file(UNWIND "/named.so", &bytes);
    assert_int_equal(io_write_full(fd, bytes.data, bytes.size, -1), 0);
    assert_int_equal(image_open(dup(fd), NULL, &image), 0);
    assert_int_equal(ftruncate(fd, 4096), 0);
    expect_function(image, named.twice, "named_twice", 0);
    assert_int_equal(image_places(image, named.where, true, places, MOST), 1);
    (void)image_cfi(image);
    image_release(image);
    for (off_t size = (off_t)bytes.size; size > 0;
         size -= 61) { /* and those that are short from the beginning */
        assert_int_equal(ftruncate(fd, size), 0);
        forget();
        if (image_open(dup(fd), NULL, &image) < 0)
            continue;
        (void)image_places(image, named.where, true, places, MOST);
        image_release(image);
    }
    forget();
    (void)close(fd);
}

/* What comes out of a process's memory can say anything of itself, which others must not be told. */
static void forgets_what_is_no_file(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    struct image *image;
    (void)state;

    read_renamed(&bytes);
    assert_int_equal(image_of_bytes(bytes.data, bytes.size, &image), 0);
    expect_function(image, named.twice, "wrong_twice", 0);
    image_release(image);
    image = open_image(UNWIND "/named-4.so");
    expect_function(image, named.twice, "named_twice", 0);
    image_release(image);
    forget();
}

static void refuses_what_is_none(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    struct image *image = NULL;
    (void)state;

    assert_int_equal(image_of_bytes("", 0, &image), -ENOEXEC);
    assert_int_equal(image_of_bytes("text", 4, &image), -ENOEXEC);
    assert_true(image_open(open("/dev/null", O_RDONLY | O_CLOEXEC), NULL, &image) < 0);
    assert_true(image_open(-1, NULL, &image) < 0);
    read_file(UNWIND "/named.so", &bytes);
    ((ElfW(Ehdr) *)bytes.data)->e_machine = EM_S390;
    assert_int_equal(image_of_bytes(bytes.data, bytes.size, &image), -ENOEXEC);
    ((ElfW(Ehdr) *)bytes.data)->e_machine = EM_X86_64;
    ((ElfW(Ehdr) *)bytes.data)->e_type = ET_REL;
    assert_int_equal(image_of_bytes(bytes.data, bytes.size, &image), -ENOEXEC);
    assert_null(image);
    image_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_functions),
        cmocka_unit_test(reads_every_version),
        cmocka_unit_test(finds_what_was_stripped),
        cmocka_unit_test(stays_usable_without_its_file),
        cmocka_unit_test(keeps_a_bounded_number),
        cmocka_unit_test(bears_a_file_that_shrinks),
        cmocka_unit_test(tells_files_of_one_build_id_apart),
        cmocka_unit_test(keeps_no_debug_file_that_was_given),
        cmocka_unit_test(opens_a_file_three_times),
        cmocka_unit_test(forgets_what_is_no_file),
        cmocka_unit_test(refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
