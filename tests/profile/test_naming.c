/* Names of addresses of this very process, which maps another file meanwhile. */
#include "profile/naming.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <string.h>

enum { ROUNDS = 3 };

static struct {
    struct procfs procfs;
    struct pidref self;
} now = {.procfs = {.fd = -1}, .self = PIDREF_INIT};

static int look(void **state)
{
    (void)state;
    return procfs_open("/proc", &now.procfs, NULL) < 0 ||
           pidref_open(&now.procfs, getpid(), &now.self, NULL) < 0;
}

static int leave(void **state)
{
    (void)state;
    pidref_close(&now.self);
    procfs_close(&now.procfs);
    return 0;
}

/* What is left on the stack by functions that have returned is no longer what they left. */
static __attribute__((noinline)) void use_stack(void)
{
    volatile unsigned char bytes[32 * 1024];

    memset((void *)bytes, 0xa5, sizeof bytes);
}

static void expect(struct naming *naming, const struct profile *profile, const void *code, const char *name)
{
    uint32_t frames[NAMING_MOST], function;
    size_t count = 0;

    use_stack();
    assert_int_equal(naming_user(naming, (uintptr_t)code, false, frames, &count), 0);
    assert_true(count >= 1);
    function = profile->frames.items[frames[count - 1]].function;
    assert_int_not_equal(function, STRING_NONE);
    assert_string_equal(profile_string(profile, function), name);
}

static void test_mapped_later(void **state)
{
    _cleanup_profile_ struct profile profile = {0};
    _cleanup_naming_ struct naming *naming = NULL;

    (void)state;
    assert_int_equal(
        profile_init(&profile, &(struct profile_facts){.pid = getpid(), .name = "self", .period = 1}), 0);
    assert_int_equal(naming_new(&now.self, &profile, &naming), 0);
    expect(naming, &profile, (const void *)(uintptr_t)use_stack, "use_stack");
    for (int i = 0; i < ROUNDS; i++) {
        void *library = dlopen(UNWIND "/named.so", RTLD_NOW | RTLD_LOCAL);
        void *code = library ? dlsym(library, "named_assembly") : NULL;

        assert_non_null(code);
        naming_forget_all(naming, clock_monotonic_ns());
        expect(naming, &profile, code, "named_assembly");
        expect(naming, &profile, (const void *)(uintptr_t)expect, "expect");
        assert_non_null(maps_find(naming_maps(naming), (uintptr_t)code));
        assert_int_equal(dlclose(library), 0);
        naming_forget_all(naming, clock_monotonic_ns());
        expect(naming, &profile, (const void *)(uintptr_t)use_stack, "use_stack");
    }
}

/* A runtime maps code again and again. */
static void test_known_after_each_mapping(void **state)
{
    _cleanup_profile_ struct profile profile = {0};
    _cleanup_naming_ struct naming *naming = NULL;
    size_t modules, frames;

    (void)state;
    assert_int_equal(
        profile_init(&profile, &(struct profile_facts){.pid = getpid(), .name = "self", .period = 1}), 0);
    assert_int_equal(naming_new(&now.self, &profile, &naming), 0);
    expect(naming, &profile, (const void *)(uintptr_t)use_stack, "use_stack");
    modules = profile.modules.count;
    frames = profile.frames.count;
    for (int i = 0; i < ROUNDS; i++) {
        naming_forget_all(naming, clock_monotonic_ns());
        expect(naming, &profile, (const void *)(uintptr_t)use_stack, "use_stack");
    }
    assert_int_equal(profile.modules.count, modules);
    assert_int_equal(profile.frames.count, frames);
}

/* Of a process that maps all the time what stays where it is keeps its names, and the rest is not guessed. */
static void test_only_what_was_mapped_is_stale(void **state)
{
    _cleanup_profile_ struct profile profile = {0};
    _cleanup_naming_ struct naming *naming = NULL;
    uint64_t own = (uintptr_t)use_stack, from_ns;
    const struct images *before;
    const char *name = "";

    (void)state;
    from_ns = clock_monotonic_ns();
    assert_int_equal(
        profile_init(&profile, &(struct profile_facts){.pid = getpid(), .name = "self", .period = 1}), 0);
    assert_int_equal(naming_new(&now.self, &profile, &naming), 0);
    before = naming_images(naming);
    naming_forget(naming, own - 4096, 4096, clock_monotonic_ns());
    naming_forget(naming, own, 4096, from_ns - 1); /* before all was read */
    expect(naming, &profile, (const void *)(uintptr_t)use_stack, "use_stack");
    assert_ptr_equal(naming_images(naming), before);
    for (int i = 0; i < 1000000 && strcmp(name, "[newly mapped]") != 0; i++) { /* until no time is left */
        uint32_t frames[NAMING_MOST];
        size_t count = 0;

        naming_forget_all(naming, UINT64_MAX);
        assert_int_equal(naming_user(naming, own, false, frames, &count), 0);
        name = profile_string(&profile, profile.frames.items[frames[count - 1]].function);
    }
    assert_string_equal(name, "[newly mapped]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapped_later),
        cmocka_unit_test(test_only_what_was_mapped_is_stale),
        cmocka_unit_test(test_known_after_each_mapping),
    };

    return cmocka_run_group_tests(tests, look, leave);
}
