#include "access/rule.h"

#include "base/parse.h"

#include <errno.h>
#include <fnmatch.h>
#include <pwd.h>
#include <string.h>

static void release(struct rule *rule)
{
    free(rule->operations);
    free(rule->name);
    free(rule->cgroup);
    free(rule->who);
    *rule = (struct rule){0};
}

void rule_list_release(struct rule_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        release(&list->items[i]);
    free(list->items);
    *list = (struct rule_list){0};
}

static int take_user(struct rule *rule, const char *text, struct error *error)
{
    const struct passwd *entry;
    uint64_t number;

    rule->has_user = true;
    if (parse_u64(text, &number) == 0 && number < (uid_t)-1) {
        rule->user = (uid_t)number;
        return 0;
    }
    entry = getpwnam(text);
    if (!entry)
        return error_set(error, EINVAL, "A rule names the user '%.60s', who is not of this machine.", text);
    rule->user = entry->pw_uid;
    return 0;
}

static int take_condition(struct rule *rule, char *word, struct error *error)
{
    static const struct {
        const char *key;
        size_t offset;
    } texts[] = {{"name", offsetof(struct rule, name)},
                 {"cgroup", offsetof(struct rule, cgroup)},
                 {"who", offsetof(struct rule, who)}};
    char *value = strchr(word, '=');

    if (!value || !value[1])
        return error_set(error, EINVAL,
                         "'%.60s' in a rule is not name=, user=, cgroup= or who= with a value.", word);
    *value++ = '\0';
    if (strcmp(word, "user") == 0 && !rule->has_user)
        return take_user(rule, value, error);
    for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
        char **place = (char **)((char *)rule + texts[i].offset);
        if (strcmp(word, texts[i].key) != 0 || *place)
            continue;
        *place = strdup(value);
        return *place ? 0 : -ENOMEM;
    }
    return error_set(error, EINVAL,
                     "'%.60s=' in a rule is none of name=, user=, cgroup=, who=, or stands twice.", word);
}

static int parse(struct rule *rule, char *text, struct error *error)
{
    char *word = strsep(&text, " \t"), *operations;
    int r = 0;

    rule->allows = strcmp(word, "allow") == 0;
    if (!rule->allows && strcmp(word, "deny") != 0)
        return error_set(error, EINVAL, "A rule begins with allow or deny, not with '%.60s'.", word);
    while ((operations = strsep(&text, " \t")) && !*operations)
        ;
    if (!operations || strchr(operations, '='))
        return error_set(error, EINVAL, "A rule says behind allow or deny for which operations, * for all.");
    rule->operations = strdup(operations);
    if (!rule->operations)
        return -ENOMEM;
    while (r == 0 && (word = strsep(&text, " \t")))
        r = *word ? take_condition(rule, word, error) : 0;
    return r;
}

int rule_list_add(struct rule_list *list, const char *text, struct error *error)
{
    _cleanup_free_ char *copy = strdup(text + strspn(text, " \t"));
    struct rule rule = {0};
    int r = copy ? parse(&rule, copy, error) : -ENOMEM;

    if (r == 0)
        r = ARRAY_RESERVE(list, 1, RULES_MAX);
    if (r < 0) {
        release(&rule);
        return r == -ENOBUFS ? error_set(error, ENOBUFS, "There are more than %d rules.", RULES_MAX)
                             : error_ensure(error, r, "A rule could not be read");
    }
    list->items[list->count++] = rule;
    return 0;
}

static bool matches(const char *pattern, const char *text)
{
    return fnmatch(pattern, text, 0) == 0;
}

static bool names(const char *operations, const char *operation)
{
    char one[64];

    while (*operations) {
        size_t size = strcspn(operations, ",");
        if (size < sizeof one) {
            memcpy(one, operations, size);
            one[size] = '\0';
            if (matches(one, operation))
                return true;
        }
        operations += size;
        operations += *operations == ',';
    }
    return false;
}

/* Any of the lines. */
static bool has_cgroup(const char *pattern, const char *cgroups)
{
    _cleanup_free_ char *copy = strdup(cgroups);
    char *rest = copy, *line;

    while (copy && (line = strsep(&rest, "\n")))
        if (*line && matches(pattern, line))
            return true;
    return false;
}

/* Who is denied here is denied by way of another instance, too, which names him "NAME via ID". */
static bool is_who(const struct rule *rule, const struct principal *principal)
{
    char name[PRINCIPAL_NAME_SIZE];
    char *via = NULL;

    if (matches(rule->who, principal->name))
        return true;
    if (rule->allows || principal->kind != PRINCIPAL_INSTANCE)
        return false;
    (void)snprintf(name, sizeof name, "%s", principal->name); /* fits */
    for (char *found = name; (found = strstr(found, " via ")); found++)
        via = found;
    if (!via)
        return false;
    *via = '\0';
    return matches(rule->who, name);
}

static bool fits(const struct rule *rule, const struct principal *principal, const char *operation,
                 const struct rule_target *target)
{
    bool unknown = !rule->allows;

    if (!names(rule->operations, operation) || (rule->who && !is_who(rule, principal)))
        return false;
    if (!target)
        return !rule->name && !rule->has_user && !rule->cgroup;
    if (rule->name && !(!*target->name && !*target->program
                            ? unknown
                            : matches(rule->name, target->name) || matches(rule->name, target->program)))
        return false;
    if (rule->has_user && !(target->user == (uid_t)-1 ? unknown : rule->user == target->user))
        return false;
    return !rule->cgroup || (*target->cgroups ? has_cgroup(rule->cgroup, target->cgroups) : unknown);
}

bool rule_list_allows(const struct rule_list *list, const struct principal *principal, const char *operation,
                      const struct rule_target *target)
{
    for (size_t i = 0; i < list->count; i++)
        if (fits(&list->items[i], principal, operation, target))
            return list->items[i].allows;
    return true;
}

int rule_list_read(const char *text, struct rule_list *list, struct error *error)
{
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy, *line;
    int r = copy ? 0 : -ENOMEM;

    while (r == 0 && (line = strsep(&rest, "\n")))
        r = *line ? rule_list_add(list, line, error) : 0;
    return error_ensure(error, r, "The rules could not be read");
}
