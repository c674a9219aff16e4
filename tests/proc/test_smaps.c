#include "proc/smaps.h"

#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

struct seen {
    unsigned maps;
    struct memory_use sum, last;
    char path[64];
    bool deleted;
    int answer;
};

static int see(void *context, const struct map *map, const struct memory_use *use)
{
    struct seen *seen = context;

    seen->maps++;
    seen->last = *use;
    memory_use_add(&seen->sum, use);
    (void)snprintf(seen->path, sizeof seen->path, "%s", map->path);
    seen->deleted = map->deleted;
    return seen->answer;
}

static void sums_what_the_kernel_says(void **state)
{
    static const char text[] =
        "00400000-00402000 r-xp 00001000 fe:01 12   /opt/my app (deleted)\n"
        "Size:                  8 kB\nKernelPageSize:        4 kB\nRss:                   8 kB\n"
        "Pss:                   5 kB\nPss_Dirty:             1 kB\nShared_Clean:          6 kB\n"
        "Private_Clean:         1 kB\nPrivate_Dirty:         1 kB\nSwap:                  0 kB\n"
        "VmFlags: rd ex mr mw me sd\n"
        "7f0000000000-7f0000400000 rw-p 00000000 00:00 0 \n"
        "Size:               4096 kB\nRss:                2048 kB\nPss:                2048 kB\n"
        "Private_Dirty:      2048 kB\nAnonHugePages:      2048 kB\nSwap:                 12 kB\n"
        "SwapPss:               6 kB\nLocked:                3 kB\n"
        "7f0001000000-7f0001200000 rw-p 00000000 00:0e 5 /anon_hugepage (deleted)\n"
        "Size: 2048 kB\nRss: 0 kB\nPss: 0 kB\nPrivate_Hugetlb: 2048 kB\n";
    struct seen seen = {0};
    (void)state;

    assert_int_equal(smaps_parse(text, strlen(text), see, &seen), 0);
    assert_int_equal(seen.maps, 3);
    assert_string_equal(seen.path, "/anon_hugepage");
    assert_true(seen.deleted);
    assert_int_equal(seen.last.rss, 2048 * 1024); /* the kernel counts it apart */
    assert_int_equal(seen.sum.size, (8 + 4096 + 2048) * 1024);
    assert_int_equal(seen.sum.rss, (8 + 2048 + 2048) * 1024);
    assert_int_equal(seen.sum.pss, (5 + 2048 + 2048) * 1024);
    assert_int_equal(seen.sum.shared, 6 * 1024);
    assert_int_equal(seen.sum.private_clean, 1024);
    assert_int_equal(seen.sum.private_dirty, (1 + 2048 + 2048) * 1024);
    assert_int_equal(seen.sum.huge, 4096 * 1024);
    assert_int_equal(seen.sum.swap, 12 * 1024);
    assert_int_equal(seen.sum.locked, 3 * 1024);
}

static void passes_over_nonsense(void **state)
{
    static const char text[] =
        "Rss: 4 kB\nnonsense\n\n00400000-00401000 r--p 00000000 00:00 0\nRss: x kB\nRss:\nPss: "
        "99999999999999999999 kB\nSwap: 18446744073709551615 kB\nRss: 4 kB";
    struct seen seen = {0};
    (void)state;

    assert_int_equal(smaps_parse(text, strlen(text), see, &seen), 0);
    assert_int_equal(seen.maps, 1);
    assert_int_equal(seen.sum.rss, 4096);
    assert_int_equal(seen.sum.pss, 0);
    assert_int_equal(seen.sum.swap, 0);
    seen.answer = -ENOSPC;
    assert_int_equal(smaps_parse(text, strlen(text), see, &seen), -ENOSPC);
    assert_int_equal(smaps_parse("", 0, see, &seen), 0);
}

/* One that stands still, so that all agree. */
static void reads_a_process(void **state)
{
    _cleanup_map_list_ struct map_list maps = {0};
    _cleanup_close_ int directory = -1;
    struct seen seen = {0};
    char path[32];
    pid_t pid = fork();
    (void)state;

    if (pid == 0) {
        (void)raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid); /* fits */
    directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory >= 0);
    assert_int_equal(maps_read(directory, &maps, NULL), 0);
    assert_int_equal(smaps_read(directory, see, &seen), 0);
    assert_int_equal(seen.maps, maps.count);
    assert_true(seen.sum.rss > 100 * 1024 && seen.sum.rss <= seen.sum.size);
    assert_true(seen.sum.pss <= seen.sum.rss);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(smaps_read(directory, see, &seen), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_what_the_kernel_says),
        cmocka_unit_test(passes_over_nonsense),
        cmocka_unit_test(reads_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
