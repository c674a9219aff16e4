#include "dump/cpuinfo.h"

#include "base/parse.h"

#include <string.h>

static bool key_is(const char *line, const char *end, const char *key, const char **ret_value)
{
    size_t size = strlen(key);
    const char *at = line + size;

    if ((size_t)(end - line) < size || memcmp(line, key, size) != 0)
        return false;
    scan_blanks(&at, end);
    if (!scan_char(&at, end, ':'))
        return false;
    scan_blanks(&at, end);
    *ret_value = at;
    return true;
}

static unsigned number(const char *value, const char *end)
{
    uint64_t result = 0;

    return scan_u64(&value, end, &result) && result <= 0xffff ? (unsigned)result : 0;
}

static void parse_line(const char *line, const char *end, struct cpu_facts *facts)
{
    const char *value;

    if (key_is(line, end, "processor", &value))
        facts->count++;
    if (facts->count > 1)
        return;
    if (key_is(line, end, "cpu family", &value))
        facts->family = number(value, end);
    else if (key_is(line, end, "model", &value))
        facts->model = number(value, end);
    else if (key_is(line, end, "stepping", &value))
        facts->stepping = number(value, end);
    else if (key_is(line, end, "vendor_id", &value))
        memcpy(facts->vendor, value,
               (size_t)(end - value) < sizeof facts->vendor ? (size_t)(end - value) : sizeof facts->vendor);
}

void cpu_facts_parse(const char *text, size_t size, struct cpu_facts *ret_facts)
{
    const char *end = text + size;

    *ret_facts = (struct cpu_facts){0};
    while (size && text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;

        parse_line(text, line_end, ret_facts);
        text = newline ? newline + 1 : end;
    }
    if (ret_facts->count == 0)
        ret_facts->count = 1;
}
