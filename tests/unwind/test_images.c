/* The files of this very process, of which the loader knows where they are mapped. */
#include "capture/mapped_file.h"
#include "unwind/images.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

enum { MOST = 16 };

static struct {
    struct procfs procfs;
    struct pidref self;
    struct map_list maps;
    struct module_list modules;
    struct memory *memory;
    void *library;
} now = {.procfs = {.fd = -1}, .self = PIDREF_INIT};

static int look(void **state)
{
    (void)state;
    now.library = dlopen(UNWIND "/named.so", RTLD_NOW | RTLD_LOCAL);
    if (!now.library || procfs_open("/proc", &now.procfs, NULL) < 0 ||
        pidref_open(&now.procfs, getpid(), &now.self, NULL) < 0 ||
        maps_read(now.self.dir_fd, &now.maps, NULL) < 0 ||
        modules_read(&now.self, &now.maps, true, &now.modules) < 0)
        return -1;
    return memory_fd_new(open("/proc/self/mem", O_RDONLY | O_CLOEXEC), &now.memory);
}

static int leave(void **state)
{
    (void)state;
    memory_free(now.memory);
    module_list_release(&now.modules);
    map_list_release(&now.maps);
    pidref_close(&now.self);
    procfs_close(&now.procfs);
    return dlclose(now.library);
}

/* Expects the address to be that of the function's first byte. */
static void expect(struct images *images, const void *code, const char *name)
{
    uint64_t address = (uint64_t)(uintptr_t)code, in_file;
    struct image_place places[MOST];
    struct image *image;
    Dl_info facts;
    struct link_map *map;
    const struct module *module = images_find(images, address, &image, &in_file);

    assert_non_null(module);
    assert_non_null(image);
    assert_true(address >= module->base && address - module->base < module->size);
    assert_true(dladdr1(code, &facts, (void **)&map, RTLD_DL_LINKMAP));
    assert_int_equal(in_file, address - map->l_addr);
    assert_true(image_places(image, in_file, false, places, MOST) == 1);
    assert_string_equal(places[0].function, name);
    assert_int_equal(places[0].offset, 0);
}

static void check(const struct pidref *process)
{
    struct images *images;
    struct image *image;
    uint64_t in_file;

    assert_int_equal(images_new(&now.maps, &now.modules, process, now.memory, &images), 0);
    expect(images, dlsym(now.library, "named_twice"), "named_twice");
    expect(images, (const void *)(uintptr_t)check, "check");
    expect(images, dlsym(now.library, "named_twice"), "named_twice");
    assert_null(images_find(images, 0, &image, &in_file));
    assert_null(image);
    assert_null(images_find(images, UINT64_MAX, &image, &in_file));
    images_free(images);
}

static void finds_files_of_a_process(void **state)
{
    (void)state;
    check(&now.self);
    check(&now.self); /* of the cache */
    image_forget_unused();
}

static void finds_files_of_a_core(void **state)
{
    (void)state;
    check(NULL);
    image_forget_unused();
}

static void reads_the_vdso(void **state)
{
    uint64_t base = getauxval(AT_SYSINFO_EHDR), in_file;
    struct image_place places[MOST];
    struct images *images;
    struct image *image;
    bool is_found = false;
    (void)state;

    if (!base)
        skip();
    assert_int_equal(images_new(&now.maps, &now.modules, &now.self, now.memory, &images), 0);
    for (uint64_t at = 0; at < 0x2000 && !is_found; at++) {
        assert_non_null(images_find(images, base + at, &image, &in_file));
        assert_non_null(image);
        is_found = image_places(image, in_file, false, places, MOST) > 0 &&
                   strstr(places[0].function, "clock_gettime");
    }
    assert_true(is_found);
    assert_non_null(image_cfi(image));
    images_free(images);
    image_forget_unused();
}

static struct module *named_module(uint64_t address)
{
    for (size_t i = 0; i < now.modules.count; i++)
        if (address >= now.modules.items[i].base &&
            address - now.modules.items[i].base < now.modules.items[i].size)
            return &now.modules.items[i];
    return NULL;
}

/* What is mapped names the same functions, but has no lines. */
static void expect_mapped(uint64_t address)
{
    struct images *images;
    struct image *image;
    struct image_place place;
    uint64_t in_file;

    assert_int_equal(images_new(&now.maps, &now.modules, NULL, now.memory, &images), 0);
    assert_non_null(images_find(images, address, &image, &in_file));
    assert_non_null(image);
    assert_int_equal(image_places(image, in_file + 1, true, &place, 1), 1);
    assert_string_equal(place.function, "named_twice");
    assert_int_equal(place.offset, 1);
    assert_null(place.file);
    assert_non_null(image_cfi(image));
    images_free(images);
}

/* Another version may stand at a path of a core: without the same build id, or the same first page, it is
 * none. */
static void refuses_other_files(void **state)
{
    uint64_t address = (uint64_t)(uintptr_t)dlsym(now.library, "named_twice"), in_file;
    struct module *module = named_module(address);
    struct images *images;
    struct image *image;
    size_t size;
    (void)state;

    assert_non_null(module);
    module->build_id[0] ^= 1;
    expect_mapped(address);
    assert_int_equal(images_new(&now.maps, &now.modules, NULL, NULL, &images), 0);
    assert_ptr_equal(images_find(images, address, &image, &in_file), module);
    assert_null(image);
    images_free(images);
    module->build_id[0] ^= 1;

    size = module->build_id_size;
    module->build_id_size = 0;
    expect_mapped(address); /* the file has one */
    module->build_id_size = size;
    image_forget_unused();
}

/* Without a build id: dlopen'ed under the same conditions, its first page tells. */
static void compares_files_without_build_id(void **state)
{
    void *library = dlopen(UNWIND "/named-anonymous.so", RTLD_NOW | RTLD_LOCAL);
    struct map_list maps = {0};
    struct module_list modules = {0};
    struct images *images;
    struct image *image;
    uint64_t in_file;
    (void)state;

    assert_non_null(library);
    assert_int_equal(maps_read(now.self.dir_fd, &maps, NULL), 0);
    assert_int_equal(modules_read(&now.self, &maps, true, &modules), 0);
    assert_int_equal(images_new(&maps, &modules, NULL, now.memory, &images), 0);
    expect(images, dlsym(library, "named_twice"), "named_twice");
    images_free(images);

    assert_int_equal(images_new(&maps, &modules, NULL, NULL, &images), 0);
    assert_non_null(
        images_find(images, (uint64_t)(uintptr_t)dlsym(library, "named_twice"), &image, &in_file));
    assert_null(image); /* nothing to compare with */
    images_free(images);
    module_list_release(&modules);
    map_list_release(&maps);
    assert_int_equal(dlclose(library), 0);
    image_forget_unused();
}

/* A target can put files of /proc in the places of debug files. */
static void opens_no_files_of_the_kernel(void **state)
{
    int fd = -1;
    (void)state;

    assert_int_equal(mapped_file_open_path(&now.self, "/proc/version", &fd), -ENOENT);
    assert_int_equal(fd, -1);
    assert_int_equal(mapped_file_open_path(&now.self, "/etc/passwd", &fd), 0);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_files_of_a_process),
        cmocka_unit_test(finds_files_of_a_core),
        cmocka_unit_test(reads_the_vdso),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(compares_files_without_build_id),
        cmocka_unit_test(opens_no_files_of_the_kernel),
    };
    return cmocka_run_group_tests(tests, look, leave);
}
