#include "proc/process_guid.h"
#include "support.h"

static void each_process_has_its_own(void **state)
{
    static const struct {
        pid_t pid;
        uint64_t start;
    } processes[] = {{1, 0}, {1, 1}, {2, 0}, {2, 1}, {4194304, 0}, {1, 1ull << 47}, {256, 0}, {1, 256}};
    uint8_t boot[GUID_SIZE] = {0x6d}, guids[ELEMENTS_OF(processes)][GUID_SIZE], again[GUID_SIZE];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(processes); i++) {
        process_guid(boot, processes[i].pid, processes[i].start, guids[i]);
        process_guid(boot, processes[i].pid, processes[i].start, again);
        assert_memory_equal(again, guids[i], GUID_SIZE);
        assert_int_equal(guids[i][6] >> 4, 8);
        assert_int_equal(guids[i][8] >> 6, 2);
        for (size_t before = 0; before < i; before++)
            assert_memory_not_equal(guids[before], guids[i], GUID_SIZE);
    }
    boot[3] ^= 1;
    process_guid(boot, 1, 0, again);
    assert_memory_not_equal(again, guids[0], GUID_SIZE);
}

static void the_boot_is_the_kernels(void **state)
{
    struct procfs procfs = open_procfs("/proc"), recorded = open_procfs(PROC_FIXTURES "recorded");
    uint8_t boot[GUID_SIZE], none[GUID_SIZE] = {0};
    char text[GUID_TEXT_SIZE], wanted[GUID_TEXT_SIZE + 1] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    (void)state;

    assert_int_equal(read(fd, wanted, GUID_TEXT_SIZE), GUID_TEXT_SIZE);
    wanted[GUID_TEXT_SIZE - 1] = '\0';
    process_guid_boot(&procfs, boot);
    guid_text(boot, text);
    assert_string_equal(text, wanted);
    process_guid_boot(&recorded, boot);
    assert_memory_equal(boot, none, GUID_SIZE);
    (void)close(fd);
    procfs_close(&procfs);
    procfs_close(&recorded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_process_has_its_own),
        cmocka_unit_test(the_boot_is_the_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
