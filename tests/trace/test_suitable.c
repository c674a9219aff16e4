/* When a process is not cloned, by a recorded /proc that is changed file by file. */
#include "base/io.h"
#include "trace/inject.h"
#include "trace/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PID = 4711 };

static const char *const as_recorded[][2] = {
    {"stat", "1 (systemd) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n"},
    {"meminfo", "MemTotal: 8000000 kB\nMemFree: 100 kB\nMemAvailable: 4000000 kB\n"},
    {"sys/vm/overcommit_memory", "0\n"},
    {"pressure/memory", "some avg10=19.99 avg60=90.00 avg300=90.00 total=1\nfull avg10=19.99 avg60=0.00\n"},
    {"4711/stat", "4711 (run) S 1 4711 4711 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0\n"},
    {"4711/status",
     "Name:\trun\nState:\tS (sleeping)\nTgid:\t4711\nVmPTE:\t 2048 kB\nVmRSS:\t 400000 kB\nSeccomp:\t0\n"},
    {"4711/cgroup", "0::/nowhere-that-exists\n"},
    {"4711/maps", "00400000-00401000 r-xp 00000000 fe:01 12 /opt/run\n"
                  "10000000-10200000 rw-s 00000000 00:0f 9 /dev/hugepages/shared\n"
                  "7ffc00030000-7ffc00032000 r-xp 00000000 00:00 0 [vdso]\n"},
};

static char root[] = "/tmp/suitable-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    _cleanup_close_ int fd = -1;

    (void)snprintf(path, sizeof path, "%s/%s", root, name); /* fits */
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(io_write_full(fd, text, strlen(text), -1), 0);
}

static int record(void **state)
{
    (void)state;
    if (!mkdtemp(root))
        return -1;
    for (size_t i = 0; i < ELEMENTS_OF(as_recorded); i++)
        put(as_recorded[i][0], as_recorded[i][1]);
    return 0;
}

static int remove_one(const char *path, const struct stat *unused, int kind, struct FTW *place)
{
    (void)unused, (void)kind, (void)place;
    return remove(path);
}

static int clear(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* With that file as said (NULL: as recorded); the sentence, "" where it suits. */
static const char *ask(const char *name, const char *text, int *ret_code,
                       struct snapshot_options *ret_options)
{
    static struct error error;
    _cleanup_procfs_ struct procfs procfs;
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;

    error = (struct error){0};
    if (name)
        put(name, text);
    assert_int_equal(procfs_open(root, &procfs, NULL), 0);
    assert_int_equal(pidref_open(&procfs, PID, &process, NULL), 0);
    *ret_code = snapshot_suits(&process, ret_options, &error);
    for (size_t i = 0; name && i < ELEMENTS_OF(as_recorded); i++)
        if (strcmp(as_recorded[i][0], name) == 0)
            put(name, as_recorded[i][1]);
    return error.text;
}

static void suits_as_recorded(void **state)
{
    struct snapshot_options options = {0};
    const char *reason;
    int r;

    (void)state;
    reason = ask(NULL, NULL, &r, &options);
    if (arch_program_size() == 0) {
        assert_int_equal(r, -EOPNOTSUPP);
        assert_non_null(strstr(reason, "kind of processor"));
        skip();
    }
    assert_string_equal(reason, "");
    assert_int_equal(r, 0);
    assert_int_equal(options.vdso_start, 0x7ffc00030000);
    assert_int_equal(options.vdso_end, 0x7ffc00032000);
    assert_true(options.expected_us >= 1500 && options.deadline_ms >= 1000);
}

static void says_why_not(void **state)
{
    static const struct {
        const char *file, *text, *reason;
    } cases[] = {
        {"sys/vm/overcommit_memory", "2\n", "does not overcommit memory"},
        {"pressure/memory", "some avg10=20.00 avg60=0.00 avg300=0.00 total=1\n", "short of memory"},
        {"meminfo", "MemTotal: 8000000 kB\nMemAvailable: 100000 kB\n",
         "The machine has room for 97 MiB, and a clone may need 115 MiB."},
        {"4711/maps", "10000000-10200000 rw-p 00000000 00:0f 9 /anon_hugepage (deleted)\n", "hugetlb"},
        {"4711/maps", "10000000-10200000 rw-p 00000000 00:0f 9 /dev/hugepages/mine\n", "hugetlb"},
        {"4711/maps", "10000000-10200000 r--p 00000000 00:0f 9 /memfd:hugepages (deleted)\n", "hugetlb"},
        {"4711/maps", "00400000-00401000 r-xp 00000000 fe:01 12 /opt/run\n", "no vdso"},
        {"4711/status", "Name:\trun\nState:\tT (stopped)\nTgid:\t4711\n", "stopped already"},
    };
    struct snapshot_options options;

    (void)state;
    if (arch_program_size() == 0)
        skip();
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        int r;
        const char *reason = ask(cases[i].file, cases[i].text, &r, &options);

        if (r != -EOPNOTSUPP || !strstr(reason, cases[i].reason))
            fail_msg("%s: %d, '%s' where '%s' was to be said", cases[i].file, r, reason, cases[i].reason);
    }
}

/* Not every kernel has pressure, and not every container lets it be read. */
static void goes_without_what_is_not_said(void **state)
{
    static const char *const files[] = {"sys/vm/overcommit_memory", "pressure/memory", "meminfo",
                                        "4711/cgroup"};
    struct snapshot_options options;

    (void)state;
    if (arch_program_size() == 0)
        skip();
    for (size_t i = 0; i < ELEMENTS_OF(files); i++) {
        int r;

        assert_string_equal(ask(files[i], "", &r, &options), "");
        assert_int_equal(r, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suits_as_recorded),
        cmocka_unit_test(says_why_not),
        cmocka_unit_test(goes_without_what_is_not_said),
    };
    return cmocka_run_group_tests(tests, record, clear);
}
