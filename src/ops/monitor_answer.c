#include "ops/monitor_answer.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

struct monitor_answer {
    struct answer answer; /* first */
    struct answer *inner;
    const char *operation;
    const struct request_told *told;
};

/* 20261129_200054 */
static void write_time(char text[32])
{
    time_t seconds = (time_t)(clock_realtime_ns() / 1000000000);
    struct tm parts;

    text[0] = '\0';
    if (gmtime_r(&seconds, &parts))
        (void)strftime(text, 32, "%Y%m%d_%H%M%S", &parts); /* fits */
}

/* An ending that says what a file is stays: a heap of Java is none of .NET. */
static const char *ending_of(const char *name)
{
    const char *dot = name ? strrchr(name, '.') : NULL;

    return dot ? dot : "";
}

static void name_file(const struct monitor_answer *monitor, const char *own_name, char *name, size_t size)
{
    char when[32];

    write_time(when);
    if (strcmp(monitor->operation, "dump") == 0 && strcmp(ending_of(own_name), ".core") == 0)
        (void)snprintf(name, size, "core_%s", when); /* fit, all of them */
    else if (strcmp(monitor->operation, "dump") == 0)
        (void)snprintf(name, size, "dump_%s%s", when, ending_of(own_name));
    else if (strcmp(monitor->operation, "stacks") == 0)
        (void)snprintf(name, size, "%s_%d.stacks.speedscope.json", when, (int)monitor->told->pid);
    else
        (void)snprintf(name, size, "%s_%d%s", when, (int)monitor->told->pid, ending_of(own_name));
}

static int begin(struct answer *answer, const struct answer_head *own_head, struct sink **ret_sink,
                 struct error *error)
{
    const struct monitor_answer *monitor = (const struct monitor_answer *)answer;
    struct answer_head head = *own_head;
    char name[128];

    head.told = monitor->told;
    if (head.file_name) {
        name_file(monitor, head.file_name, name, sizeof name);
        head.file_name = name;
    }
    return monitor->inner->begin(monitor->inner, &head, ret_sink, error);
}

static void held(struct answer *answer, uint64_t ns)
{
    answer_held(((struct monitor_answer *)answer)->inner, ns);
}

int monitor_run(const struct operation *operation, const struct operation_context *context,
                const struct request *request, struct answer *answer, struct error *error)
{
    struct request_told told = {0};
    struct request asked = *request; /* owns nothing */
    struct monitor_answer monitor = {.answer.begin = begin,
                                     .answer.held = held,
                                     .inner = answer,
                                     .operation = operation->name,
                                     .told = &told};

    asked.told = &told;
    return operation->run(context, &asked, &monitor.answer, error);
}
