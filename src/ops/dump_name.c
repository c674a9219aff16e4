#include "ops/dump_name.h"

#include "base/cleanup.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { INSTANCE_SHORT = 6, PROCESS_MAX = 64 };

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._+-", c));
}

static void copy_plain(const char *text, size_t most, char *plain)
{
    size_t i;

    for (i = 0; text[i] && i < most; i++)
        plain[i] = is_plain(text[i]) && !(i == 0 && text[i] == '.') ? text[i] : '_';
    plain[i] = '\0';
}

void dump_name_process(const char *process, char text[DUMP_NAME_SIZE])
{
    copy_plain(process && *process ? process : "process", PROCESS_MAX, text);
}

void dump_name_instance(const char *instance, char text[DUMP_NAME_SIZE])
{
    copy_plain(instance && *instance ? instance : "local", INSTANCE_SHORT, text);
}

void dump_name(const char *process, const char *instance, int64_t time, char text[DUMP_NAME_SIZE])
{
    char process_plain[DUMP_NAME_SIZE], instance_plain[DUMP_NAME_SIZE], when[32] = "";
    time_t seconds = (time_t)(time / 1000000000);
    struct tm parts;

    dump_name_process(process, process_plain);
    dump_name_instance(instance, instance_plain);
    if (gmtime_r(&seconds, &parts))
        (void)strftime(when, sizeof when, "%m-%d-%H-%M-%S", &parts); /* fits */
    (void)snprintf(text, DUMP_NAME_SIZE, "%.*s-%.*s-%s", PROCESS_MAX, process_plain, INSTANCE_SHORT,
                   instance_plain, when); /* fits */
}
