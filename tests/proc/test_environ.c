#include "proc/environ.h"

#include "base/limits.h"
#include "base/parse.h"
#include "support.h"

#include <sys/mman.h>

static struct buffer block_of(const void *bytes, size_t size)
{
    struct buffer block = {0};
    assert_int_equal(buffer_append(&block, bytes, size), 0);
    return block;
}

static void assert_joined(const void *bytes, size_t size, const char *wanted)
{
    _cleanup_buffer_ struct buffer block = block_of(bytes, size), joined = {0};
    assert_int_equal(cmdline_join(&block, &joined), 0);
    assert_string_equal(buffer_string(&joined), wanted);
}
#define ASSERT_JOINED(literal, wanted) assert_joined(literal, sizeof(literal) - 1, wanted)

static void recorded_environment(void **state)
{
    static const struct {
        const char *name, *value;
    } wanted[] = {{"PATH", "/usr/bin:/bin"}, {"EMPTY", ""},          {"LINES", "one\ntwo"},
                  {"BAD", "\xff\xfe\xc3"},   {"TWICE", "first"},     {"TWICE", "second"},
                  {"EQ", "a=b=c"},           {"UNTERMINATED", "yes"}};
    _cleanup_close_ int directory = open_fixture("recorded/400");
    _cleanup_buffer_ struct buffer block = {0};
    struct environ_entry entry;
    size_t cursor = 0;
    (void)state;

    assert_int_equal(proc_environ_read(directory, &block), 0);
    for (size_t i = 0; i < ELEMENTS_OF(wanted); i++) {
        assert_true(environ_next(&block, &cursor, &entry));
        assert_int_equal(entry.name_size, strlen(wanted[i].name));
        assert_memory_equal(entry.name, wanted[i].name, entry.name_size);
        assert_string_equal(entry.value, wanted[i].value);
        assert_int_equal(entry.value_size, strlen(wanted[i].value));
    }
    assert_false(environ_next(&block, &cursor, &entry));
    assert_string_equal(environ_get(&block, "TWICE"), "first");
    assert_string_equal(environ_get(&block, "EQ"), "a=b=c");
    assert_null(environ_get(&block, "PAT"));
    assert_null(environ_get(&block, "PATHS"));
    assert_null(environ_get(&block, ""));
}

static void empty_blocks(void **state)
{
    _cleanup_close_ int kernel_thread = open_fixture("recorded/2");
    _cleanup_buffer_ struct buffer block = {0}, joined = {0};
    struct environ_entry entry;
    size_t cursor = 0;
    (void)state;

    assert_int_equal(proc_environ_read(kernel_thread, &block), 0);
    assert_false(environ_next(&block, &cursor, &entry));
    assert_null(environ_get(&block, "A"));
    buffer_release(&block);
    assert_int_equal(proc_cmdline_read(kernel_thread, &block), 0);
    assert_int_equal(cmdline_join(&block, &joined), 0);
    assert_int_equal(joined.size, 0);
}

static void joins_and_quotes(void **state)
{
    _cleanup_close_ int directory = open_fixture("recorded/400");
    _cleanup_buffer_ struct buffer block = {0}, joined = {0};
    (void)state;

    assert_int_equal(proc_cmdline_read(directory, &block), 0);
    assert_int_equal(cmdline_join(&block, &joined), 0);
    assert_string_equal(buffer_string(&joined),
                        "'/opt/my app/run' '--name=it'\\''s' '' plain caf\xc3\xa9 '\xff\xfe\n' '$HOME'");
    ASSERT_JOINED("sleep\0001\0", "sleep 1");
    ASSERT_JOINED("sleep\0001", "sleep 1");
    ASSERT_JOINED("a\0\0\0", "a");
    ASSERT_JOINED("a\0b\0\0", "a b ''");
    ASSERT_JOINED("\0a\0", "'' a");
    ASSERT_JOINED("\0\0\0", "");
    ASSERT_JOINED("'\0", "''\\'''");
    ASSERT_JOINED("nginx: worker process\0\0\0\0\0", "nginx: worker process");
    ASSERT_JOINED("/opt/my app\0", "'/opt/my app'");
    ASSERT_JOINED("a\0b: c d\0", "a 'b: c d'");
}

/* What a real shell makes of the joined line is what went in. */
static void a_shell_reads_the_same(void **state)
{
    static const char arguments[] =
        "it's\0\"q\"\0$HOME `x` \\\0\n\t\0\0*?[a]{b,c}\0~\0#!\0&;|<>()\0\xff\xc3\xa9\0-n\0end\0";
    _cleanup_buffer_ struct buffer block = block_of(arguments, sizeof arguments - 1), script = {0};
    char answer[512];
    FILE *shell;
    size_t size;
    (void)state;

    assert_int_equal(buffer_append_string(&script, "printf '%s\\0' "), 0);
    assert_int_equal(cmdline_join(&block, &script), 0);
    shell = popen(buffer_string(&script), "r");
    assert_non_null(shell);
    size = fread(answer, 1, sizeof answer, shell);
    assert_int_equal(pclose(shell), 0);
    assert_int_equal(size, sizeof arguments - 1);
    assert_memory_equal(answer, arguments, size);
}

static void join_respects_the_limit(void **state)
{
    _cleanup_buffer_ struct buffer block = block_of("abc\0de f\0", 9);
    (void)state;

    for (size_t limit = 1; limit < 12; limit++) {
        _cleanup_buffer_ struct buffer joined = BUFFER_INIT(limit);
        assert_int_equal(cmdline_join(&block, &joined), limit < 10 ? -ENOBUFS : 0);
        assert_true(joined.size <= limit);
    }
}

static void run_sleep(void)
{
    char *const arguments[] = {(char *)"sleep", (char *)"1000", NULL};
    char *const variables[] = {(char *)"A=1", (char *)"junk", (char *)"B=x\ny", NULL};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)execve("/bin/sleep", arguments, variables);
    _exit(1);
}

static void live_child(void **state)
{
    pid_t pid = fork();
    _cleanup_buffer_ struct buffer block = {0}, command = {0}, none = {0};
    char path[64];
    int directory;
    (void)state;

    if (pid == 0)
        run_sleep();
    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* until it is the new program: in the middle of its exec both are empty */
    while (block.size != 15) {
        buffer_release(&block);
        assert_int_equal(proc_environ_read(directory, &block), 0);
    }
    assert_memory_equal(block.data, "A=1\0junk\0B=x\ny\0", 15);
    assert_int_equal(proc_cmdline_read(directory, &command), 0);
    assert_int_equal(command.size, 11);
    assert_memory_equal(command.data, "sleep\0001000\0", 11);
    end_child(pid);
    assert_int_equal(proc_environ_read(directory, &none), -ESRCH);
    assert_int_equal(proc_cmdline_read(directory, &none), -ESRCH);
    (void)close(directory);
}

/* Another user's environment: refused with EACCES, not shown as empty. */
static int check_denied(void)
{
    struct buffer block = {0};
    int directory = open("/proc/1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return 77;
    if (directory < 0)
        return 77;
    return proc_environ_read(directory, &block) == -EACCES ? 0 : 1;
}

static void environment_of_another_user(void **state)
{
    (void)state;
    run_in_child(check_denied);
}

/* The numbers of /proc/self/stat behind the name, by their place in proc(5); [3] (a letter) is left out. */
static bool own_stat_fields(uint64_t fields[52])
{
    char text[2048];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text - 1);
    const char *at = size > 0 ? memrchr(text, ')', (size_t)size) : NULL, *end = text + size;

    (void)close(fd);
    if (!at)
        return false;
    at += 3;
    for (unsigned i = 4; i < 52; i++) {
        scan_blanks(&at, end);
        (void)scan_char(&at, end, '-'); /* tpgid; not wanted */
        if (!scan_u64(&at, end, &fields[i]))
            return false;
    }
    return true;
}

/* A process may declare any part of its address space to be its environment. */
static int check_huge(void)
{
    size_t size = 3u * LIMIT_ENVIRON;
    char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int directory = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct buffer block = {0};
    uint64_t fields[52];
    struct prctl_mm_map map = {.exe_fd = (unsigned)-1};

    memset(base, 'x', size);
    if (!own_stat_fields(fields))
        return 1;
    map.start_code = fields[26];
    map.end_code = fields[27];
    map.start_stack = fields[28];
    map.start_data = fields[45];
    map.end_data = fields[46];
    map.start_brk = fields[47];
    map.brk = (uintptr_t)sbrk(0);
    map.arg_start = fields[48];
    map.arg_end = fields[49];
    map.env_start = (uintptr_t)base;
    map.env_end = (uintptr_t)base + size;
    if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) < 0)
        return 77;
    if (proc_environ_read(directory, &block) < 0)
        return 2;
    return block.size == LIMIT_ENVIRON && block.data[block.size] == '\0' ? 0 : 3;
}

static void environment_larger_than_the_limit_is_cut(void **state)
{
    (void)state;
    run_in_child(check_huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_environment),
        cmocka_unit_test(empty_blocks),
        cmocka_unit_test(joins_and_quotes),
        cmocka_unit_test(a_shell_reads_the_same),
        cmocka_unit_test(join_respects_the_limit),
        cmocka_unit_test(live_child),
        cmocka_unit_test(environment_of_another_user),
        cmocka_unit_test(environment_larger_than_the_limit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
