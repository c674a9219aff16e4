#include "access/mask.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct mask mask_for(const struct principal *principal, uid_t owner, enum role unmasked, const char *secrets)
{
    struct mask mask = {0};

    if (!principal)
        return mask;
    if (principal->role < ROLE_OPERATOR) {
        mask.environment = mask.commands = true;
        mask.files = principal->user == (uid_t)-1 || principal->user != owner;
    }
    if (principal->role < unmasked)
        mask.secrets = secrets;
    return mask;
}

bool mask_leaves_out(const struct mask *mask, const char *name, size_t size)
{
    static const char *const shown[] = {"MicrosoftProductionDiagnostics_AgentPath", "COR_ENABLE_PROFILING",
                                        "CORECLR_ENABLE_PROFILING"};

    for (size_t i = 0; mask->environment && i < ELEMENTS_OF(shown); i++)
        if (strlen(shown[i]) == size && memcmp(shown[i], name, size) == 0)
            return false;
    return mask->environment;
}

static bool holds(const char *name, size_t size, const char *part, size_t part_size)
{
    for (size_t i = 0; i + part_size <= size; i++)
        if (strncasecmp(name + i, part, part_size) == 0)
            return true;
    return false;
}

bool mask_is_secret(const struct mask *mask, const char *name, size_t size)
{
    for (const char *part = mask->secrets; part && *part;) {
        size_t part_size = strcspn(part, ",");

        if (part_size > 0 && holds(name, size, part, part_size))
            return true;
        part += part_size;
        part += strspn(part, ", ");
    }
    return false;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

struct span {
    size_t from, to;
};

/* From `at` on: up to the quote that it begins with, or to what ends a bare value. */
static struct span value_at(const char *text, size_t size, size_t at, bool takes_blanks)
{
    struct span value = {.from = at};
    char quote = '\0';

    if (at < size && is_quote(text[at])) {
        quote = text[at];
        value.from = ++at;
    }
    while (at < size && (quote ? text[at] != quote
                               : !is_quote(text[at]) && (takes_blanks || !strchr(" \t\n;&,", text[at]))))
        at++;
    value.to = at;
    return value;
}

/* The value of the name that ends at `at`; an empty span: it has none. */
static struct span value_behind(const char *text, size_t size, size_t at, bool is_option)
{
    size_t start = at;
    bool is_header = false;

    if (at < size && is_quote(text[at])) /* "name": "value" */
        at++;
    if (at < size && (text[at] == '=' || text[at] == ':')) {
        at++;
        while (at < size && is_blank(text[at])) {
            is_header = text[at - 1] == ':' || is_header;
            at++;
        }
        return value_at(text, size, at, is_header); /* "Authorization: Bearer x" is of two words */
    }
    if (is_option && at < size && is_blank(text[at])) {
        while (at < size && is_blank(text[at]))
            at++;
        if (at < size && text[at] != '-')
            return value_at(text, size, at, false);
    }
    return (struct span){start, start};
}

/* The password of a URL whose "://" stands at `at`. */
static struct span password_of_url(const char *text, size_t size, size_t at)
{
    struct span found = {at, at};
    size_t colon = 0;

    for (size_t i = at + 3; i < size && !strchr("/?# \t\n\"'", text[i]); i++) {
        if (text[i] == ':' && colon == 0)
            colon = i;
        if (text[i] == '@' && colon != 0)
            found = (struct span){colon + 1, i}; /* a password may hold one itself */
    }
    return found;
}

/* The next secret from *at on; moves *at past what was looked at. An empty span: none here. */
static struct span next_secret(const struct mask *mask, const char *text, size_t size, size_t *at)
{
    size_t start = *at, end = start;

    if (size - start >= 3 && memcmp(text + start, "://", 3) == 0) {
        *at += 3;
        return password_of_url(text, size, start);
    }
    while (end < size && is_word(text[end]))
        end++;
    *at = end > start ? end : start + 1;
    if (end == start || !mask_is_secret(mask, text + start, end - start))
        return (struct span){start, start};
    return value_behind(text, size, end, text[start] == '-');
}

int mask_append(const struct mask *mask, const char *text, size_t size, struct buffer *out)
{
    size_t done = 0, at = 0;
    int r = 0;

    while (mask->secrets && r == 0 && at < size) {
        struct span secret = next_secret(mask, text, size, &at);

        if (secret.to <= secret.from || secret.from < done)
            continue;
        r = buffer_append(out, text + done, secret.from - done);
        if (r == 0)
            r = buffer_append_string(out, MASK_TEXT);
        done = at = secret.to;
    }
    return r < 0 ? r : buffer_append(out, text + done, size - done);
}
