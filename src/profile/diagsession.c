/* .diagsession, what Visual Studio and Kudu call a session of diagnosis: an archive by the Open Packaging
 * Conventions (ECMA-376 part 2) with metadata.xml, which lists its resources as DiagnosticsHub's packages do
 * (that of dotnet-monitor is public), and the profile as one of them, a .nettrace. */
#include "base/limits.h"
#include "profile/formats.h"
#include "stream/compress.h"
#include "stream/zip.h"

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
    "<Default Extension=\"nettrace\" ContentType=\"application/octet-stream\"/></Types>\n";

static const char metadata[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<Package xmlns=\"urn:diagnosticshub-package-metadata-2-1\">\n"
    "  <Tools>\n    <Tool Id=\"{" TOOL "}\"><AcquireLink Type=\"none\"/></Tool>\n  </Tools>\n"
    "  <Content>\n    <Resource CompressionOption=\"normal\" Id=\"{%s}\" IsDirectoryOnDisk=\"false\" "
    "Name=\"%s\" "
    "ResourcePackageUriPrefix=\"%s\" TimeAddedUTC=\"%" PRId64 "\" Type=\"DiagnosticsHub.Resource.File\"/>\n"
    "  </Content>\n</Package>\n";

enum { ID_SIZE = 37, NAME_SIZE = 64 };

/* Names the resource within its package; the same for the same profile. */
static void make_id(const struct profile *profile, char ret_id[ID_SIZE])
{
    uint64_t high = hash_mix((uint64_t)profile->facts.pid, (uint64_t)profile->facts.began);
    uint64_t low = hash_mix(high, profile->samples);

    (void)snprintf(ret_id, ID_SIZE, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(high >> 32),
                   (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff), (unsigned)(low >> 52),
                   low & 0xffffffffffff);
}

/* What a part may be called without being escaped. */
static void make_name(const struct profile *profile, char ret_name[NAME_SIZE])
{
    char name[33];
    size_t size = 0;

    for (const char *at = profile->facts.name; *at && size < sizeof name - 1; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        name[size++] = plain ? *at : '_';
    }
    name[size] = '\0';
    (void)snprintf(ret_name, NAME_SIZE, "%s-%d.nettrace", size ? name : "profile", (int)profile->facts.pid);
}

/* More than the .nettrace can have: the archive wants to know whether 32 bits do for its size. */
static uint64_t nettrace_bound(const struct profile *profile)
{
    enum { STRING_COPIES = 3, OF_A_ROW = 128, OF_AN_EVENT = 64 };
    uint64_t rows = profile->frames.count * 2 + profile->modules.count * 3 + profile->threads.count;
    uint64_t bound = 1024 * 1024 + rows * (OF_A_ROW + STRING_COPIES * LIMIT_PROFILE_NAME);
    uint32_t frames[LIMIT_PROFILE_DEPTH + 1];

    for (size_t i = 0; i < profile->counts.count; i++)
        bound +=
            (OF_AN_EVENT + profile_stack(profile, profile->counts.items[i].node, frames) * sizeof(uint64_t)) *
            (profile->counts.items[i].logged + 1ull);
    return bound;
}

static int put_part(struct zip *zip, const struct profile *profile, const char *name, const char *text,
                    size_t size)
{
    struct sink *entry;
    int r = zip_entry(zip, name, size, profile->facts.began, &entry);

    if (r == 0)
        r = sink_write(entry, text, size);
    return r == 0 ? sink_finish(entry, NULL) : r;
}

static int put_nettrace(struct zip *zip, const struct profile *profile, const char *id, const char *name)
{
    char path[ID_SIZE + NAME_SIZE];
    struct sink *entry;
    int r;

    (void)snprintf(path, sizeof path, "%s/%s", id, name);
    r = zip_entry(zip, path, nettrace_bound(profile), profile->facts.began, &entry);
    if (r == 0)
        r = profile_write_nettrace(profile, entry);
    return r == 0 ? sink_finish(entry, NULL) : r;
}

int profile_write_diagsession(const struct profile *profile, struct sink *sink)
{
    _cleanup_zip_ struct zip *zip = NULL;
    char id[ID_SIZE], name[NAME_SIZE], text[2048];
    int r = zip_new(sink, gzip_levels.otherwise, &zip), size;

    if (r < 0)
        return r;
    make_id(profile, id);
    make_name(profile, name);
    size = snprintf(text, sizeof text, metadata, id, name, id,
                    profile->facts.began / 100 + (int64_t)FILETIME_OF_1970); /* names are bounded: fits */
    r = put_part(zip, profile, "[Content_Types].xml", content_types, strlen(content_types));
    if (r == 0)
        r = put_part(zip, profile, "metadata.xml", text, (size_t)size);
    if (r == 0)
        r = put_nettrace(zip, profile, id, name);
    return r == 0 ? zip_finish(zip) : r;
}
