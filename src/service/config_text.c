#include "service/config_text.h"

#include "access/role.h"
#include "base/log.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <string.h>

static const struct config_key *find_key(const char *name, size_t size)
{
    for (const struct config_key *key = config_keys; key->name; key++)
        if (strlen(key->name) == size && strncmp(key->name, name, size) == 0)
            return key;
    return NULL;
}

enum { LONG_LINE_MAX = 64 * 1024 };

struct reading {
    struct config *config;
    const char *path;
    FILE *file;
    unsigned line; /* the one that was given out last */
    char *text;    /* the same as it stands in the file, owned */
    size_t text_size;
    char *value; /* what stands behind the = of one that inih has no room for, in text; NULL: it has */
    struct error *error;
    int r;
};

/* A list of many instances is longer than the 200 characters that inih has for a line in most builds: it is
 * given the key with a value of one letter, and take_key() takes the other one. False: it is no such line. */
static bool take_long(struct reading *reading, char *room, size_t size)
{
    char *text = reading->text, *equals = text + strcspn(text, "=:"), *end;

    if (*text == '#' || *text == ';') {
        (void)snprintf(room, size, ";\n"); /* fits */
        return true;
    }
    if (strlen(text) > LONG_LINE_MAX || !*equals || (size_t)(equals - text) + sizeof "=x\n" > size ||
        strchr(" \t[", *text)) {
        reading->r = error_set(reading->error, EINVAL,
                               "%.400s line %u: this is no key = value, or longer than 64 KiB.",
                               reading->path, reading->line);
        return false;
    }
    reading->value = equals + 1 + strspn(equals + 1, " \t");
    end = strstr(reading->value, " ;"); /* a comment, as inih has them */
    end = end ? end : reading->value + strlen(reading->value);
    while (end > reading->value && strchr(" \t\r\n", end[-1]))
        end--;
    *end = '\0';
    (void)snprintf(room, size, "%.*s=x\n", (int)(equals - text), text); /* fits: measured */
    return true;
}

/* inih does not tell the handler its line in Debian's build, so lines are counted as it asks for them. */
static char *next_line(char *room, int size, void *stream)
{
    struct reading *reading = stream;
    ssize_t length = reading->r < 0 ? -1 : getline(&reading->text, &reading->text_size, reading->file);

    reading->value = NULL;
    if (length < 0)
        return NULL;
    reading->line++;
    if (length >= size)
        return take_long(reading, room, (size_t)size) ? room : NULL;
    (void)snprintf(room, (size_t)size, "%s", reading->text); /* fits: measured */
    return room;
}

static int take_key(void *user, const char *section, const char *name, const char *value)
{
    struct reading *reading = user;
    const struct config_key *key = find_key(name, strlen(name));
    char where[512];

    if (reading->value)
        value = reading->value;
    if (reading->r < 0)
        return 1; /* the first error stands; inih goes on to the end by itself */
    (void)snprintf(where, sizeof where, "%.400s line %u", reading->path, reading->line); /* cut: for people */
    if (!key)
        reading->r = error_set(reading->error, EINVAL, "%s: %.60s = '%.100s': there is no such key.", where,
                               name, value ? value : "");
    else if (section[0] && strcmp(section, key->section) != 0)
        reading->r = error_set(reading->error, EINVAL, "%s: %s = '%.100s' belongs into [%s], not [%.60s].",
                               where, name, value ? value : "", key->section, section);
    else
        reading->r = config_set(reading->config, key, value ? value : "", false, where, reading->error);
    return 1;
}

int config_read_file(struct config *config, const char *path, struct error *error)
{
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    struct reading reading = {.config = config, .path = path, .file = file, .error = error};
    int line;

    if (!file)
        return error_errno(error, errno, "The configuration %.300s could not be read", path);
    line = ini_parse_stream(next_line, &reading, take_key, &reading);
    free(reading.text);
    if (reading.r < 0)
        return reading.r;
    if (ferror(file))
        return error_set(error, EIO, "The configuration %.300s could not be read.", path);
    if (line > 0)
        return error_set(error, EINVAL, "%.300s line %d: this is neither [section] nor key = value.", path,
                         line);
    if (line < 0)
        return error_errno(error, ENOMEM, "The configuration %.300s could not be read", path);
    return 0;
}

struct flag {
    const char *name;
    size_t name_size;
    const char *value; /* NULL: none */
};

static bool is_switch(const struct flag *flag)
{
    const struct config_key *key = find_key(flag->name, flag->name_size);

    return key && key->type == CONFIG_SWITCH;
}

/* The flag at argv[*index], moving past it and its value. */
static int next_flag(int argc, char **argv, int *index, struct flag *ret_flag, struct error *error)
{
    const char *text = argv[*index];
    const char *equals = strchr(text, '=');
    struct flag flag = {0};

    if (strncmp(text, "--", 2) != 0 || !text[2])
        return error_set(error, EINVAL, "'%.100s' is not a flag; see --help.", text);
    flag.name = text + 2;
    flag.name_size = equals ? (size_t)(equals - flag.name) : strlen(flag.name);
    ++*index;
    if (equals) {
        flag.value = equals + 1;
    } else if (is_switch(&flag)) {
        flag.value = "1";
    } else if (strcmp(flag.name, "config") == 0 || find_key(flag.name, flag.name_size)) {
        if (*index == argc)
            return error_set(error, EINVAL, "%s needs a value; see --help.", text);
        flag.value = argv[(*index)++];
    }
    *ret_flag = flag;
    return 0;
}

static bool flag_is(const struct flag *flag, const char *name)
{
    return strlen(name) == flag->name_size && strncmp(flag->name, name, flag->name_size) == 0;
}

static int take_flag(struct config *config, const struct flag *flag, struct config_wishes *wishes,
                     struct error *error)
{
    const struct config_key *key = find_key(flag->name, flag->name_size);
    char where[64];

    if (flag_is(flag, "config"))
        return 0; /* read before */
    if (key) {
        (void)snprintf(where, sizeof where, "--%s", key->name); /* fits: names of ours are short */
        return config_set(config, key, flag->value, true, where, error);
    }
    if (flag_is(flag, "help") && !flag->value)
        wishes->help = true;
    else if (flag_is(flag, "print-config") && !flag->value)
        wishes->print_config = true;
    else
        return error_set(error, EINVAL, "There is no flag --%.*s; see --help.",
                         (int)(flag->name_size < 60 ? flag->name_size : 60), flag->name);
    return 0;
}

int config_read_arguments(struct config *config, int argc, char **argv, struct config_wishes *ret_wishes,
                          struct error *error)
{
    struct config_wishes wishes = {0};
    struct flag flag;
    int r = 0;

    for (int i = 0; r == 0 && i < argc;) {
        r = next_flag(argc, argv, &i, &flag, error);
        if (r == 0 && flag_is(&flag, "config"))
            r = config_read_file(config, flag.value, error);
    }
    for (int i = 0; r == 0 && i < argc;) {
        r = next_flag(argc, argv, &i, &flag, error);
        if (r == 0)
            r = take_flag(config, &flag, &wishes, error);
    }
    if (r == 0)
        *ret_wishes = wishes;
    return r;
}

static const char *log_level_name(uint64_t level)
{
    return level == LOG_LEVEL_ERROR     ? "error"
           : level == LOG_LEVEL_WARNING ? "warning"
           : level == LOG_LEVEL_INFO    ? "info"
                                        : "debug";
}

static int print_rules(const char *name, const char *rules, struct buffer *out)
{
    int r = 0;

    while (r == 0 && *rules) {
        size_t size = strcspn(rules, "\n");
        r = buffer_append_format(out, "%s = %.*s\n", name, (int)size, rules);
        rules += size;
        rules += *rules == '\n';
    }
    return r;
}

static int print_key(const struct config *config, const struct config_key *key, struct buffer *out)
{
    const void *place = (const char *)config + key->offset;
    bool is_text = key->type == CONFIG_STRING || key->type == CONFIG_PREFIX ||
                   key->type == CONFIG_DIRECTORIES || key->type == CONFIG_URLS ||
                   key->type == CONFIG_NETWORKS || key->type == CONFIG_ORIGINS || key->type == CONFIG_RULE ||
                   key->type == CONFIG_REDACT || key->type == CONFIG_LISTEN;
    uint64_t number = is_text ? 0 : *(const uint64_t *)place;
    int r = 0;

    switch (key->type) {
    case CONFIG_STRING:
    case CONFIG_PREFIX:
    case CONFIG_DIRECTORIES:
    case CONFIG_URLS:
    case CONFIG_NETWORKS:
    case CONFIG_ORIGINS:
    case CONFIG_REDACT:
        return buffer_append_format(out, "%s = %s\n", key->name, *(char *const *)place);
    case CONFIG_RULE:
        return print_rules(key->name, config->rules, out);
    case CONFIG_LISTEN:
        for (size_t i = 0; r == 0 && i < config->listen_count; i++)
            r = buffer_append_format(out, "%s = %s\n", key->name, config->listen[i]);
        return r;
    case CONFIG_LOG_LEVEL:
        return buffer_append_format(out, "%s = %s\n", key->name, log_level_name(number));
    case CONFIG_ROLE:
        return buffer_append_format(out, "%s = %s\n", key->name, role_name((enum role)number));
    case CONFIG_DURATION:
        if (number % 1000 == 0)
            return buffer_append_format(out, "%s = %" PRIu64 "s\n", key->name, number / 1000);
        return buffer_append_format(out, "%s = %" PRIu64 "ms\n", key->name, number);
    case CONFIG_SIZE:
        if (number % (1 << 20) == 0)
            return buffer_append_format(out, "%s = %" PRIu64 "M\n", key->name, number >> 20);
        return buffer_append_format(out, "%s = %" PRIu64 "\n", key->name, number);
    case CONFIG_SWITCH:
    case CONFIG_NUMBER:
        return buffer_append_format(out, "%s = %" PRIu64 "\n", key->name, number);
    }
    return -EINVAL;
}

int config_print(const struct config *config, struct buffer *out)
{
    const char *section = "";
    int r = 0;

    for (const struct config_key *key = config_keys; r == 0 && key->name; key++) {
        if (strcmp(section, key->section) != 0)
            r = buffer_append_format(out, "%s[%s]\n", section[0] ? "\n" : "", key->section);
        section = key->section;
        if (r == 0)
            r = buffer_append_format(out, "; %s\n", key->help);
        if (r == 0)
            r = print_key(config, key, out);
    }
    return r;
}

int config_help(struct buffer *out)
{
    int r = 0;

    for (const struct config_key *key = config_keys; r == 0 && key->name; key++) {
        r = buffer_append_format(out, "  --%s%s%s\n      %s", key->name, *key->placeholder ? " " : "",
                                 key->placeholder, key->help);
        if (r == 0 && key->otherwise[0] && key->type != CONFIG_SWITCH)
            r = buffer_append_format(out, " (default %s)", key->otherwise);
        if (r == 0)
            r = buffer_append_string(out, "\n");
    }
    return r;
}
