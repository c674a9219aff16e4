/* Which memory was ever touched: of this process itself, and out of a pagemap file of our own making, as a
 * kernel without PAGEMAP_SCAN shows it. */
#include "capture/present.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define GIBIBYTE ((uint64_t)1 << 30)

static bool is_present(const struct capture *capture, uint64_t address)
{
    for (size_t i = 0; i < capture->present.count; i++)
        if (address >= capture->present.items[i].start && address < capture->present.items[i].end)
            return true;
    return false;
}

static void assert_ascending(const struct capture *capture)
{
    for (size_t i = 0; i < capture->present.count; i++) {
        assert_true(capture->present.items[i].start < capture->present.items[i].end);
        if (i > 0)
            assert_true(capture->present.items[i - 1].end + PRESENT_GAP <= capture->present.items[i].start);
    }
}

static void a_reservation_costs_nothing(void **state)
{
    _cleanup_capture_ struct capture capture = {.page_size = (uint64_t)sysconf(_SC_PAGESIZE)};
    _cleanup_close_ int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *area = mmap(NULL, 256 * GIBIBYTE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint64_t base = (uintptr_t)area;

    (void)state;
    assert_true(area != MAP_FAILED);
    area[5 * GIBIBYTE] = 1;
    area[200 * GIBIBYTE] = 1;
    assert_int_equal(maps_read(self, &capture.maps, NULL), 0);
    assert_int_equal(present_find(self, -1, &capture), 0);
    assert_true(capture.present_known);
    assert_ascending(&capture);
    assert_true(is_present(&capture, base + 5 * GIBIBYTE));
    assert_true(is_present(&capture, base + 200 * GIBIBYTE));
    assert_false(is_present(&capture, base));
    assert_false(is_present(&capture, base + 100 * GIBIBYTE));
    assert_true(is_present(&capture, (uintptr_t)&capture)); /* the stack */
    munmap(area, 256 * GIBIBYTE);
}

static void mark(int file, uint64_t address, uint64_t entry)
{
    assert_int_equal(pwrite(file, &entry, sizeof entry, (off_t)(address / 4096 * 8)), 8);
}

static void pagemap_entries_will_do(void **state)
{
    static const char maps[] = "100000000-180000000 rw-p 00000000 00:00 0 \n"
                               "200000000-200100000 r--p 00000000 08:01 5 /lib/x.so\n"
                               "300000000-300010000 ---p 00000000 00:00 0 \n"
                               "400000000-400010000 rw-p 00000000 00:00 0 [heap]\n";
    _cleanup_capture_ struct capture capture = {.page_size = 4096};
    char folder[] = "/tmp/procscope-present-XXXXXX";
    _cleanup_close_ int directory = -1, file = -1;

    (void)state;
    assert_non_null(mkdtemp(folder));
    directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    file = openat(directory, "pagemap", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    mark(file, 0x100000000, (uint64_t)1 << 63);
    mark(file, 0x140000000, (uint64_t)1 << 62); /* swapped out */
    mark(file, 0x140002000, (uint64_t)1 << 63); /* near it */
    mark(file, 0x160000000, (uint64_t)1 << 55); /* soft-dirty, but not there */
    mark(file, 0x200000000, (uint64_t)1 << 63);
    assert_int_equal(ftruncate(file, 0x500000000 / 4096 * 8), 0);
    assert_int_equal(maps_parse(maps, strlen(maps), &capture.maps), 0);
    assert_int_equal(present_find(directory, -1, &capture), 0);
    assert_true(capture.present_known);
    assert_int_equal(capture.present.count, 2);
    assert_int_equal(capture.present.items[0].start, 0x100000000);
    assert_int_equal(capture.present.items[0].end, 0x100001000);
    assert_int_equal(capture.present.items[1].start, 0x140000000);
    assert_int_equal(capture.present.items[1].end, 0x140003000);
    assert_int_equal(unlinkat(directory, "pagemap", 0), 0);

    /* none at all: everything counts as touched */
    capture.present_known = false;
    assert_int_equal(present_find(directory, -1, &capture), 0);
    assert_false(capture.present_known);
    assert_int_equal(rmdir(folder), 0);
}

/* Pages far apart make more ranges than are kept: the gap grows, and nothing that was touched is lost. */
static void the_list_stays_short(void **state)
{
    static const char maps[] = "100000000-2000000000 rw-p 00000000 00:00 0 \n";
    _cleanup_capture_ struct capture capture = {.page_size = 4096};
    char folder[] = "/tmp/procscope-present-XXXXXX";
    _cleanup_close_ int directory = -1, file = -1;
    uint64_t touched = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    file = openat(directory, "pagemap", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (uint64_t at = 0x100000000; at < 0x2000000000; at += PRESENT_GAP + 8192, touched++)
        mark(file, at, (uint64_t)1 << 63);
    assert_true(touched > PRESENT_RANGES_MAX);
    assert_int_equal(ftruncate(file, 0x2000000000 / 4096 * 8), 0);
    assert_int_equal(maps_parse(maps, strlen(maps), &capture.maps), 0);
    assert_int_equal(present_find(directory, -1, &capture), 0);
    assert_true(capture.present.count <= PRESENT_RANGES_MAX);
    assert_ascending(&capture);
    for (uint64_t at = 0x100000000, i = 0; at < 0x2000000000; at += PRESENT_GAP + 8192) {
        while (capture.present.items[i].end <= at)
            i++;
        assert_true(capture.present.items[i].start <= at);
    }
    assert_int_equal(unlinkat(directory, "pagemap", 0), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* To read shared memory that was only reserved would make it real: its holes must be known, page by page. */
static void shared_memory_keeps_its_holes(void **state)
{
    const uint64_t size = 64 << 20, page = (uint64_t)sysconf(_SC_PAGESIZE);
    _cleanup_capture_ struct capture capture = {.page_size = page};
    _cleanup_close_ int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int file = memfd_create("procscope-holes", MFD_CLOEXEC);
    char *anonymous = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *of_file = MAP_FAILED;
    struct stat facts;
    uint64_t base;

    (void)state;
    assert_int_equal(ftruncate(file, (off_t)(2 * size)), 0);
    of_file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)size);
    assert_true(anonymous != MAP_FAILED && of_file != MAP_FAILED);
    anonymous[20 * page] = 1;
    of_file[30 * page] = 1;
    base = (uintptr_t)of_file;
    /* what another process put there, which no page table of this one knows: seen where we may open the file
     */
    assert_int_equal(pwrite(file, "x", 1, (off_t)(size + 50 * page)), 1);

    assert_int_equal(maps_read(self, &capture.maps, NULL), 0);
    assert_int_equal(present_find(self, -1, &capture), 0);
    assert_true(capture.present_known);
    assert_true(capture_map_is_sparse(&capture, maps_find(&capture.maps, base)));
    assert_true(capture_map_is_sparse(&capture, maps_find(&capture.maps, (uintptr_t)anonymous)));
    assert_true(is_present(&capture, (uintptr_t)anonymous + 20 * page));
    assert_false(is_present(&capture, (uintptr_t)anonymous + 18 * page));
    assert_false(is_present(&capture, (uintptr_t)anonymous + 22 * page));
    assert_true(is_present(&capture, base + 30 * page));
    assert_false(is_present(&capture, base + 29 * page));
    if (geteuid() == 0)
        assert_true(is_present(&capture, base + 50 * page));
    for (size_t i = 0; i < capture.present.count; i++) /* as the writer reads them */
        for (uint64_t at = capture.present.items[i].start; at < capture.present.items[i].end; at += page)
            if (at >= base && at < base + size)
                (void)*(volatile char *)(uintptr_t)at;
    assert_int_equal(fstat(file, &facts), 0);
    assert_true(facts.st_blocks * 512 <= (blkcnt_t)(2 * page)); /* nothing came into being */
    munmap(anonymous, size);
    munmap(of_file, size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reservation_costs_nothing),
        cmocka_unit_test(pagemap_entries_will_do),
        cmocka_unit_test(the_list_stays_short),
        cmocka_unit_test(shared_memory_keeps_its_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
