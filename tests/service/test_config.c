#include "service/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static char path[] = "/tmp/procscope-config-XXXXXX";

static void write_file(const char *text)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static int read_flags(struct config *config, struct config_wishes *wishes, struct error *error, ...)
{
    char *arguments[16];
    int count = 0;
    va_list list;

    va_start(list, error);
    while ((arguments[count] = va_arg(list, char *)))
        count++;
    va_end(list);
    assert_int_equal(config_init(config), 0);
    return config_read_arguments(config, count, arguments, wishes, error);
}

static void defaults(void **state)
{
    _cleanup_config_ struct config config;
    (void)state;

    assert_int_equal(config_init(&config), 0);
    assert_int_equal(config.listen_count, 1);
    assert_string_equal(config.listen[0], "127.0.0.1:7420");
    assert_string_equal(config.user, "nobody");
    assert_int_equal(config.workers, 2);
    assert_int_equal(config.operation_timeout, 10000);
    assert_int_equal(config.dump_timeout, 600000);
    assert_int_equal(config.worker_memory, 256 << 20);
}

static void a_file_and_flags_over_it(void **state)
{
    _cleanup_config_ struct config config;
    struct config_wishes wishes;
    struct error error = {0};
    (void)state;

    write_file("; a comment\n[server]\nlisten = 0.0.0.0:80\nlisten = unix:/run/x.sock\n"
               "path-prefix = /diag\n\n[limits]\nworkers=5\ndump-timeout: 90m\nworker-memory = 1G\n"
               "[main]\nmain-name = the app\n[server]\nlog-level = debug\n");
    if (read_flags(&config, &wishes, &error, "--workers", "3", "--config", path, "--queue=7",
                   "--print-config", NULL) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(config.listen_count, 2);
    assert_string_equal(config.listen[1], "unix:/run/x.sock");
    assert_string_equal(config.path_prefix, "/diag");
    assert_int_equal(config.workers, 3); /* the flag, though it stands before the file */
    assert_int_equal(config.queue, 7);
    assert_int_equal(config.dump_timeout, 5400000);
    assert_int_equal(config.worker_memory, 1 << 30);
    assert_string_equal(config.main_name, "the app");
    assert_int_equal(config.log_level, 7);
    assert_true(wishes.print_config && !wishes.help);
}

static void listen_flags_replace_those_of_the_file(void **state)
{
    _cleanup_config_ struct config config;
    struct config_wishes wishes;
    struct error error = {0};
    (void)state;

    write_file("[server]\nlisten = 0.0.0.0:80\n");
    assert_int_equal(
        read_flags(&config, &wishes, &error, "--listen", "a:1", "--listen=b:2", "--config", path, NULL), 0);
    assert_int_equal(config.listen_count, 2);
    assert_string_equal(config.listen[0], "a:1");
    assert_string_equal(config.listen[1], "b:2");
}

static void what_is_printed_reads_back_to_the_same(void **state)
{
    _cleanup_config_ struct config config, again;
    _cleanup_buffer_ struct buffer first = {0}, second = {0};
    struct config_wishes wishes;
    struct error error = {0};
    (void)state;

    assert_int_equal(read_flags(&config, &wishes, &error, "--listen", "[::1]:0", "--listen", "unix:/a b",
                                "--stall-timeout", "1.5", "--dump-memory", "9000001", "--log-level", "error",
                                "--main-pid", "77", NULL),
                     0);
    assert_int_equal(config_print(&config, &first), 0);
    assert_non_null(strstr(buffer_string(&first), "stall-timeout = 1500ms\n"));
    assert_non_null(strstr(buffer_string(&first), "dump-memory = 9000001\n"));
    write_file(buffer_string(&first));
    assert_int_equal(config_init(&again), 0);
    if (config_read_file(&again, path, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(config_print(&again, &second), 0);
    assert_string_equal(buffer_string(&first), buffer_string(&second));
}

/* As a registry of 64 instances has it; inih alone cuts lines at 200 characters. */
static void a_line_may_be_long(void **state)
{
    _cleanup_buffer_ struct buffer text = {0}, wanted = {0};
    static const char *const bad[] = {"no key", " registry = x", "[section"};
    struct error error = {0};
    (void)state;

    assert_int_equal(buffer_append_string(&wanted, "static:"), 0);
    for (int i = 0; i < 64; i++)
        assert_int_equal(buffer_append_format(&wanted,
                                              "%shttps://instance-%02d.of.a.department.with.a.long.name."
                                              "example.com:7420/behind/a/proxy",
                                              i ? "," : "", i),
                         0);
    assert_int_equal(buffer_append_format(&text,
                                          "; %0300d\n[instance]\nregistry =  %s \t ; said %0300d\r\n"
                                          "instance-id = x\n",
                                          0, wanted.data, 0),
                     0);
    for (int i = 0; i < 2; i++) { /* also with the last line's end missing */
        _cleanup_config_ struct config config = {0};
        assert_int_equal(config_init(&config), 0);
        write_file(buffer_string(&text));
        if (config_read_file(&config, path, &error) < 0)
            fail_msg("%s", error.text);
        assert_string_equal(config.registry, buffer_string(&wanted));
        assert_string_equal(config.instance_id, i == 0 ? "x" : "");
        text.size = 0;
        assert_int_equal(buffer_append_format(&text, "[instance]\nregistry=%s", wanted.data), 0);
    }
    for (size_t i = 0; i <= ELEMENTS_OF(bad); i++) {
        _cleanup_config_ struct config config = {0};
        assert_int_equal(config_init(&config), 0);
        text.size = 0;
        assert_int_equal(buffer_append_format(&text, "[instance]\n\n%s%0*d\nworkers = 0\n",
                                              i < ELEMENTS_OF(bad) ? bad[i] : "registry = ",
                                              i < ELEMENTS_OF(bad) ? 300 : 70000, 0),
                         0);
        write_file(buffer_string(&text));
        assert_int_equal(config_read_file(&config, path, &error), -EINVAL);
        if (!strstr(error.text, "line 3"))
            fail_msg("%s", error.text);
    }
}

static void errors_of_the_file_name_file_line_key_and_value(void **state)
{
    static const struct {
        const char *text;
        const char *parts[4];
    } bad[] = {
        {"[limits]\n\nworkers = many\n", {"line 3", "workers", "many", "a number"}},
        {"[limits]\nworkers = 0\n", {"line 2", "workers", "'0'", "between 1 and 256"}},
        {"[limits]\ndump-timeout = 10 parsecs\n", {"line 2", "dump-timeout", "10 parsecs", "duration"}},
        {"[limits]\nworker-memory = 1M\n", {"line 2", "worker-memory", "1M", "bytes"}},
        {"[server]\ncolour = red\n", {"line 2", "colour", "red", "no such key"}},
        {"[server]\nworkers = 3\n", {"line 2", "workers", "[limits]", "[server]"}},
        {"[server]\npath-prefix = diag/\n", {"line 2", "path-prefix", "diag/", "/diag"}},
        {"[symbols]\ndebug-directories = a:/b\n", {"line 2", "debug-directories", "a:/b", "absolute"}},
        {"[symbols]\ndebuginfod-urls = https://a ftp:/b\n",
         {"line 2", "debuginfod-urls", "ftp:/b", "https://"}},
        {"[server]\nlog-level = loud\n", {"line 2", "log-level", "loud", "debug"}},
        {"[server]\nlisten =\n", {"line 2", "listen", "''", "address"}},
        {"[server]\n\nthis is nothing\n", {"line 3", "[section]", "key = value", ""}},
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        _cleanup_config_ struct config config;
        struct error error = {0};
        assert_int_equal(config_init(&config), 0);
        write_file(bad[i].text);
        assert_int_equal(config_read_file(&config, path, &error), -EINVAL);
        for (size_t k = 0; k < 4; k++)
            if (!strstr(error.text, bad[i].parts[k]) || !strstr(error.text, path))
                fail_msg("'%s' does not say %s", error.text, bad[i].parts[k]);
    }
}

static void bad_flags(void **state)
{
    static const char *const bad[][2] = {
        {"--workers", NULL},     {"--workers", "x"},  {"--colour", "red"},
        {"workers", "2"},        {"--", NULL},        {"--help=yes", NULL},
        {"--work", "2"},         {"--workersx", "2"}, {"--config", "/nowhere"},
        {"--connections=", NULL}};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        _cleanup_config_ struct config config;
        struct config_wishes wishes;
        struct error error = {0};
        int r = read_flags(&config, &wishes, &error, bad[i][0], bad[i][1], NULL);
        if (r != -EINVAL && r != -ENOENT)
            fail_msg("%s was taken", bad[i][0]);
        assert_int_not_equal(error.text[0], '\0');
    }
}

static void too_many_addresses(void **state)
{
    _cleanup_config_ struct config config;
    char *arguments[2 * (CONFIG_LISTEN_MAX + 1)];
    struct config_wishes wishes;
    struct error error = {0};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(arguments); i += 2) {
        arguments[i] = (char *)"--listen";
        arguments[i + 1] = (char *)"a:1";
    }
    assert_int_equal(config_init(&config), 0);
    assert_int_equal(config_read_arguments(&config, (int)ELEMENTS_OF(arguments), arguments, &wishes, &error),
                     -EINVAL);
    assert_non_null(strstr(error.text, "16"));
}

static void the_help_names_every_key(void **state)
{
    _cleanup_buffer_ struct buffer help = {0};
    (void)state;

    assert_int_equal(config_help(&help), 0);
    for (const struct config_key *key = config_keys; key->name; key++) {
        char flag[64];
        (void)snprintf(flag, sizeof flag, "--%s%s%s\n", key->name, *key->placeholder ? " " : "",
                       key->placeholder);
        assert_non_null(strstr(buffer_string(&help), flag));
    }
}

static void the_instance_comes_from_the_environment(void **state)
{
    _cleanup_config_ struct config config, named;
    (void)state;

    assert_int_equal(setenv("WEBSITE_INSTANCE_ID", "abc123", 1), 0);
    assert_int_equal(config_init(&config), 0);
    assert_int_equal(config_settle(&config, NULL), 0);
    assert_string_equal(config.instance_id, "abc123");
    assert_int_not_equal(config.machine_name[0], '\0');
    assert_int_equal(unsetenv("WEBSITE_INSTANCE_ID"), 0);
    assert_int_equal(config_init(&named), 0);
    assert_int_equal(config_settle(&named, NULL), 0);
    assert_true(instance_id_is_valid(named.instance_id));
    assert_int_equal(strlen(named.instance_id), INSTANCE_ID_SIZE - 1);
    assert_string_not_equal(named.run, config.run);
}

static int make_file(void **state)
{
    int fd = mkostemp(path, O_CLOEXEC);
    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(a_file_and_flags_over_it),
        cmocka_unit_test(listen_flags_replace_those_of_the_file),
        cmocka_unit_test(what_is_printed_reads_back_to_the_same),
        cmocka_unit_test(a_line_may_be_long),
        cmocka_unit_test(errors_of_the_file_name_file_line_key_and_value),
        cmocka_unit_test(bad_flags),
        cmocka_unit_test(too_many_addresses),
        cmocka_unit_test(the_help_names_every_key),
        cmocka_unit_test(the_instance_comes_from_the_environment),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
