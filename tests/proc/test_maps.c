#include "proc/maps.h"

#include "support.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

static void assert_in_order(const struct map_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        assert_true(list->items[i].start < list->items[i].end);
        if (i > 0)
            assert_true(list->items[i - 1].end <= list->items[i].start);
    }
}

static void recorded_paths_of_every_kind(void **state)
{
    static const struct {
        const char *path;
        bool deleted;
    } wanted[] = {
        {"/opt/my app/run", false},
        {"/opt/my app/run", false},
        {"/opt/my app/run", false},
        {"[heap]", false},
        {"", false},
        {"/memfd:a memfd", true},
        {"anon_inode:[io_uring]", false},
        {"/tmp/line one\nline two", true},
        {"/tmp/back\\040slash\n\\01 (deleted) not", false},
        {"[anon:name (deleted)]", false},
        {"/tmp/\xff\xfe", false},
        {"[stack]", false},
        {"[vdso]", false},
        {"[vsyscall]", false},
    };
    _cleanup_close_ int directory = open_fixture("recorded/400");
    _cleanup_map_list_ struct map_list list = {0};
    _cleanup_buffer_ struct buffer text = {0};
    const struct map *map;
    (void)state;

    assert_int_equal(maps_read(directory, &list, &text), 0);
    assert_int_equal(list.count, ELEMENTS_OF(wanted));
    for (size_t i = 0; i < list.count; i++) {
        assert_string_equal(list.items[i].path, wanted[i].path);
        assert_int_equal(list.items[i].deleted, wanted[i].deleted);
    }
    map = &list.items[1];
    assert_int_equal(map->start, 0x401000);
    assert_int_equal(map->end, 0x480000);
    assert_int_equal(map->offset, 0x1000);
    assert_int_equal(map->permissions, MAP_READ | MAP_EXECUTE);
    assert_int_equal(map->device, makedev(0xfe, 1));
    assert_int_equal(map->inode, 1234);
    assert_int_equal(list.items[5].permissions, MAP_READ | MAP_IS_SHARED);
    assert_int_equal(list.items[7].permissions, 0);
    assert_int_equal(list.items[7].device, makedev(0x103, 5));
    assert_true(list.items[7].inode == UINT64_MAX);
    assert_int_equal(list.items[8].offset, 0xffffffffff000);
    assert_true(list.items[13].start == 0xffffffffff600000);

    assert_ptr_equal(maps_find(&list, 0x400000), &list.items[0]);
    assert_ptr_equal(maps_find(&list, 0x400fff), &list.items[0]);
    assert_ptr_equal(maps_find(&list, 0x401000), &list.items[1]);
    assert_ptr_equal(maps_find(&list, 0xffffffffff600fff), &list.items[13]);
    assert_null(maps_find(&list, 0x3fffff));
    assert_null(maps_find(&list, 0x4a0000));
    assert_null(maps_find(&list, UINT64_MAX));

    /* the text is as it was read, without what parsing does to its copy */
    assert_non_null(strstr(buffer_string(&text), "/tmp/line one\\012line two (deleted)\n"));
    assert_int_equal(text.size, strlen(buffer_string(&text)));
}

static void torn_text_keeps_what_fits(void **state)
{
    _cleanup_close_ int directory = open_fixture("recorded/500");
    _cleanup_map_list_ struct map_list list = {0};
    (void)state;

    assert_int_equal(maps_read(directory, &list, NULL), 0);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.items[0].start, 0x10000000);
    assert_string_equal(list.items[1].path, "/bin/torn");
    assert_string_equal(list.items[2].path, "[heap]");
    assert_in_order(&list);
}

static void no_memory_means_no_mappings(void **state)
{
    _cleanup_close_ int zombie = open_fixture("recorded/30"), nothing = open_fixture("recorded/602");
    _cleanup_map_list_ struct map_list list = {0};
    (void)state;

    assert_int_equal(maps_read(zombie, &list, NULL), 0);
    assert_int_equal(list.count, 0);
    assert_null(maps_find(&list, 0));
    assert_int_equal(maps_read(nothing, &list, NULL), -ESRCH);
}

static void rubbish_is_refused(void **state)
{
    static const char *const texts[] = {
        "\n",
        "x",
        "1000-2000",
        "1000-2000 r--p",
        "1000-2000 rr-p 0 0:0 0\n",
        "1000-2000 r--p 0 0:0\n",
        "1000 2000 r--p 0 0:0 0\n",
        "1000-2000 r--p 0 0:100000000 0\n",
        "11111111111111111-22222222222222222 r--p 0 0:0 0\n",
        "1000-2000 r-",
    };
    _cleanup_map_list_ struct map_list list = {0};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(texts); i++)
        assert_int_equal(maps_parse(texts[i], strlen(texts[i]), &list), -EBADMSG);
    assert_int_equal(maps_parse("", 0, &list), 0);
    assert_int_equal(list.count, 0);
}

static void own_mappings(void **state)
{
    _cleanup_close_ int directory = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[] = "/tmp/procscope maps\ntest\\012 XXXXXX";
    long page = sysconf(_SC_PAGESIZE);
    int fd = mkostemp(name, O_CLOEXEC);
    _cleanup_map_list_ struct map_list list = {0};
    const struct map *map;
    char *mapped;
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 4 * page), 0);
    mapped = mmap(NULL, (size_t)(2 * page), PROT_READ, MAP_SHARED, fd, 2 * page);
    assert_ptr_not_equal(mapped, MAP_FAILED);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(maps_read(directory, &list, NULL), 0);
    assert_in_order(&list);

    map = maps_find(&list, (uintptr_t)mapped);
    assert_non_null(map);
    assert_int_equal(map->start, (uintptr_t)mapped);
    assert_int_equal(map->end - map->start, 2 * page);
    assert_int_equal(map->offset, 2 * page);
    assert_int_equal(map->permissions, MAP_READ | MAP_IS_SHARED);
    assert_true(map->deleted);
    assert_non_null(strstr(map->path, "/procscope maps\ntest"));
    assert_non_null(maps_find(&list, (uintptr_t)&own_mappings));
    assert_true(maps_find(&list, (uintptr_t)&own_mappings)->permissions & MAP_EXECUTE);
    assert_string_equal(maps_find(&list, (uintptr_t)&list)->path, "[stack]");
    (void)munmap(mapped, (size_t)(2 * page));
    (void)close(fd);
}

enum { MANY = 60000 };

/* Every second page has other rights, so that none can be joined with its neighbour. */
static int check_many_mappings(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base = mmap(NULL, MANY * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int directory = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct map_list list = {0};

    if (base == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < MANY; i += 2)
        if (mprotect(base + i * page, page, PROT_READ | PROT_WRITE) < 0)
            return errno == ENOMEM ? 77 : 2; /* vm.max_map_count is set low */
    if (maps_read(directory, &list, NULL) < 0)
        return 3;
    for (size_t i = 0; i < MANY; i++) {
        const struct map *map = maps_find(&list, (uintptr_t)base + i * page);
        unsigned wanted = i % 2 ? MAP_READ : MAP_READ | MAP_WRITE;
        if (!map || map->permissions != wanted)
            return 4;
    }
    map_list_release(&list);
    return 0;
}

static void sixty_thousand_mappings(void **state)
{
    (void)state;
    run_in_child(check_many_mappings);
}

static volatile bool churn_ends;

static void *churn(void *unused)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base = mmap(NULL, 512 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)unused;

    for (unsigned round = 0; !churn_ends; round++)
        for (size_t i = 0; i < 512; i += 2)
            (void)mprotect(base + i * page, page, round % 2 ? PROT_READ : PROT_READ | PROT_WRITE);
    return NULL;
}

static void mappings_that_change_while_they_are_read(void **state)
{
    _cleanup_close_ int directory = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pthread_t thread;
    (void)state;

    assert_int_equal(pthread_create(&thread, NULL, churn, NULL), 0);
    for (int i = 0; i < 300; i++) {
        _cleanup_map_list_ struct map_list list = {0};
        assert_int_equal(maps_read(directory, &list, NULL), 0);
        assert_in_order(&list);
        assert_non_null(maps_find(&list, (uintptr_t)&churn));
    }
    churn_ends = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void zombie_and_gone(void **state)
{
    pid_t pid = start_child(NULL);
    _cleanup_map_list_ struct map_list list = {0}, none = {0};
    char path[64];
    int directory;
    siginfo_t ended;
    (void)state;

    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(maps_read(directory, &list, NULL), 0);
    assert_true(list.count > 5);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    assert_int_equal(maps_read(directory, &none, NULL), 0);
    assert_int_equal(none.count, 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(maps_read(directory, &none, NULL), -ESRCH);
    (void)close(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_paths_of_every_kind),
        cmocka_unit_test(torn_text_keeps_what_fits),
        cmocka_unit_test(no_memory_means_no_mappings),
        cmocka_unit_test(rubbish_is_refused),
        cmocka_unit_test(own_mappings),
        cmocka_unit_test(sixty_thousand_mappings),
        cmocka_unit_test(mappings_that_change_while_they_are_read),
        cmocka_unit_test(zombie_and_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
