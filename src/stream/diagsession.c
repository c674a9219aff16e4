#include "stream/diagsession.h"

#include "stream/compress.h"
#include "stream/zip.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What opens files that belong to no other tool. */
#define TOOL "013914d7-d262-4da2-8fa4-ba8b4e328a1e"

/* FILETIME counts 100 ns from 1601. */
#define FILETIME_OF_1970 116444736000000000

static const char content_types[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
    "<Default Extension=\"xml\" ContentType=\"text/xml\"/>"
    "<Default Extension=\"%s\" ContentType=\"application/octet-stream\"/></Types>\n";

static const char metadata[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<Package xmlns=\"urn:diagnosticshub-package-metadata-2-1\">\n"
    "  <Tools>\n    <Tool Id=\"{" TOOL "}\"><AcquireLink Type=\"none\"/></Tool>\n  </Tools>\n"
    "  <Content>\n    <Resource CompressionOption=\"normal\" Id=\"{%s}\" IsDirectoryOnDisk=\"false\" "
    "Name=\"%s\" "
    "ResourcePackageUriPrefix=\"%s\" TimeAddedUTC=\"%" PRId64 "\" Type=\"%s\"/>\n"
    "  </Content>\n</Package>\n";

enum { ID_SIZE = 37, NAME_SIZE = 64, TEXT_SIZE = 2048 };

static void make_id(const struct diagsession_resource *resource, char ret_id[ID_SIZE])
{
    uint64_t high = resource->id[0], low = resource->id[1];

    (void)snprintf(ret_id, ID_SIZE, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(high >> 32),
                   (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff), (unsigned)(low >> 52),
                   low & 0xffffffffffff);
}

/* What a part may be called without being escaped. */
static void make_name(const struct diagsession_resource *resource, char ret_name[NAME_SIZE])
{
    char name[33];
    size_t size = 0;

    for (const char *at = resource->name; *at && size < sizeof name - 1; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        name[size++] = plain ? *at : '_';
    }
    name[size] = '\0';
    (void)snprintf(ret_name, NAME_SIZE, "%s-%d.%s", size ? name : "process", resource->pid,
                   resource->extension); /* fits */
}

static int put_part(struct zip *zip, const struct diagsession_resource *resource, const char *name,
                    const char *text)
{
    struct sink *entry;
    int r = zip_entry(zip, name, strlen(text), resource->time, &entry);

    if (r == 0)
        r = sink_write(entry, text, strlen(text));
    return r == 0 ? sink_finish(entry, NULL) : r;
}

struct diagsession {
    struct zip *zip;
    struct sink *entry;
};

void diagsession_free(struct diagsession *session)
{
    if (!session)
        return;
    zip_free(session->zip);
    free(session);
}

static int put_parts(struct zip *zip, const struct diagsession_resource *resource, struct sink **ret_entry)
{
    char id[ID_SIZE], name[NAME_SIZE], path[ID_SIZE + NAME_SIZE], text[TEXT_SIZE];
    int r;

    make_id(resource, id);
    make_name(resource, name);
    (void)snprintf(text, sizeof text, content_types, resource->extension); /* fits, as below */
    r = put_part(zip, resource, "[Content_Types].xml", text);
    (void)snprintf(text, sizeof text, metadata, id, name, id,
                   resource->time / 100 + (int64_t)FILETIME_OF_1970, resource->type); /* names are bounded */
    if (r == 0)
        r = put_part(zip, resource, "metadata.xml", text);
    (void)snprintf(path, sizeof path, "%s/%s", id, name);
    return r == 0 ? zip_entry(zip, path, resource->most, resource->time, ret_entry) : r;
}

int diagsession_begin(const struct diagsession_resource *resource, struct sink *out,
                      struct diagsession **ret_session, struct sink **ret_sink)
{
    _cleanup_diagsession_ struct diagsession *session = calloc(1, sizeof *session);
    int r = session ? zip_new(out, gzip_levels.otherwise, &session->zip) : -ENOMEM;

    if (r == 0)
        r = put_parts(session->zip, resource, &session->entry);
    if (r < 0)
        return r;
    *ret_sink = session->entry;
    *ret_session = session;
    session = NULL;
    return 0;
}

int diagsession_finish(struct diagsession *session)
{
    int r = sink_finish(session->entry, NULL);

    return r == 0 ? zip_finish(session->zip) : r;
}
