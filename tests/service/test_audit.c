/* Lines of the audit are whole, whatever becomes of the disk, and whoever writes. */
#include "service/audit.h"

#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct operation dump = {.name = "dump", .role = ROLE_DUMPER};

struct file {
    char path[64];
    struct audit audit;
};

static void open_file(struct file *file)
{
    int fd;

    (void)snprintf(file->path, sizeof file->path, "/tmp/test_audit_XXXXXX"); /* fits */
    fd = mkstemp(file->path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(audit_open(file->path, &file->audit, NULL), 0);
}

static void close_file(struct file *file)
{
    audit_close(&file->audit);
    assert_int_equal(unlink(file->path), 0);
}

static int begin(const struct file *file, uint64_t number)
{
    struct request request = {.number = number, .operation = "dump"};
    struct error error = {0};

    return audit_begin(&file->audit, &dump, &request, NULL, NULL, &error);
}

static off_t size_of(const struct file *file)
{
    struct stat facts;

    assert_int_equal(stat(file->path, &facts), 0);
    return facts.st_size;
}

/* How many lines there are, each of which has to be a document of its own, except `torn` of them. */
static size_t count_lines(const struct file *file, size_t torn)
{
    _cleanup_buffer_ struct buffer text = {0};
    char *rest, *line;
    size_t count = 0;

    assert_int_equal(io_read_file_at(AT_FDCWD, file->path, &text), 0);
    if (text.size == 0)
        return 0;
    assert_int_equal(text.data[text.size - 1], '\n');
    text.data[text.size - 1] = '\0';
    for (rest = text.data; (line = strsep(&rest, "\n")); count++) {
        bool is_whole = strncmp(line, "{\"time\":", 8) == 0 && line[strlen(line) - 1] == '}' &&
                        !strstr(line + 1, "{\"time\":");
        if (!is_whole && torn-- == 0)
            fail_msg("'%s'", line);
    }
    return count;
}

/* As on a full disk: a part of the line has room. */
static void what_has_no_room_is_taken_back(void **state)
{
    struct rlimit limit, before;
    struct file file;
    off_t size;
    (void)state;

    open_file(&file);
    assert_int_equal(begin(&file, 1), 0);
    size = size_of(&file);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t room = 0; room < (rlim_t)size; room += 7) {
        limit = (struct rlimit){.rlim_cur = (rlim_t)size + room, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        assert_int_equal(begin(&file, 2), -EIO);
        assert_int_equal(size_of(&file), size);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(begin(&file, 3), 0);
    assert_int_equal(count_lines(&file, 0), 2);
    close_file(&file);
}

/* Its writer was killed, or the machine fell. */
static void nothing_is_glued_to_a_torn_line(void **state)
{
    static const char torn[] = "{\"time\":\"2026";
    struct file file;
    int fd;
    (void)state;

    open_file(&file);
    fd = open(file.path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, torn, strlen(torn)), strlen(torn));
    (void)close(fd);
    assert_int_equal(begin(&file, 1), 0);
    assert_int_equal(begin(&file, 2), 0);
    assert_int_equal(count_lines(&file, 1), 3);
    close_file(&file);
}

enum { WRITERS = 4, LINES = 200 };

/* They share the descriptor, as workers do; some have no room now and then. */
static void many_write_at_once(void **state)
{
    struct file file;
    size_t written = 0;
    (void)state;

    open_file(&file);
    for (int i = 0; i < WRITERS; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct rlimit limit;
            int done = 0;

            if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || getrlimit(RLIMIT_FSIZE, &limit) < 0)
                _exit(255);
            for (int number = 0; number < LINES; number++) {
                struct stat facts;
                bool is_short = i == 0 && fstat(file.audit.fd, &facts) == 0;
                limit.rlim_cur = is_short ? (rlim_t)facts.st_size + 20 : limit.rlim_max;
                (void)setrlimit(RLIMIT_FSIZE, &limit);
                done += begin(&file, (uint64_t)number) == 0;
            }
            _exit(done);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= LINES);
        written += (size_t)WEXITSTATUS(status);
    }
    assert_true(written >= (WRITERS - 1) * LINES);
    assert_int_equal(count_lines(&file, 0), written);
    close_file(&file);
}

static pid_t lock_by_another(const struct file *file)
{
    int ready[2];
    pid_t pid;
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        (void)close(ready[0]);
        if (fcntl(file->audit.fd, F_SETLK, &whole) == 0 && write(ready[1], "x", 1) == 1)
            (void)pause();
        _exit(1);
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return pid;
}

/* Who has it locked and stops keeps nobody waiting for ever; who is killed, not at all. */
static void a_lock_does_not_last(void **state)
{
    struct file file;
    pid_t pid;
    (void)state;

    open_file(&file);
    pid = lock_by_another(&file);
    assert_int_equal(begin(&file, 1), -EIO);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(begin(&file, 2), 0);
    assert_int_equal(count_lines(&file, 0), 1);
    close_file(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_room_is_taken_back),
        cmocka_unit_test(nothing_is_glued_to_a_torn_line),
        cmocka_unit_test(many_write_at_once),
        cmocka_unit_test(a_lock_does_not_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
