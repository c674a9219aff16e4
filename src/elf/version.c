#include "elf/image.h"

#include <ctype.h>
#include <string.h>

/* Components of a version: each begins with a digit and is made of letters and digits ("1.0.0k"), dots
 * between. Returns the end of the last whole one, at itself where there is none. */
static const char *components_end(const char *at)
{
    const char *end = at;

    while (isdigit((unsigned char)*at)) {
        while (isalnum((unsigned char)*at))
            at++;
        if (*at != '.' && *at != '\0' && *at != '-')
            return end;
        end = at;
        if (*at != '.')
            break;
        at++;
    }
    return end;
}

/* "libfoo.so.1.2.3": what follows ".so.". */
static const char *version_behind(const char *name, size_t *ret_length)
{
    const char *at = name;

    while ((at = strstr(at, ".so."))) {
        at += strlen(".so.");
        *ret_length = (size_t)(components_end(at) - at);
        if (*ret_length)
            return at;
    }
    return NULL;
}

/* "libfoo-1.2.so", "libbfd-2.40-system.so": what follows a '-' with at least one dot in it, so that neither
 * "x86-64" nor "cpython-311" is taken for a version. */
static const char *version_inside(const char *name, size_t *ret_length)
{
    const char *so = strstr(name, ".so"), *at = name;

    if (!so || (so[3] != '\0' && so[3] != '.'))
        return NULL;
    while ((at = strchr(at, '-')) && at < so) {
        const char *end = components_end(++at);
        if (end > so)
            end = so; /* ".so" begins with no digit, but "2.so" may be cut as one component */
        *ret_length = (size_t)(end - at);
        if (end > at && memchr(at, '.', *ret_length) && (end == so || *end == '-'))
            return at;
    }
    return NULL;
}

static const char *version_in(const char *name, size_t *ret_length)
{
    const char *slash = strrchr(name, '/'), *found;

    if (slash)
        name = slash + 1;
    found = version_behind(name, ret_length);
    return found ? found : version_inside(name, ret_length);
}

static size_t count_dots(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += text[i] == '.';
    return count;
}

void elf_version_of(const char *soname, const char *file_name, char *ret_version, size_t size)
{
    size_t of_soname_length = 0, length = 0;
    const char *of_soname = version_in(soname, &of_soname_length), *version = version_in(file_name, &length);

    if (of_soname && (!version || count_dots(of_soname, of_soname_length) > count_dots(version, length))) {
        version = of_soname;
        length = of_soname_length;
    }
    if (!version || length >= size)
        length = 0;
    if (length)
        memcpy(ret_version, version, length);
    ret_version[length] = '\0';
}
