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

/* In a text, too: "Pwd" of connection strings, which as a variable's name is the working directory. */
static bool names_secret(const struct mask *mask, const char *name, size_t size)
{
    return mask_is_secret(mask, name, size) || (size == 3 && strncasecmp(name, "pwd", size) == 0);
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

/* Whether the value of the name at `at` is part of a connection string, "Server=db;Password=a
 * b;Encrypt=true", where blanks are its own: a ; is before the name, or a quote before it and a ; after it
 * within the quotes. */
static bool is_of_connection(const char *text, size_t size, size_t at)
{
    size_t before = at;

    while (before > 0 && is_blank(text[before - 1]))
        before--;
    if (before > 0 && text[before - 1] == ';')
        return true;
    if (at == 0 || !is_quote(text[at - 1]))
        return false;
    for (size_t i = at; i < size && text[i] != text[at - 1]; i++)
        if (text[i] == ';')
            return true;
    return false;
}

/* From `at` on: up to the quote that it begins with, or to what ends a bare value. */
static struct span value_at(const char *text, size_t size, size_t at, const char *ends)
{
    struct span value = {.from = at};
    char quote = '\0';

    if (at < size && is_quote(text[at])) {
        quote = text[at];
        value.from = ++at;
    }
    while (at < size &&
           (quote ? text[at] != quote : !is_quote(text[at]) && (text[at] == '\0' || !strchr(ends, text[at]))))
        at++;
    value.to = at;
    return value;
}

static size_t word_end(const char *text, size_t size, size_t at)
{
    while (at < size && is_word(text[at]))
        at++;
    return at;
}

static size_t skip_blanks(const char *text, size_t size, size_t at)
{
    while (at < size && is_blank(text[at]))
        at++;
    return at;
}

static bool is_sign(const char *text, size_t size, size_t at)
{
    return at < size && (text[at] == '=' || text[at] == ':');
}

static const char ends_word[] = " \t\n;&,", ends_part[] = "\n;";

/* The argument at `at`, which may begin with a -. Where it is such an option itself nobody knows whether it
 * is a value, too: with its own value, then. */
static struct span argument_at(const struct mask *mask, const char *text, size_t size, size_t at)
{
    size_t from = at, end;
    struct span value;

    for (;; at = skip_blanks(text, size, end)) {
        end = word_end(text, size, at);
        if (end == at || text[at] != '-' || !names_secret(mask, text + at, end - at))
            break;
        if (is_sign(text, size, end)) {
            at = end + 1;
            break;
        }
        if (end == size || !is_blank(text[end]))
            return (struct span){from, end};
    }
    value = value_at(text, size, at, ends_word);
    return at == from ? value : (struct span){from, value.to};
}

/* What stands behind the = or : at `sign` of the name that begins at `start`. */
static struct span value_of_sign(const struct mask *mask, const char *text, size_t size, size_t start,
                                 size_t sign)
{
    bool is_part = is_of_connection(text, size, start);
    size_t at = sign + 1, next = skip_blanks(text, size, at);

    if (text[sign] == ':' && next > at) /* "Authorization: Bearer x" is of two words */
        return value_at(text, size, next, "");
    if (is_part || next == at)
        return value_at(text, size, next, is_part ? ends_part : ends_word);
    if (!is_blank(text[sign - 1])) /* "--key= x" has none */
        return (struct span){at, at};
    return argument_at(mask, text, size, next);
}

/* The value of the name from `start` to `at`; an empty span: it has none. */
static struct span value_behind(const struct mask *mask, const char *text, size_t size, size_t start,
                                size_t at)
{
    bool is_quoted = at < size && is_quote(text[at]); /* "name": "value" */
    size_t next;

    at += is_quoted;
    next = skip_blanks(text, size, at);
    if (is_sign(text, size, next) && (text[next] == '=' || next == at || is_quoted))
        return value_of_sign(mask, text, size, start, next);
    if (text[start] == '-' && next > at && next < size) /* --password x */
        return argument_at(mask, text, size, next);
    return (struct span){at, at};
}

/* What a URL whose "://" stands at `at` says of the user: the password, or all where there is none, since
 * that is how tokens are given. */
static struct span secret_of_url(const char *text, size_t size, size_t at)
{
    struct span found = {at, at};
    size_t colon = 0;

    for (size_t i = at + 3; i < size && (text[i] == '\0' || !strchr("/?# \t\n\"'", text[i])); i++) {
        if (text[i] == ':' && colon == 0)
            colon = i;
        if (text[i] == '@') /* a password may hold one itself */
            found = (struct span){colon != 0 && colon + 1 < i ? colon + 1 : at + 3, i};
    }
    return found;
}

/* The next secret from *at on; moves *at past what was looked at. An empty span: none here. */
static struct span next_secret(const struct mask *mask, const char *text, size_t size, size_t *at)
{
    size_t start = *at, end = start;

    if (size - start >= 3 && memcmp(text + start, "://", 3) == 0) {
        *at += 3;
        return secret_of_url(text, size, start);
    }
    while (end < size && is_word(text[end]))
        end++;
    *at = end > start ? end : start + 1;
    if (end == start || !names_secret(mask, text + start, end - start))
        return (struct span){start, start};
    return value_behind(mask, text, size, start, end);
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
