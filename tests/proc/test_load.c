#include "proc/load.h"

#include "proc/cgroup.h"
#include "proc/io.h"
#include "support.h"

static void processors_together(void **state)
{
    struct host_load load = {0};
    (void)state;

    assert_int_equal(
        host_load_parse_stat("cpu  1 2 3 40 5 6 7 8 100 100\ncpu0 1\ncpu1 2\nintr 5\ncpu2 3\n", &load), 0);
    assert_int_equal(load.all_ticks, 72);
    assert_int_equal(load.busy_ticks, 27);
    assert_int_equal(load.processors, 2);
    assert_int_equal(host_load_parse_stat("cpu  1 2 3 4\n", &load), 0);
    assert_int_equal(host_load_parse_stat("cpu  1 2 3\n", &load), -EBADMSG);
    assert_int_equal(host_load_parse_stat("cpu", &load), -EBADMSG);
    assert_int_equal(host_load_parse_stat("", &load), -EBADMSG);
}

static void memory(void **state)
{
    struct host_load load = {0};
    (void)state;

    host_load_parse_memory(
        "MemTotal:       1024 kB\nMemFree: 1 kB\nMemAvailable:    512 kB\nSwapTotal: 0 kB\n", &load);
    assert_int_equal(load.memory_total, 1024 * 1024);
    assert_int_equal(load.memory_available, 512 * 1024);
    assert_int_equal(load.swap_total, 0);
    assert_int_equal(load.swap_free, -1);
    host_load_parse_memory("MemTotal: 99999999999999999999 kB\nMemAvailable:", &load);
    assert_int_equal(load.memory_total, -1);
    assert_int_equal(load.memory_available, -1);
}

static void pressure(void **state)
{
    (void)state;

    assert_true(host_load_parse_pressure(
                    "some avg10=12.05 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00") == 12.05);
    assert_true(host_load_parse_pressure("some avg10=0.00") == 0);
    assert_true(host_load_parse_pressure("some avg10=1.") == 1);
    assert_true(host_load_parse_pressure("full avg10=1.00") == -1);
    assert_true(host_load_parse_pressure("some avg10=x") == -1);
    assert_true(host_load_parse_pressure("") == -1);
}

static void bytes_of_storage(void **state)
{
    static const char text[] = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 50\nwrite_bytes: 60\n"
                               "cancelled_write_bytes: 70\n";
    struct proc_io io = {0};
    (void)state;

    assert_int_equal(proc_io_parse(text, strlen(text), &io), 0);
    assert_int_equal(io.read_bytes, 50);
    assert_int_equal(io.write_bytes, 60);
    for (size_t i = 0; i <= (size_t)(strstr(text, "60") - text); i++)
        assert_int_equal(proc_io_parse(text, i, &io), -EBADMSG);
    assert_int_equal(proc_io_parse("\nread_bytes: 1\ncancelled_write_bytes: 70", 40, &io), -EBADMSG);
}

static void check_cgroup(const char *text, const char *unit, const char *container)
{
    struct proc_cgroup cgroup;

    proc_cgroup_parse(text, strlen(text), &cgroup);
    assert_string_equal(cgroup.unit, unit);
    assert_string_equal(cgroup.container, container);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void whose_it_is(void **state)
{
    (void)state;

    check_cgroup("0::/system.slice/nginx.service\n", "nginx.service", "");
    check_cgroup("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n", "a.service", "");
    check_cgroup("0::/user.slice/user-1000.slice/session-2.scope", "", "");
    check_cgroup("12:pids:/docker/" ID "\n1:name=systemd:/docker/" ID "\n", "", "0123456789ab");
    check_cgroup("0::/system.slice/docker-" ID ".scope\n", "", "0123456789ab");
    check_cgroup("0::/kubepods/pod1/cri-containerd-" ID ".scope/init\n", "", "0123456789ab");
    check_cgroup("0::/\n", "", "");
    check_cgroup("0::/.service", "", "");
    check_cgroup("", "", "");
    check_cgroup("nonsense\n::\n:", "", "");
}

static void of_this_machine(void **state)
{
    struct procfs procfs = open_procfs("/proc");
    struct host_load load;
    (void)state;

    assert_int_equal(host_load_read(&procfs, &load), 0);
    assert_true(load.processors > 0);
    assert_true(load.busy_ticks <= load.all_ticks);
    assert_true(load.memory_total >= load.memory_available);
    procfs_close(&procfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors_together),
        cmocka_unit_test(memory),
        cmocka_unit_test(pressure),
        cmocka_unit_test(bytes_of_storage),
        cmocka_unit_test(whose_it_is),
        cmocka_unit_test(of_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
