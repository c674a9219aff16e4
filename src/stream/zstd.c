/* libzstd's own threads make the jobs: one frame, matches reach over the bounds of jobs. They are given small
 * jobs and tables, since memory counts here, where libzstd's defaults would take tens of MiB a thread. */
#include "stream/compress.h"

#include "base/limits.h"
#include "base/processors.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    JOB_SIZE = 512 * 1024, /* libzstd's least */
    WINDOW_LOG = 20,       /* matches reach 1 MiB back; a reader needs as much */
    TABLE_LOG = 17,        /* 4 bytes each */
    OUT_SIZE = 128 * 1024,
    STACK_SIZE = 256 * 1024,
};

struct zstd_sink {
    struct sink sink;
    struct sink *next;
    ZSTD_CCtx *context;
    uint8_t out[OUT_SIZE];
};

const struct compression_levels zstd_levels = {1, 9, 1};

static int feed(struct zstd_sink *self, const void *bytes, size_t size, ZSTD_EndDirective directive)
{
    ZSTD_inBuffer in = {.src = bytes, .size = size};
    bool more = true;

    while (more) {
        ZSTD_outBuffer out = {.dst = self->out, .size = sizeof self->out};
        size_t left = ZSTD_compressStream2(self->context, &out, &in, directive);
        int r;

        if (ZSTD_isError(left))
            return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
        r = sink_write(self->next, self->out, out.pos);
        if (r < 0)
            return r;
        more = directive == ZSTD_e_end ? left > 0 : in.pos < in.size;
    }
    return 0;
}

static int zstd_write(struct sink *sink, const void *bytes, size_t size)
{
    return feed((struct zstd_sink *)sink, bytes, size, ZSTD_e_continue);
}

static int zstd_finish(struct sink *sink, struct error *error)
{
    return error_ensure(error, feed((struct zstd_sink *)sink, NULL, 0, ZSTD_e_end),
                        "The end of the compressed data could not be written");
}

static void zstd_free(struct sink *sink)
{
    struct zstd_sink *self = (struct zstd_sink *)sink;

    (void)ZSTD_freeCCtx(self->context); /* always 0; ends the threads */
    free(self);
}

static const struct sink_ops zstd_ops = {
    .name = "zstd", .write = zstd_write, .finish = zstd_finish, .free = zstd_free};

static int set(ZSTD_CCtx *context, ZSTD_cParameter parameter, int value)
{
    return ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) ? -EINVAL : 0;
}

/* Where a level's own window or tables are larger. Of levels 1 and 2 they are not. */
static int keep_small(ZSTD_CCtx *context, unsigned level)
{
    int r = level >= 3 ? set(context, ZSTD_c_windowLog, WINDOW_LOG) : 0;

    if (r == 0 && level >= 4)
        r = set(context, ZSTD_c_hashLog, TABLE_LOG);
    if (r == 0 && level >= 4)
        r = set(context, ZSTD_c_chainLog, TABLE_LOG);
    return r;
}

static int configure(ZSTD_CCtx *context, unsigned level, unsigned threads, uint64_t size)
{
    int r = set(context, ZSTD_c_compressionLevel, (int)level);

    if (r == 0)
        r = keep_small(context, level);
    if (r == 0)
        r = set(context, ZSTD_c_checksumFlag, 1);
    if (r == 0)
        r = set(context, ZSTD_c_nbWorkers, threads > 1 ? (int)threads : 0);
    if (r == 0 && threads > 1)
        r = set(context, ZSTD_c_jobSize, JOB_SIZE);
    if (r == 0 && ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, size)))
        r = -EINVAL;
    return r;
}

/* libzstd starts its threads with the first call: with small stacks, as a worker's memory limit counts whole
 * ones, and with all signals blocked, which are for the caller's thread. */
static int start(struct zstd_sink *self)
{
    pthread_attr_t small, before;
    sigset_t all, blocked;
    int r = 0;

    if (pthread_getattr_default_np(&before) != 0)
        return -ENOMEM;
    if (pthread_attr_init(&small) != 0) {
        (void)pthread_attr_destroy(&before); /* never fails, as all of these */
        return -ENOMEM;
    }
    if (pthread_attr_setstacksize(&small, STACK_SIZE) != 0 || sigfillset(&all) < 0 ||
        pthread_setattr_default_np(&small) != 0 || pthread_sigmask(SIG_SETMASK, &all, &blocked) != 0)
        r = -EINVAL;
    if (r == 0) {
        r = feed(self, NULL, 0, ZSTD_e_continue);
        (void)pthread_sigmask(SIG_SETMASK, &blocked, NULL); /* it was read above */
    }
    (void)pthread_setattr_default_np(&before); /* likewise */
    (void)pthread_attr_destroy(&small);
    (void)pthread_attr_destroy(&before);
    return r;
}

int sink_zstd_new(struct sink *next, unsigned level, unsigned threads, uint64_t size, struct sink **ret_sink)
{
    struct zstd_sink *self;
    int r = -ENOMEM;

    if (level < zstd_levels.least || level > zstd_levels.most)
        return -EINVAL;
    self = malloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    self->sink = (struct sink){.ops = &zstd_ops};
    self->next = next;
    if (threads == 0)
        threads = processors_available();
    if (threads > LIMIT_ZSTD_THREADS)
        threads = LIMIT_ZSTD_THREADS;
    for (;;) {
        self->context = ZSTD_createCCtx();
        if (self->context)
            r = configure(self->context, level, threads, size);
        if (self->context && r == 0)
            r = start(self);
        /* no thread to be had, or no memory for as many: a limit must cost speed, not the dump */
        if (r == 0 || r == -EINVAL || threads == 1)
            break;
        (void)ZSTD_freeCCtx(self->context); /* always 0 */
        threads = 1;
    }
    if (r < 0) {
        zstd_free(&self->sink);
        return r;
    }
    *ret_sink = &self->sink;
    return 0;
}
