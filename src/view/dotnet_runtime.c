#include "view/dotnet_runtime.h"

#include "base/text.h"
#include "view/kudu_member.h"

static bool is_there(const struct dotnet_names *names)
{
    return names && names->runtime.kind == RUNTIME_DOTNET;
}

void dotnet_member_runtime(struct json *json, const struct dotnet_names *names)
{
    if (!is_there(names))
        return;
    json_key(json, "runtime");
    json_object_begin(json);
    json_member_string(json, "kind", "dotnet");
    json_member_string(json, "name", runtime_name(names->runtime.kind));
    kudu_member_text(json, "version", names->runtime.version);
    kudu_member_date(json, "time_stamp", names->time);
    if (names->error.code)
        json_member_string(json, "error", names->error.text);
    json_object_end(json);
}

int dotnet_text_runtime(struct buffer *out, const struct dotnet_names *names)
{
    char text[RUNTIME_TEXT_MAX];
    int r = 0;

    if (!is_there(names))
        return 0;
    runtime_text(&names->runtime, text);
    if (names->time)
        r = buffer_append_format(out, "%s, which told the names of its methods\n", text);
    if (r >= 0 && names->error.code) {
        r = buffer_append_string(out, names->time ? "" : "no names of .NET methods: ");
        if (r >= 0)
            r = text_escape(names->error.text, out);
        if (r >= 0)
            r = buffer_append_string(out, "\n");
    }
    return r < 0 ? r : 0;
}
