/* Modules of this very process: the loader knows them too, and both must agree. */
#include "base/buffer.h"
#include "base/io.h"
#include "capture/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SAMPLE_DEBUG TARGETS "/../elf/sample-debug.so"
#define SAMPLE_PLAIN TARGETS "/../elf/sample-plain.so"

static const uint8_t sample_build_id[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
                                          0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01, 0x02, 0x03, 0x04};

static void read_modules(pid_t pid, bool identify, struct module_list *list)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    _cleanup_procfs_ struct procfs procfs = {.fd = -1};
    _cleanup_map_list_ struct map_list maps = {0};

    assert_int_equal(procfs_open("/proc", &procfs, NULL), 0);
    assert_int_equal(pidref_open(&procfs, pid, &ref, NULL), 0);
    assert_int_equal(maps_read(ref.dir_fd, &maps, NULL), 0);
    assert_int_equal(modules_read(&ref, &maps, identify, list), 0);
}

static void check_sample(const struct module *module, bool debug, bool deleted)
{
    assert_non_null(module);
    assert_int_equal(module->build_id_size, sizeof sample_build_id);
    assert_memory_equal(module->build_id, sample_build_id, sizeof sample_build_id);
    assert_string_equal(module->soname, "libsample.so.3.1");
    assert_string_equal(module->version, "3.1");
    assert_int_equal(module->is_debug, debug);
    assert_int_equal(module->deleted, deleted);
}

static void copy_file(const char *from, const char *to)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    _cleanup_close_ int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

    assert_true(fd >= 0);
    assert_int_equal(io_read_file_at(AT_FDCWD, from, &bytes), 0);
    assert_int_equal(io_write_full(fd, bytes.data, bytes.size, 1000), 0);
}

struct comparison {
    const struct module_list *list;
    size_t objects;
};

static int compare_object(struct dl_phdr_info *info, size_t size, void *data)
{
    struct comparison *comparison = data;
    uint64_t low = UINT64_MAX, high = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);
    const struct module *module;
    (void)size;

    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD)
            continue;
        low = segment->p_vaddr < low ? segment->p_vaddr : low;
        high = segment->p_vaddr + segment->p_memsz > high ? segment->p_vaddr + segment->p_memsz : high;
    }
    low = (info->dlpi_addr + low) / page * page;
    high = (info->dlpi_addr + high + page - 1) / page * page;
    module = modules_find(comparison->list, low);
    if (!module)
        fail_msg("%s at %#llx: no module", info->dlpi_name, (unsigned long long)low);
    if (module->base != low || (strcmp(module->path, "[vdso]") != 0 && module->base + module->size != high))
        fail_msg("%s: %#llx-%#llx, not %#llx-%#llx", module->path, (unsigned long long)module->base,
                 (unsigned long long)(module->base + module->size), (unsigned long long)low,
                 (unsigned long long)high);
    comparison->objects++;
    return 0;
}

static void agrees_with_the_loader(void **state)
{
    void *sample = dlopen(SAMPLE_DEBUG, RTLD_NOW), *text = NULL;
    (void)state;

    assert_non_null(sample);
    text = dlsym(sample, "sample_object");
    for (int pass = 0; pass < 2; pass++) { /* the second comes from the cache */
        _cleanup_module_list_ struct module_list list = {0};
        struct comparison comparison = {.list = &list};

        read_modules(getpid(), true, &list);
        (void)dl_iterate_phdr(compare_object, &comparison); /* always 0: compare_object fails by itself */
        assert_int_equal(comparison.objects, list.count);
        for (size_t i = 0; i < list.count; i++) {
            assert_true(list.items[i].build_id_size > 0);
            assert_true(i == 0 || list.items[i].base >= list.items[i - 1].base + list.items[i - 1].size);
        }
        check_sample(modules_find(&list, (uint64_t)(uintptr_t)text), true, false);
    }
    assert_int_equal(dlclose(sample), 0);
}

static void guesses_without_opening(void **state)
{
    _cleanup_module_list_ struct module_list known = {0}, guessed = {0};
    (void)state;

    read_modules(getpid(), true, &known);
    read_modules(getpid(), false, &guessed);
    assert_int_equal(known.count, guessed.count);
    for (size_t i = 0; i < known.count; i++) {
        assert_int_equal(known.items[i].base, guessed.items[i].base);
        assert_string_equal(known.items[i].path, guessed.items[i].path);
        assert_int_equal(guessed.items[i].build_id_size, 0);
    }
}

static void knows_deleted_and_replaced_files(void **state)
{
    char one[] = "/tmp/procscope-moduleXXXXXX";
    _cleanup_module_list_ struct module_list list = {0}, later = {0};
    int fd = mkstemp(one);
    void *sample, *text;
    (void)state;

    assert_true(fd >= 0);
    close(fd);
    copy_file(SAMPLE_DEBUG, one);
    sample = dlopen(one, RTLD_NOW);
    assert_non_null(sample);
    text = dlsym(sample, "sample_object");
    assert_int_equal(unlink(one), 0);
    read_modules(getpid(), true, &list);
    check_sample(modules_find(&list, (uint64_t)(uintptr_t)text),
                 geteuid() == 0, /* without map_files only the mapped image is left, which has no sections */
                 true);
    assert_int_equal(mkfifo(one, 0600), 0); /* to open this would hang */
    read_modules(getpid(), true, &later);
    check_sample(modules_find(&later, (uint64_t)(uintptr_t)text), geteuid() == 0, true);
    assert_int_equal(unlink(one), 0);
    assert_int_equal(dlclose(sample), 0);
}

static void counts_each_mapping_of_a_file(void **state)
{
    _cleanup_module_list_ struct module_list before = {0}, after = {0};
    int fd = open(SAMPLE_PLAIN, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    void *one, *other;
    (void)state;

    assert_int_equal(fstat(fd, &facts), 0);
    read_modules(getpid(), true, &before);
    one = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    other = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(one != MAP_FAILED && other != MAP_FAILED);
    read_modules(getpid(), true, &after);
    assert_int_equal(after.count, before.count + 2);
    assert_non_null(modules_find(&after, (uint64_t)(uintptr_t)one));
    assert_int_equal(modules_find(&after, (uint64_t)(uintptr_t)one)->base, (uint64_t)(uintptr_t)one);
    assert_int_equal(modules_find(&after, (uint64_t)(uintptr_t)other)->base, (uint64_t)(uintptr_t)other);
    assert_int_equal(munmap(one, (size_t)facts.st_size), 0);
    assert_int_equal(munmap(other, (size_t)facts.st_size), 0);
    close(fd);
}

/* What was remembered of a file must not outlive its contents. */
static void forgets_a_file_that_changed(void **state)
{
    char path[] = "/tmp/procscope-moduleXXXXXX";
    _cleanup_module_list_ struct module_list debug = {0}, plain = {0}, none = {0};
    int fd = mkstemp(path);
    uint64_t at;
    void *mapping;
    (void)state;

    assert_true(fd >= 0);
    copy_file(SAMPLE_DEBUG, path);
    mapping = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(mapping != MAP_FAILED);
    at = (uint64_t)(uintptr_t)mapping;
    read_modules(getpid(), true, &debug);
    check_sample(modules_find(&debug, at), true, false);
    copy_file(SAMPLE_PLAIN, path); /* written over: the same inode */
    read_modules(getpid(), true, &plain);
    check_sample(modules_find(&plain, at), false, false);
    assert_int_equal(ftruncate(fd, 0), 0); /* to touch the mapping would now be SIGBUS */
    read_modules(getpid(), true, &none);
    assert_null(modules_find(&none, at));
    assert_int_equal(munmap(mapping, 4096), 0);
    assert_int_equal(unlink(path), 0);
    close(fd);
}

static void ignores_data_files(void **state)
{
    _cleanup_module_list_ struct module_list list = {0};
    int fd = open(__FILE__[0] == '/' ? __FILE__ : "/etc/passwd", O_RDONLY | O_CLOEXEC);
    void *mapping = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)state;

    assert_true(fd >= 0 && mapping != MAP_FAILED);
    read_modules(getpid(), true, &list);
    assert_null(modules_find(&list, (uint64_t)(uintptr_t)mapping));
    assert_int_equal(munmap(mapping, 4096), 0);
    close(fd);
}

/* In the child: maps the sample where only its own mount namespace has it. */
static void child_in_a_mount_namespace(const char *folder, int ready)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    char path[128];
    int fd;

    (void)snprintf(path, sizeof path, "%s/hidden.so", folder); /* fits */
    if (io_read_file_at(AT_FDCWD, SAMPLE_DEBUG, &bytes) < 0)
        _exit(1);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", folder, "tmpfs", 0, NULL) < 0)
        _exit(77);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0700);
    if (fd < 0 || io_write_full(fd, bytes.data, bytes.size, 1000) < 0 ||
        mmap(NULL, bytes.size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ||
        write(ready, "r", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void reads_in_the_mount_namespace_of_the_target(void **state)
{
    char folder[] = "/tmp/procscope-mountXXXXXX", byte;
    _cleanup_module_list_ struct module_list list = {0};
    const struct module *found = NULL;
    int ready[2], status;
    pid_t child;
    (void)state;

    assert_non_null(mkdtemp(folder));
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_in_a_mount_namespace(folder, ready[1]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1) {
        read_modules(child, true, &list);
        for (size_t i = 0; i < list.count; i++)
            if (strstr(list.items[i].path, "/hidden.so"))
                found = &list.items[i];
        assert_int_equal(kill(child, SIGKILL), 0);
    }
    close(ready[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(rmdir(folder), 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* may not make a namespace */
    check_sample(found, true, false);
}

/* Layouts of maps files as linkers and targets make them, with nothing that could be opened. */
static void groups_recorded_mappings(void **state)
{
    static const char text[] =
        "400000-401000 r-xp 00000000 08:01 7 /bin/tiny\n" /* both segments in one page */
        "401000-402000 rw-p 00000000 08:01 7 /bin/tiny\n"
        "500000-501000 r--p 00000000 08:01 8 /usr/share/font\n"
        "600000-601000 r--p 00000000 08:01 9 /lib/lib\\012x.so.4.2 (deleted)\n"
        "601000-603000 r-xp 00000000 08:01 9 /lib/lib\\012x.so.4.2 (deleted)\n"
        "603000-604000 rw-p 00003000 08:01 9 /lib/lib\\012x.so.4.2 (deleted)\n"
        "604000-605000 rw-p 00000000 00:00 0 \n"
        "700000-701000 r-xp 00000000 08:01 7 /bin/tiny\n"
        "701000-702000 r-xp 00000000 08:01 7 /bin/tiny\n"
        "710000-711000 r-xp 00001000 08:01 10 /bin/without-its-head\n"
        "720000-721000 r-xp 00000000 00:00 0 [vdso]\n"
        "721000-722000 rw-s 00000000 00:05 3 anon_inode:[perf_event]\n";
    static const struct {
        uint64_t base, size;
        const char *path, *version;
        bool deleted;
    } expected[] = {{0x400000, 0x2000, "/bin/tiny", "", false},
                    {0x600000, 0x4000, "/lib/lib\nx.so.4.2", "4.2", true},
                    {0x700000, 0x1000, "/bin/tiny", "", false},
                    {0x701000, 0x1000, "/bin/tiny", "", false},
                    {0x720000, 0x1000, "[vdso]", "", false}};
    _cleanup_map_list_ struct map_list maps = {0};
    struct pidref nobody = PIDREF_INIT;
    (void)state;

    assert_int_equal(maps_parse(text, sizeof text - 1, &maps), 0);
    for (int identify = 0; identify <= 1; identify++) {
        _cleanup_module_list_ struct module_list list = {0};

        assert_int_equal(modules_read(&nobody, &maps, identify, &list), 0);
        assert_int_equal(list.count, ELEMENTS_OF(expected));
        for (size_t i = 0; i < list.count; i++) {
            assert_int_equal(list.items[i].base, expected[i].base);
            assert_int_equal(list.items[i].size, expected[i].size);
            assert_string_equal(list.items[i].path, expected[i].path);
            assert_string_equal(list.items[i].version, expected[i].version);
            assert_int_equal(list.items[i].deleted, expected[i].deleted);
        }
        assert_null(modules_find(&list, 0x3fffff));
        assert_null(modules_find(&list, 0x402000));
        assert_ptr_equal(modules_find(&list, 0x603fff), &list.items[1]);
    }
}

/* A hostile target: as many mappings as it may have, none of which can be read. */
static void stands_sixty_thousand_mappings(void **state)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_map_list_ struct map_list maps = {0};
    _cleanup_module_list_ struct module_list list = {0};
    struct pidref nobody = PIDREF_INIT;
    (void)state;

    for (unsigned i = 0; i < 60000; i++)
        assert_int_equal(buffer_append_format(&text, "%x000-%x000 %s 00000000 08:01 7 /one/file\n",
                                              2 * i + 16, 2 * i + 17, i % 2 ? "r--p" : "rw-p"),
                         0);
    assert_int_equal(maps_parse(text.data, text.size, &maps), 0);
    assert_int_equal(modules_read(&nobody, &maps, true, &list), 0);
    assert_int_equal(list.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_loader),
        cmocka_unit_test(guesses_without_opening),
        cmocka_unit_test(knows_deleted_and_replaced_files),
        cmocka_unit_test(counts_each_mapping_of_a_file),
        cmocka_unit_test(forgets_a_file_that_changed),
        cmocka_unit_test(ignores_data_files),
        cmocka_unit_test(reads_in_the_mount_namespace_of_the_target),
        cmocka_unit_test(groups_recorded_mappings),
        cmocka_unit_test(stands_sixty_thousand_mappings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
