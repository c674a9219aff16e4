#include "ops/dump_zip.h"

#include "ops/dump_archive.h"
#include "ops/dump_name.h"
#include "ops/dump_zip_modules.h"
#include "ops/table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const char *const modules_words[] = {
    [DUMP_ZIP_DEBUGGER] = "debugger", [DUMP_ZIP_ALL] = "all", [DUMP_ZIP_NONE] = "none"};

int dump_zip_modules_read(const struct request *request, bool zip, enum dump_zip_modules *ret_modules,
                          struct error *error)
{
    const char *word = request_string(request, "modules");

    *ret_modules = DUMP_ZIP_DEBUGGER;
    if (word && !zip)
        return error_set(error, EINVAL, "'modules' says what else a zip holds: it needs format=zip.");
    if (!word)
        return 0;
    for (size_t i = 0; i < ELEMENTS_OF(modules_words); i++)
        if (strcasecmp(word, modules_words[i]) == 0) {
            *ret_modules = (enum dump_zip_modules)i;
            return 0;
        }
    return error_set(error, EINVAL, "The modules in a zip are debugger, all or none, not '%.60s'.", word);
}

static void member_date(struct json *json, const char *key, int64_t time)
{
    char text[KUDU_TIME_SIZE];

    kudu_date(time, text);
    json_member_string(json, key, text);
}

/* What, when and how. */
static void describe_process(const struct dump_zip *zip, struct json *json)
{
    json_key(json, "process");
    json_object_begin(json);
    json_member_i64(json, "id", zip->capture->pid);
    json_member_string(json, "name", zip->capture->name);
    member_date(json, "startTime", zip->capture->start_time);
    json_object_end(json);
}

static void describe_dump(const struct dump_zip *zip, const char *name, struct json *json)
{
    const char *ignored = fields_get(zip->extra, "X-Dump-Flags-Ignored");
    const char *reason = fields_get(zip->extra, "X-Dump-Mode-Reason");

    json_key(json, "dump");
    json_object_begin(json);
    json_member_string(json, "name", name);
    json_member_string(json, "format", zip->form->name);
    json_key(json, "type");
    json_format(json, "0x%" PRIx32, zip->type);
    if (ignored)
        json_member_string(json, "flagsIgnored", ignored);
    member_date(json, "time", zip->capture->time);
    json_member_string(json, "mode", fields_get(zip->extra, "X-Dump-Mode"));
    if (reason)
        json_member_string(json, "modeReason", reason);
    json_member_u64(json, "pauseMicroseconds", zip->capture->held_ns / 1000);
    json_member_u64(json, "threads", zip->capture->thread_count);
    json_member_u64(json, "memoryBytes", zip->form->memory_bytes(zip->plan));
    json_member_u64(json, "size", zip->form->size(zip->plan));
    json_object_end(json);
}

static void begin_manifest(const struct dump_zip *zip, const char *name, struct json *json)
{
    json_object_begin(json);
    json_member_string(json, "generator", "procscope " PROCSCOPE_VERSION);
    json_member_string(json, "machine", zip->context->machine_name);
    json_member_string(json, "instance", zip->context->instance_id);
    describe_process(zip, json);
    describe_dump(zip, name, json);
    json_member_string(json, "modules", modules_words[zip->modules]);
    json_key(json, "files");
    json_array_begin(json);
}

static int add_dump(const struct dump_zip *zip, struct archive *archive, const char *name,
                    struct error *error)
{
    struct sink *sink;
    int r = archive_begin(archive, name, zip->form->size(zip->plan), &sink);

    if (r == 0)
        r = zip->form->write(zip->plan, sink, error);
    if (r < 0)
        return error_ensure(error, r, "The zip could not be written");
    begin_manifest(zip, name, &archive->manifest); /* now that the pause is known */
    return archive_end(archive, NULL, NULL, error);
}

static int add_process(const struct dump_zip *zip, struct archive *archive, struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct error why = {0};
    int r = operation_show_json(zip->context, zip->request, zip->target, &json, &why);

    if (r == 0)
        r = json_finish(&json);
    if (r == 0)
        return archive_add_bytes(archive, "process.json", text.data, text.size, error);
    if (r == -ENOMEM)
        return error_ensure(error, r, "The process could not be described");
    r = archive_leave_out(archive, "process.json",
                          r == -ESRCH ? "The process had ended." : "The process could not be read.");
    return error_ensure(error, r, "The process could not be described");
}

int dump_zip_write(const struct dump_zip *zip, struct sink *sink, struct error *error)
{
    _cleanup_archive_ struct archive archive;
    char name[DUMP_NAME_SIZE + 16];
    int r = archive_init(&archive, sink, zip->level, zip->capture->time, zip->maximum);

    (void)snprintf(name, sizeof name, "%s.%s", zip->name, zip->form->ending); /* fits */
    if (r < 0)
        return error_ensure(error, r, "The zip could not be written");
    r = add_dump(zip, &archive, name, error);
    if (r == 0)
        r = add_process(zip, &archive, error);
    if (r == 0 && zip->modules != DUMP_ZIP_NONE)
        r = dump_zip_debugger_modules(&archive, zip->target, zip->capture, error);
    if (r == 0 && zip->modules == DUMP_ZIP_ALL)
        r = dump_zip_all_modules(&archive, zip->target, zip->capture, error);
    return r < 0 ? error_ensure(error, r, "The zip could not be written") : archive_finish(&archive, error);
}
