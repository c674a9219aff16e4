#include "runtime/dotnet_info.h"

#include "base/limits.h"
#include "runtime/dotnet_bytes.h"

#include <errno.h>

/* u64 pid, the cookie, and four texts: command line, operating system, architecture, assembly. */
int dotnet_info_read(const struct dotnet *dotnet, uint64_t deadline_ms, struct dotnet_info *ret_info,
                     struct error *error)
{
    enum { TEXTS = 4 };
    _cleanup_buffer_ struct buffer reply = BUFFER_INIT(LIMIT_MESSAGE), text = BUFFER_INIT(LIMIT_MESSAGE);
    int r = dotnet_ask(dotnet, DOTNET_PROCESS_INFO, NULL, deadline_ms, &reply, NULL, error);
    struct dotnet_bytes bytes = {.at = (const uint8_t *)reply.data,
                                 .end = (const uint8_t *)reply.data + reply.size};
    struct dotnet_info info = {0};
    const uint8_t *cookie;

    if (r < 0)
        return r;
    (void)dotnet_u64(&bytes);
    cookie = dotnet_skip(&bytes, GUID_SIZE);
    if (!cookie)
        return error_set(error, EBADMSG, "The .NET runtime of process %d does not say who it is.",
                         (int)dotnet->process->pid);
    guid_text_dotnet(cookie, info.cookie);
    for (int i = 0; i < TEXTS && r == 0; i++) {
        buffer_clear(&text);
        r = dotnet_counted_text(&bytes, &text);
    }
    if (r < 0)
        return error_ensure(error, r, "The .NET runtime's answer could not be kept");
    if (!bytes.is_short)
        (void)snprintf(info.assembly, sizeof info.assembly, "%s", buffer_string(&text)); /* cut: so be it */
    *ret_info = info;
    return 0;
}
