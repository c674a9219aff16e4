/* What answers at the diagnostics port of a .NET runtime, whole or cut anywhere: an answer has the size that
 * it says, and strings in it end within it. */
#include "base/clock.h"
#include "base/limits.h"
#include "runtime/dotnet_bytes.h"
#include "runtime/dotnet_ipc.h"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 60000, HEAD = 20 }; /* what a socket takes at once; before the answer itself */

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

/* As the answer about the process: two numbers, then strings. */
static void check_texts(const struct buffer *reply)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_MESSAGE);
    struct dotnet_bytes bytes = {.at = (const uint8_t *)reply->data,
                                 .end = (const uint8_t *)reply->data + reply->size};
    int r = 0;

    (void)dotnet_u64(&bytes);
    (void)dotnet_skip(&bytes, 16);
    while (r == 0 && !bytes.is_short && bytes.at < bytes.end) {
        buffer_clear(&text);
        r = dotnet_counted_text(&bytes, &text);
        check(bytes.at <= bytes.end && text.size <= LIMIT_MESSAGE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pidref process = {.pid = 1, .dir_fd = -1, .pid_fd = -1};
    const struct dotnet dotnet = {.process = &process, .socket_fd = -1};
    _cleanup_buffer_ struct buffer reply = BUFFER_INIT(LIMIT_MESSAGE);
    struct error error = {0};
    int ends[2], r;

    if (size > MOST || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return 0;
    check(send(ends[1], data, size, 0) == (ssize_t)size);
    (void)close(ends[1]);
    r = dotnet_hear(&dotnet, ends[0], clock_monotonic_ms() + LIMIT_DOTNET_MS, &reply, &error);
    (void)close(ends[0]);
    check(r == 0 ? reply.size + HEAD <= size : error.code == -r);
    if (r == 0)
        check_texts(&reply);
    return 0;
}
