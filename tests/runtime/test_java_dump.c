/* Thread dumps as several versions of HotSpot write them. */
#include "runtime/java_dump.h"

#include "base/limits.h"

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>
#include <string.h>

static void feed(struct java_dump *dump, const char *text)
{
    assert_int_equal(java_dump_feed(dump, text, strlen(text)), 0);
}

static void read_text(struct java_dump *dump, const char *text)
{
    assert_int_equal(java_dump_init(dump), 0);
    feed(dump, text);
    assert_int_equal(java_dump_end(dump), 0);
}

static void check_frame(const struct java_dump *dump, const struct java_thread *thread, uint32_t at,
                        const struct java_frame *wanted)
{
    const struct java_frame *frame = &dump->frames.items[thread->first_frame + at];

    assert_true(at < thread->frame_count + thread->virtual_count);
    assert_string_equal(frame->class_name, wanted->class_name);
    assert_string_equal(frame->method, wanted->method);
    assert_string_equal(frame->module ? frame->module : "", wanted->module ? wanted->module : "");
    assert_string_equal(frame->file ? frame->file : "", wanted->file ? wanted->file : "");
    assert_int_equal(frame->line, wanted->line);
    assert_int_equal(frame->is_native, wanted->is_native);
    assert_int_equal(frame->lock_count, wanted->lock_count);
}

static void check_lock(const struct java_dump *dump, uint32_t at, enum java_lock_kind kind, uint64_t address,
                       const char *class_name)
{
    assert_true(at < dump->locks.count);
    assert_int_equal(dump->locks.items[at].kind, kind);
    assert_int_equal(dump->locks.items[at].address, address);
    if (class_name)
        assert_string_equal(dump->locks.items[at].class_name, class_name);
    else
        assert_null(dump->locks.items[at].class_name);
}

/* JDK 17 with -l: quotes and attributes in a name, held locks, a deadlock, whose threads are shown twice. */
static const char of_17[] =
    "2026-11-21 18:35:10\n"
    "Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6-Debian-1deb12u1 mixed mode, sharing):\n"
    "\n"
    "Threads class SMR info:\n"
    "_java_thread_list=0x00007f1a24002750, length=2, elements={\n"
    "0x00007f1aa8017ef0, 0x00007f1aa8095c20\n"
    "}\n"
    "\n"
    "\"main\" #1 prio=5 os_prio=0 cpu=30.86ms elapsed=3.29s tid=0x00007f1aa8017ef0 nid=0x6cac waiting on "
    "condition  [0x00007f1aac9fe000]\n"
    "   java.lang.Thread.State: TIMED_WAITING (sleeping)\n"
    "\tat java.lang.Thread.sleep(java.base@17.0.15/Native Method)\n"
    "\tat Places.main(Places.java:23)\n"
    "\t- locked <0x00000000ffd1a860> (a java.lang.Object)\n"
    "\tat Places$$Lambda$1/0x00007f1a34000a08.run(Unknown Source)\n"
    "\n"
    "   Locked ownable synchronizers:\n"
    "\t- <0x00000000ffd1a9c8> (a java.util.concurrent.locks.ReentrantLock$NonfairSync)\n"
    "\t- <0x00000000ffd1a9d8> (a java.util.concurrent.ThreadPoolExecutor$Worker)\n"
    "\n"
    "\"a \"q\" #5 nid=0x1 prio=\xc3\xa9\" #18 daemon prio=5 os_prio=0 cpu=0.48ms elapsed=2.96s "
    "tid=0x00007f1aa80bdf90 nid=0x6cc4 waiting for monitor entry  [0x00007f1a818fe000]\n"
    "   java.lang.Thread.State: BLOCKED (on object monitor)\n"
    "\tat Places.lambda$main$6(Places.java:15)\n"
    "\t- waiting to lock <0x00000000ffd1a860> (a java.lang.Class for Places)\n"
    "\t- locked <0x00000000ffd1a861> (a java.lang.Object)\n"
    "\tat a.b.`it (works), it does`(My.kt:3)\n"
    "\tat app//x.Y.<init>(src/deep/y.clj)\n"
    "\n"
    "   Locked ownable synchronizers:\n"
    "\t- None\n"
    "\n"
    "\"VM Thread\" os_prio=0 cpu=1.05ms elapsed=3.28s tid=0x00007f1aa8091c90 nid=0x6cb2 runnable  \n"
    "\n"
    "JNI global refs: 4, weak refs: 0\n"
    "\n"
    "\n"
    "Found one Java-level deadlock:\n"
    "=============================\n"
    "\"main\":\n"
    "  waiting to lock monitor 0x00007f1a840015a0 (object 0x00000000ffd5a238, a java.lang.Object),\n"
    "  which is held by \"main\"\n"
    "\n"
    "Java stack information for the threads listed above:\n"
    "===================================================\n"
    "\"main\":\n"
    "\tat Places.lambda$main$10(Places.java:20)\n"
    "\n"
    "Found 1 deadlock.\n"
    "\n";

static void test_17(void **state _unused_)
{
    _cleanup_java_dump_ struct java_dump dump = {0};
    const struct java_thread *thread;

    read_text(&dump, of_17);
    assert_string_equal(dump.machine, "OpenJDK 64-Bit Server VM");
    assert_string_equal(dump.version, "17.0.15+6-Debian-1deb12u1");
    assert_true(dump.is_whole && !dump.is_cut);
    assert_int_equal(dump.deadlocks, 1);
    assert_int_equal(dump.threads.count, 3);

    thread = &dump.threads.items[0];
    assert_string_equal(thread->name, "main");
    assert_int_equal(thread->number, 1);
    assert_int_equal(thread->nid, 0x6cac);
    assert_false(thread->is_daemon);
    assert_string_equal(thread->state, "TIMED_WAITING");
    assert_string_equal(thread->state_reason, "sleeping");
    assert_int_equal(thread->frame_count, 3);
    check_frame(&dump, thread, 0,
                &(struct java_frame){.class_name = "java.lang.Thread",
                                     .method = "sleep",
                                     .module = "java.base@17.0.15",
                                     .is_native = true});
    check_frame(
        &dump, thread, 1,
        &(struct java_frame){
            .class_name = "Places", .method = "main", .file = "Places.java", .line = 23, .lock_count = 1});
    check_frame(&dump, thread, 2,
                &(struct java_frame){.class_name = "Places$$Lambda$1/0x00007f1a34000a08", .method = "run"});
    check_lock(&dump, 0, JAVA_LOCKED, 0xffd1a860, "java.lang.Object");
    assert_int_equal(thread->owned_count, 2);
    check_lock(&dump, thread->first_owned + 1, JAVA_LOCKED, 0xffd1a9d8,
               "java.util.concurrent.ThreadPoolExecutor$Worker");

    thread = &dump.threads.items[1];
    assert_string_equal(thread->name, "a \"q\" #5 nid=0x1 prio=\xc3\xa9");
    assert_int_equal(thread->number, 18);
    assert_int_equal(thread->nid, 0x6cc4);
    assert_true(thread->is_daemon);
    assert_string_equal(thread->state, "BLOCKED");
    assert_int_equal(thread->frame_count, 3);
    assert_int_equal(thread->owned_count, 0);
    check_lock(&dump, dump.frames.items[thread->first_frame].first_lock, JAVA_WAITING_TO_LOCK, 0xffd1a860,
               "java.lang.Class for Places");
    check_frame(&dump, thread, 1,
                &(struct java_frame){
                    .class_name = "a.b", .method = "`it (works), it does`", .file = "My.kt", .line = 3});
    check_frame(&dump, thread, 2,
                &(struct java_frame){.class_name = "app//x.Y", .method = "<init>", .file = "src/deep/y.clj"});

    thread = &dump.threads.items[2];
    assert_string_equal(thread->name, "VM Thread");
    assert_int_equal(thread->number, 0);
    assert_int_equal(thread->nid, 0x6cb2);
    assert_null(thread->state);
    assert_int_equal(thread->frame_count, 0);
}

static void test_8(void **state _unused_)
{
    _cleanup_java_dump_ struct java_dump dump = {0};
    const struct java_thread *thread;

    read_text(&dump,
              "2024-01-01 10:00:00\n"
              "Full thread dump OpenJDK 64-Bit Server VM (25.392-b08 mixed mode):\n"
              "\n"
              "\"Finalizer\" #3 daemon prio=8 os_prio=0 tid=0x00007fd0f8075800 nid=0x2f in Object.wait() "
              "[0x00007fd0e4bfa000]\n"
              "   java.lang.Thread.State: WAITING (on object monitor)\n"
              "\tat java.lang.Object.wait(Native Method)\n"
              "\t- waiting on <no object reference available>\n"
              "\tat java.lang.ref.ReferenceQueue.remove(ReferenceQueue.java:144)\n"
              "\t- locked <0x00000000d5588ed0> (a java.lang.ref.ReferenceQueue$Lock)\n"
              "\tat Held.out(Held.java)\n"
              "\t- eliminated <owner is scalar replaced> (a java.lang.Object)\n"
              "\t- waiting to re-lock in wait() <0x01> (a x.Y)\n"
              "\t- waiting on the Class initialization monitor for x.Slow\n"
              "\t...\n"
              "\tat never.shown(Never.java:1)\n"
              "\n"
              "\"no number\" prio=10 tid=0x00007f nid=0x30 runnable [0x00]\n"
              "\n"
              "JNI global references: 208\n"
              "\n");
    assert_string_equal(dump.version, "25.392-b08");
    assert_int_equal(dump.threads.count, 2);
    thread = &dump.threads.items[0];
    assert_int_equal(thread->nid, 0x2f);
    assert_true(thread->is_daemon && thread->has_more);
    assert_int_equal(thread->frame_count, 3);
    check_frame(&dump, thread, 0,
                &(struct java_frame){
                    .class_name = "java.lang.Object", .method = "wait", .is_native = true, .lock_count = 1});
    check_frame(
        &dump, thread, 2,
        &(struct java_frame){.class_name = "Held", .method = "out", .file = "Held.java", .lock_count = 3});
    check_lock(&dump, 0, JAVA_WAITING_ON, 0, NULL);
    check_lock(&dump, 2, JAVA_ELIMINATED, 0, "java.lang.Object");
    check_lock(&dump, 3, JAVA_WAITING_TO_RELOCK, 1, "x.Y");
    check_lock(&dump, 4, JAVA_WAITING_FOR_CLASS, 0, "x.Slow");
    assert_int_equal(dump.threads.items[1].nid, 0x30);
    assert_int_equal(dump.deadlocks, 0);
}

/* Since 21 numbers are decimal, and virtual threads are carried; since 24 their frames are told. */
static void test_21_and_24(void **state _unused_)
{
    _cleanup_java_dump_ struct java_dump dump = {0};
    const struct java_thread *thread;

    read_text(
        &dump,
        "Full thread dump OpenJDK 64-Bit Server VM (24.0.1+9 mixed mode, sharing):\n"
        "\n"
        "\"main\" #1 [197123] prio=5 os_prio=0 cpu=1.0ms elapsed=4.1s tid=0x0000000111f7a000 nid=197123 "
        "waiting on condition  [0x000000047e229000]\n"
        "   java.lang.Thread.State: WAITING (parking)\n"
        "\tat jdk.internal.misc.Unsafe.park(java.base@24.0.1/Native Method)\n"
        "\t- parking to wait for  <0x00000007ffd1a850> (a java.lang.Object)\n"
        "\n"
        "\"ForkJoinPool-1-worker-1\" #180 [197124] daemon prio=5 os_prio=0 cpu=0.46ms elapsed=405.13s "
        "tid=0x0000000111f7a000  [0x000000047e229000]\n"
        "   Carrying virtual thread #179\n"
        "\tat jdk.internal.vm.Continuation.run(java.base@24.0.1/Continuation.java:248)\n"
        "\tat my.App.go(my.app/App.java:9)\n"
        "   Mounted virtual thread #179\n"
        "\tat Sleeper.run(Sleeper.java:5)\n"
        "\t- locked <0x00000007ffd1a860> (a java.lang.Object)\n"
        "\n"
        "\"broken\n"
        "name\" #7 [197125] prio=5 nid=197125 runnable\n"
        "   java.lang.Thread.State: RUNNABLE\n"
        "\tat nobody.s(Nobody.java:1)\n"
        "\n"
        "JNI global refs: 15, weak refs: 0\n"
        "Found 2 deadlocks.\n");
    assert_int_equal(dump.threads.count, 2);
    assert_int_equal(dump.deadlocks, 2);
    thread = &dump.threads.items[0];
    assert_int_equal(thread->nid, 197123);
    check_lock(&dump, 0, JAVA_PARKING, 0x7ffd1a850, "java.lang.Object");
    thread = &dump.threads.items[1];
    assert_int_equal(thread->nid, 197124);
    assert_int_equal(thread->virtual_number, 179);
    assert_null(thread->state);
    assert_int_equal(thread->frame_count, 2);
    assert_int_equal(thread->virtual_count, 1);
    check_frame(
        &dump, thread, 1,
        &(struct java_frame){
            .class_name = "my.App", .method = "go", .module = "my.app", .file = "App.java", .line = 9});
    check_frame(
        &dump, thread, 2,
        &(struct java_frame){
            .class_name = "Sleeper", .method = "run", .file = "Sleeper.java", .line = 5, .lock_count = 1});
    assert_int_equal(dump.frames.count, 4);
}

/* A line that never ends, and an answer that does too soon. */
static void test_bounds(void **state _unused_)
{
    _cleanup_java_dump_ struct java_dump dump = {0};
    char letters[1000];

    memset(letters, 'x', sizeof letters);
    assert_int_equal(java_dump_init(&dump), 0);
    feed(&dump, "\"a\" #1 nid=1\n\tat a.b");
    for (int i = 0; i < 100; i++)
        assert_int_equal(java_dump_feed(&dump, letters, sizeof letters), 0);
    assert_true(dump.line.size <= LIMIT_JAVA_LINE);
    feed(&dump, "(B.java:1)\n\tat a.c(C.java:2");
    assert_int_equal(java_dump_end(&dump), 0);
    assert_int_equal(dump.threads.count, 1);
    assert_int_equal(dump.frames.count, 0);
    assert_false(dump.is_whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_17),
        cmocka_unit_test(test_8),
        cmocka_unit_test(test_21_and_24),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
