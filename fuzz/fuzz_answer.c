/* An answer as the front gets it from a worker: head, then body. The input comes through a pipe. */
#include "service/client.h"

#include <errno.h>
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    char piece[100];
    ssize_t n;

    if (size > 60000 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return 0;
    if (write(ends[1], data, size) != (ssize_t)size)
        abort(); /* it fits into an empty pipe */
    (void)close(ends[1]);
    {
        _cleanup_answer_reader_ struct answer_reader reader = ANSWER_READER_INIT(ends[0]);
        size_t body = 0;
        if (answer_reader_head(&reader) < 0)
            return 0;
        while ((n = answer_reader_read(&reader, piece, sizeof piece)) > 0)
            body += (size_t)n;
        /* a whole body is as long as was said, and no longer than what came */
        if (body > size || (n == 0 && reader.message.code == 0 && reader.message.length >= 0 &&
                            body != (size_t)reader.message.length))
            abort();
    }
    return 0;
}
