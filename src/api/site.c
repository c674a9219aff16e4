#include "api/site.h"

#include <string.h>
#include <strings.h>

/* Nothing but its own files and answers of this service; nothing inline. Styles of elements that the script
 * sets one by one are not inline in the policy's sense. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

bool site_is_there(void)
{
    return site_files[0].path != NULL;
}

/* RFC 9110, 12.5.3, as far as it is used: gzip, with a weight that is not 0. */
static bool takes_gzip(const struct http_exchange *exchange)
{
    const char *accept = http_exchange_header(exchange, "Accept-Encoding");
    const char *found = accept ? strcasestr(accept, "gzip") : NULL;

    if (!found)
        return false;
    found += strlen("gzip");
    found += strspn(found, " \t");
    if (*found != ';')
        return true;
    found += strspn(found, "; \t");
    return strncasecmp(found, "q=0", 3) != 0 || strspn(found + 3, ".0") < strcspn(found + 3, ", \t");
}

static const struct site_file *find(const char *folder, const char *name)
{
    size_t size = strlen(folder);

    for (const struct site_file *file = site_files; file->path; file++) {
        if (strncmp(file->path, folder, size) == 0 && strcmp(file->path + size, name) == 0)
            return file;
    }
    return NULL;
}

bool site_answer(struct http_exchange *exchange, const char *folder, const char *name)
{
    const struct site_file *file = find(folder, *name ? name : "index.html");
    bool packed = takes_gzip(exchange);

    if (!file)
        return false;
    if (*folder) /* another content has another name */
        http_header(exchange, "Cache-Control", "public, max-age=31536000, immutable");
    http_header(exchange, "Content-Security-Policy", policy);
    http_header(exchange, "Referrer-Policy", "no-referrer");
    http_header(exchange, "Vary", "Accept-Encoding");
    if (packed)
        http_header(exchange, "Content-Encoding", "gzip");
    http_answer_static(exchange, 200, file->type, packed ? file->packed : file->plain,
                       packed ? file->packed_size : file->plain_size);
    return true;
}
