#include "stream/deflate.h"

#include "base/limits.h"
#include "base/processors.h"
#include "stream/parallel.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <string.h>

/* What does not shrink goes as stored blocks of up to 65,535 bytes with 5 bytes each, and a flush has one. */
enum { OUT_SIZE = LIMIT_COMPRESS_PIECE + (LIMIT_COMPRESS_PIECE / 65535 + 1) * 5 + 64 };

struct state {
    struct isal_zstream stream;
    uint8_t level_buffer[];
};

struct deflater {
    struct parallel_work work;
    struct parallel *parallel;
    uint32_t level, level_size;
    struct checks checks; /* of the thread that follows, while there are pieces */
};

static int deflate_piece(void *data, const void *user, struct piece *piece)
{
    const struct deflater *deflater = user;
    struct state *state = data;
    struct isal_zstream *stream = &state->stream;

    isal_deflate_stateless_init(stream);
    stream->level = deflater->level;
    stream->level_buf = deflater->level_size > 0 ? state->level_buffer : NULL;
    stream->level_buf_size = deflater->level_size;
    stream->gzip_flag = IGZIP_DEFLATE;
    stream->flush = FULL_FLUSH;
    stream->end_of_stream = piece->last;
    stream->next_in = piece->in;
    stream->avail_in = (uint32_t)piece->in_size;
    stream->next_out = piece->out;
    stream->avail_out = OUT_SIZE;
    if (isal_deflate_stateless(stream) != COMP_OK || stream->avail_in > 0)
        return -EIO;
    piece->out_size = OUT_SIZE - stream->avail_out;
    return 0;
}

static void check_piece(void *user, const struct piece *piece)
{
    struct deflater *deflater = user;

    checks_add(&deflater->checks, piece->in, piece->in_size, piece->last);
}

int deflater_new(unsigned level, unsigned threads, bool with_sha256, struct deflater **ret_deflater)
{
    static const uint32_t sizes[] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT,
                                     ISAL_DEF_LVL3_DEFAULT};
    struct deflater *deflater;
    int r;

    if (level > DEFLATE_LEVEL_MAX)
        return -EINVAL;
    deflater = calloc(1, sizeof *deflater);
    if (!deflater)
        return -ENOMEM;
    deflater->level = level;
    deflater->checks.with_sha256 = with_sha256;
    deflater->level_size = sizes[level];
    deflater->work = (struct parallel_work){.in_size = LIMIT_COMPRESS_PIECE,
                                            .out_size = OUT_SIZE,
                                            .state_size = sizeof(struct state) + sizes[level],
                                            .run = deflate_piece,
                                            .follow = check_piece};
    r = parallel_new(&deflater->work, deflater, threads > 0 ? threads : processors_available(),
                     &deflater->parallel);
    if (r < 0) {
        free(deflater);
        return r;
    }
    *ret_deflater = deflater;
    return 0;
}

void deflater_free(struct deflater *deflater)
{
    if (!deflater)
        return;
    parallel_free(deflater->parallel);
    free(deflater);
}

int deflater_write(struct deflater *deflater, struct sink *out, const void *bytes, size_t size, bool last)
{
    const uint8_t *from = bytes;
    struct piece *piece;
    int r;

    while (size > 0) {
        size_t room, now;

        r = parallel_next(deflater->parallel, out, &piece);
        if (r < 0)
            return r;
        room = LIMIT_COMPRESS_PIECE - piece->in_size;
        now = size < room ? size : room;
        memcpy(piece->in + piece->in_size, from, now);
        piece->in_size += now;
        from += now;
        size -= now;
        if (now == room && !(last && size == 0))
            r = parallel_put(deflater->parallel);
        if (r < 0)
            return r;
    }
    if (!last)
        return 0;
    r = parallel_next(deflater->parallel, out, &piece);
    if (r < 0)
        return r;
    piece->last = true; /* it may be empty: a block of its own then */
    r = parallel_put(deflater->parallel);
    return r < 0 ? r : parallel_drain(deflater->parallel, out);
}

uint32_t deflater_crc32(const struct deflater *deflater)
{
    return checks_crc32(&deflater->checks);
}

void deflater_sha256(struct deflater *deflater, char text[SHA256_TEXT_SIZE])
{
    checks_sha256(&deflater->checks, text);
}
