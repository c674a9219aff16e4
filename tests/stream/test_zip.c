/* Archives read back by unzip and by Python's zipfile, which nobody here wrote. */
#include "base/io.h"
#include "stream/zip.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static char folder[] = "/tmp/procscope-zip-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* Runs a command line of the shell; returns its exit code. */
static int shell(const char *command)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void add(struct zip *zip, const char *name, const void *bytes, size_t size, uint64_t promised)
{
    struct sink *entry;

    assert_int_equal(zip_entry(zip, name, promised, 1795242600000000000, &entry), 0);
    for (size_t at = 0; at < size; at += 50000)
        assert_int_equal(sink_write(entry, (const char *)bytes + at, size - at < 50000 ? size - at : 50000),
                         0);
    assert_int_equal(sink_finish(entry, NULL), 0);
}

static void others_read_it(void **state)
{
    enum { SIZE = 3000000 };
    _cleanup_free_ char *bytes = malloc(SIZE);
    _cleanup_sink_ struct sink *file = NULL;
    _cleanup_zip_ struct zip *zip = NULL;
    char path[PATH_MAX], command[PATH_MAX * 3];
    uint64_t seed = 1;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = i < SIZE / 2 ? (char)(seed >> 56) : (char)(i % 7);
    }
    (void)snprintf(path, sizeof path, "%s/a.zip", folder);
    assert_int_equal(sink_file_new(path, &file, NULL), 0);
    assert_int_equal(zip_new(file, 1, &zip), 0);
    add(zip, "empty", "", 0, 0);
    add(zip, "folder/text.txt", "hello\n", 6, 6);
    add(zip, "n\xc3\xa4me", bytes, SIZE, SIZE);
    add(zip, "large", bytes, SIZE, 5ull << 30); /* might have been past 4 GiB: a zip64 entry */
    assert_int_equal(zip_finish(zip), 0);
    assert_int_equal(sink_finish(file, NULL), 0);

    (void)snprintf(command, sizeof command, "command -v unzip >/dev/null || exit 0; unzip -tqq %s", path);
    assert_int_equal(shell(command), 0);
    (void)snprintf(
        command, sizeof command,
        "/usr/bin/python3 -c \"import zipfile; z = zipfile.ZipFile('%s'); assert z.testzip() is None; "
        "assert z.namelist() == ['empty', 'folder/text.txt', 'n\\xe4me', 'large'], z.namelist(); "
        "assert z.read('folder/text.txt') == b'hello\\n'; d = z.read('large'); "
        "assert d == z.read('n\\xe4me') and len(d) == 3000000 and d[-7:] == bytes((i %% 7 for i in "
        "range(2999993, 3000000))); "
        "assert z.getinfo('large').compress_size < 1600000; "
        "assert z.getinfo('empty').date_time == (2026, 11, 21, 6, 30, 0), z.getinfo('empty').date_time\"",
        path);
    assert_int_equal(shell(command), 0);
    assert_int_equal(unlink(path), 0);
}

/* FIPS 180-2, appendix B; each entry for itself. */
static void digests_are_sha_256(void **state)
{
    static const char *const known[][2] = {
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(65536);
    _cleanup_sink_ struct sink *memory = NULL;
    _cleanup_zip_ struct zip *zip = NULL;
    char text[SHA256_TEXT_SIZE];

    (void)state;
    assert_int_equal(sink_memory_new(&bytes, &memory), 0);
    assert_int_equal(zip_new(memory, 1, &zip), 0);
    for (size_t i = 0; i < ELEMENTS_OF(known); i++) {
        add(zip, known[i][1], known[i][0], strlen(known[i][0]), 100);
        zip_entry_sha256(zip, text);
        assert_string_equal(text, known[i][1]);
    }
}

/* Links come out as links where the reader knows them, and none leads up. */
static void links(void **state)
{
    _cleanup_sink_ struct sink *file = NULL;
    _cleanup_zip_ struct zip *zip = NULL;
    char path[PATH_MAX], command[PATH_MAX * 3];
    static const char *const readers[][2] = {{"unzip", "unzip -q ../c.zip"},
                                             {"7zz", "7zz x ../c.zip >/dev/null"},
                                             {"bsdtar", "bsdtar xf ../c.zip"}};

    (void)state;
    (void)snprintf(path, sizeof path, "%s/c.zip", folder);
    assert_int_equal(sink_file_new(path, &file, NULL), 0);
    assert_int_equal(zip_new(file, 1, &zip), 0);
    add(zip, "tree/usr/lib/a.so.1", "hello\n", 6, 6);
    assert_int_equal(zip_link(zip, "tree/lib", "tree/usr/lib", 0), 0);
    assert_int_equal(zip_link(zip, "tree/usr/lib/a.so", "tree/usr/lib/a.so.1", 0), 0);
    assert_int_equal(zip_link(zip, "tree/lib64/a.so", "tree/usr/lib/a.so.1", 0), -EINVAL);
    assert_int_equal(zip_link(zip, "tree/x", "tree/../../x", 0), -EINVAL);
    assert_int_equal(zip_link(zip, "x", "/etc/passwd", 0), -EINVAL);
    assert_false(zip_can_link("tree/x", "tree/"));
    assert_int_equal(zip_finish(zip), 0);
    assert_int_equal(sink_finish(file, NULL), 0);
    for (size_t i = 0; i < ELEMENTS_OF(readers); i++) {
        (void)snprintf(command, sizeof command,
                       "command -v %s >/dev/null || exit 0; cd %s && mkdir out && cd out && %s && "
                       "test \"$(readlink tree/lib)\" = usr/lib && test \"$(cat tree/lib/a.so)\" = hello && "
                       "cd .. && rm -r out",
                       readers[i][0], folder, readers[i][1]);
        if (shell(command) != 0)
            fail_msg("%s", readers[i][0]);
    }
    assert_int_equal(unlink(path), 0);
}

static void many_entries_need_zip64(void **state)
{
    _cleanup_sink_ struct sink *file = NULL;
    _cleanup_zip_ struct zip *zip = NULL;
    char path[PATH_MAX], command[PATH_MAX * 2], name[16];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/b.zip", folder);
    assert_int_equal(sink_file_new(path, &file, NULL), 0);
    assert_int_equal(zip_new(file, 1, &zip), 0);
    for (unsigned i = 0; i < 66000; i++) {
        (void)snprintf(name, sizeof name, "%u", i);
        add(zip, name, name, strlen(name), 16);
    }
    assert_int_equal(zip_finish(zip), 0);
    assert_int_equal(sink_finish(file, NULL), 0);
    (void)snprintf(command, sizeof command,
                   "/usr/bin/python3 -c \"import zipfile; z = zipfile.ZipFile('%s'); n = z.namelist(); "
                   "assert len(n) == 66000 and z.read('65999') == b'65999'\"",
                   path);
    assert_int_equal(shell(command), 0);
    assert_int_equal(unlink(path), 0);
}

static void refuses(void **state)
{
    static const char *const names[] = {"", "/absolute", "..", "a/../b", "../x", "a/..", "back\\slash"};
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(65536);
    _cleanup_sink_ struct sink *memory = NULL;
    _cleanup_zip_ struct zip *zip = NULL;
    struct sink *entry, *other;

    (void)state;
    assert_int_equal(sink_memory_new(&bytes, &memory), 0);
    assert_int_equal(zip_new(memory, 1, &zip), 0);
    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        assert_int_equal(zip_entry(zip, names[i], 1, 0, &entry), -EINVAL);
    assert_int_equal(zip_entry(zip, "a", 3, 0, &entry), 0);
    assert_int_equal(zip_entry(zip, "b", 3, 0, &other), -EINVAL);
    assert_int_equal(zip_finish(zip), -EINVAL);
    assert_int_equal(sink_write(entry, "four", 4), -EFBIG);
    assert_int_equal(sink_write(entry, "abc", 3), 0);
    assert_int_equal(sink_finish(entry, NULL), 0);
    assert_int_equal(sink_write(entry, "d", 1), -EINVAL);
    assert_int_equal(zip_finish(zip), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_read_it), cmocka_unit_test(digests_are_sha_256),
        cmocka_unit_test(links),          cmocka_unit_test(many_entries_need_zip64),
        cmocka_unit_test(refuses),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
