#include "base/io.h"
#include "http/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

static char folder[] = "/tmp/procscope-listen-XXXXXX";

static const char *in_folder(const char *prefix, const char *name)
{
    static char path[2][200];
    static unsigned turn;
    turn ^= 1;
    (void)snprintf(path[turn], sizeof path[turn], "%s%s/%s", prefix, folder, name); /* fits */
    return path[turn];
}

static void tcp_on_any_free_port(void **state)
{
    _cleanup_listeners_ struct listeners listeners = {0};
    struct error error;
    (void)state;

    assert_int_equal(listeners_add(&listeners, "127.0.0.1:0", &error), 0);
    assert_int_equal(listeners_add(&listeners, "localhost:0", &error), 0);
    assert_int_equal(listeners_add(&listeners, "0.0.0.0:0", &error), 0);
    assert_int_equal(listeners.count, 3);
    assert_memory_equal(listeners.items[0].url, "http://127.0.0.1:", 17);
    assert_string_not_equal(listeners.items[0].url, "http://127.0.0.1:0");
    assert_true(listeners.items[0].loopback);
    assert_true(listeners.items[1].loopback);
    assert_false(listeners.items[2].loopback);
    assert_true(fcntl(listeners.items[0].fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(listeners.items[0].fd, F_GETFL) & O_NONBLOCK);
}

static void tcp_on_version_6(void **state)
{
    _cleanup_listeners_ struct listeners listeners = {0};
    struct error error;
    (void)state;

    if (listeners_add(&listeners, "[::1]:0", &error) < 0)
        skip(); /* a machine without IPv6 */
    assert_memory_equal(listeners.items[0].url, "http://[::1]:", 13);
    assert_true(listeners.items[0].loopback);
}

static void bad_addresses_are_explained(void **state)
{
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:x",
                                      "host:1",
                                      "[::1:1",
                                      "::1:1",
                                      "[127.0.0.1]:1",
                                      "unix:",
                                      ":1",
                                      "[]:1",
                                      "1.2.3.4.5:6",
                                      "[:1"};
    _cleanup_listeners_ struct listeners listeners = {0};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        struct error error = {0};
        assert_int_equal(listeners_add(&listeners, bad[i], &error), -EINVAL);
        assert_true(error.text[0] != 0);
    }
    assert_int_equal(listeners.count, 0);
}

static void stale_sockets_are_replaced(void **state)
{
    _cleanup_listeners_ struct listeners first = {0}, second = {0};
    const char *address = in_folder("unix:", "socket");
    struct error error;
    struct stat facts;
    (void)state;

    assert_int_equal(listeners_add(&first, address, &error), 0);
    assert_string_equal(first.items[0].url, address);
    assert_int_equal(stat(address + 5, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0660);
    assert_int_equal(listeners_add(&second, address, &error), -EADDRINUSE); /* somebody listens */
    listeners_release(&first);
    assert_int_equal(stat(address + 5, &facts), 0); /* left behind, as by a crash */
    assert_int_equal(listeners_add(&second, address, &error), 0);
    listeners_remove_files(&second);
    assert_int_equal(stat(address + 5, &facts), -1);
}

static void other_files_are_left_alone(void **state)
{
    _cleanup_listeners_ struct listeners listeners = {0};
    const char *address = in_folder("unix:", "file"), *link = in_folder("", "link");
    _cleanup_close_ int fd = open(address + 5, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    struct error error;
    struct stat facts;
    char through_link[200];
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(listeners_add(&listeners, address, &error), -EEXIST);
    assert_int_equal(stat(address + 5, &facts), 0);
    assert_int_equal(symlink(address + 5, link), 0);
    (void)snprintf(through_link, sizeof through_link, "unix:%s", link); /* fits */
    assert_int_equal(listeners_add(&listeners, through_link, &error), -EEXIST);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(unlink(address + 5), 0);
}

static void urls_are_written_whole(void **state)
{
    _cleanup_listeners_ struct listeners listeners = {0};
    _cleanup_buffer_ struct buffer text = {0};
    char expected[400];
    const char *file = in_folder("", "urls");
    struct error error;
    (void)state;

    assert_int_equal(listeners_add(&listeners, "127.0.0.1:0", &error), 0);
    assert_int_equal(listeners_add(&listeners, "127.0.0.1:0", &error), 0);
    assert_int_equal(listeners_write_urls(&listeners, file, &error), 0);
    assert_int_equal(io_read_file_at(AT_FDCWD, file, &text), 0);
    (void)snprintf(expected, sizeof expected, "%s\n%s\n", listeners.items[0].url,
                   listeners.items[1].url); /* fits */
    assert_string_equal(text.data, expected);
    assert_int_equal(unlink(file), 0);
    assert_int_not_equal(listeners_write_urls(&listeners, in_folder("", "no/such/folder"), &error), 0);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_on_any_free_port),        cmocka_unit_test(tcp_on_version_6),
        cmocka_unit_test(bad_addresses_are_explained), cmocka_unit_test(stale_sockets_are_replaced),
        cmocka_unit_test(other_files_are_left_alone),  cmocka_unit_test(urls_are_written_whole),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
