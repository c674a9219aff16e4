#include "stream/parallel.h"

#include "base/limits.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

/* Beside one a thread: one that is filled, one that is written, one in between. */
enum { SPARE_PIECES = 3, STACK_SIZE = 128 * 1024 };

struct thread {
    pthread_t id;
    struct parallel *parallel;
    void *state;
};

struct parallel {
    const struct parallel_work *work;
    void *user;
    pthread_mutex_t lock;
    pthread_cond_t wake, ended; /* there is work, or nothing more will come; a piece was run or followed */
    struct piece *pieces;       /* a ring of piece_count */
    size_t piece_count;
    /* pieces so far: by the caller, by the threads that run, by the one that follows, into the sink */
    uint64_t put, taken, followed, given;
    struct thread *threads;
    unsigned thread_count, thread_maximum;
    struct thread follower;
    bool tried, stop, has_follower;
    void *own_state; /* the caller's, where there are no threads */
};

static struct piece *piece_at(const struct parallel *parallel, uint64_t number)
{
    return &parallel->pieces[number % parallel->piece_count];
}

static void *work(void *data)
{
    struct thread *thread = data;
    struct parallel *parallel = thread->parallel;

    (void)pthread_mutex_lock(&parallel->lock); /* fails for no mutex only, as all of these */
    for (;;) {
        struct piece *piece;
        int r;

        while (!parallel->stop && parallel->taken == parallel->put)
            (void)pthread_cond_wait(&parallel->wake, &parallel->lock);
        if (parallel->stop)
            break;
        piece = piece_at(parallel, parallel->taken++);
        (void)pthread_mutex_unlock(&parallel->lock);
        r = parallel->work->run(thread->state, parallel->user, piece);
        (void)pthread_mutex_lock(&parallel->lock);
        piece->result = r;
        piece->done = true;
        (void)pthread_cond_signal(&parallel->ended);
    }
    (void)pthread_mutex_unlock(&parallel->lock);
    return NULL;
}

static void *follow(void *data)
{
    struct thread *thread = data;
    struct parallel *parallel = thread->parallel;

    (void)pthread_mutex_lock(&parallel->lock);
    for (;;) {
        const struct piece *piece;

        while (!parallel->stop && parallel->followed == parallel->put)
            (void)pthread_cond_wait(&parallel->wake, &parallel->lock);
        if (parallel->stop)
            break;
        piece = piece_at(parallel, parallel->followed);
        (void)pthread_mutex_unlock(&parallel->lock);
        parallel->work->follow(parallel->user, piece);
        (void)pthread_mutex_lock(&parallel->lock);
        parallel->followed++; /* and not before: the caller may fill it anew then */
        (void)pthread_cond_signal(&parallel->ended);
    }
    (void)pthread_mutex_unlock(&parallel->lock);
    return NULL;
}

static void start_threads(struct parallel *parallel)
{
    pthread_attr_t attributes;
    sigset_t all, before;

    parallel->tried = true;
    if (pthread_attr_init(&attributes) != 0)
        return;
    if (pthread_attr_setstacksize(&attributes, STACK_SIZE) != 0 || sigfillset(&all) < 0 ||
        pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        (void)pthread_attr_destroy(&attributes); /* never fails */
        return;
    }
    while (parallel->thread_count < parallel->thread_maximum) {
        struct thread *thread = &parallel->threads[parallel->thread_count];

        thread->parallel = parallel;
        thread->state = malloc(parallel->work->state_size);
        if (!thread->state || pthread_create(&thread->id, &attributes, work, thread) != 0) {
            free(thread->state);
            break;
        }
        parallel->thread_count++;
    }
    parallel->follower.parallel = parallel;
    parallel->has_follower =
        parallel->work->follow && parallel->thread_count > 0 &&
        pthread_create(&parallel->follower.id, &attributes, follow, &parallel->follower) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* it was read above */
    (void)pthread_attr_destroy(&attributes);           /* as above */
}

int parallel_new(const struct parallel_work *work, void *user, unsigned threads,
                 struct parallel **ret_parallel)
{
    struct parallel *parallel = calloc(1, sizeof *parallel);

    if (!parallel)
        return -ENOMEM;
    if (threads > LIMIT_COMPRESS_THREADS)
        threads = LIMIT_COMPRESS_THREADS;
    *parallel = (struct parallel){.work = work,
                                  .user = user,
                                  .thread_maximum = threads > 1 ? threads : 0,
                                  .piece_count = threads > 1 ? threads + SPARE_PIECES : 1,
                                  .lock = PTHREAD_MUTEX_INITIALIZER,
                                  .wake = PTHREAD_COND_INITIALIZER,
                                  .ended = PTHREAD_COND_INITIALIZER};
    parallel->pieces = calloc(parallel->piece_count, sizeof *parallel->pieces);
    parallel->threads = calloc(threads > 0 ? threads : 1, sizeof *parallel->threads);
    if (!parallel->pieces || !parallel->threads) {
        parallel_free(parallel);
        return -ENOMEM;
    }
    *ret_parallel = parallel;
    return 0;
}

void parallel_free(struct parallel *parallel)
{
    if (!parallel)
        return;
    (void)pthread_mutex_lock(&parallel->lock);
    parallel->stop = true;
    (void)pthread_cond_broadcast(&parallel->wake);
    (void)pthread_mutex_unlock(&parallel->lock);
    for (unsigned i = 0; i < parallel->thread_count; i++) {
        (void)pthread_join(parallel->threads[i].id, NULL); /* it is ours and was not joined yet */
        free(parallel->threads[i].state);
    }
    if (parallel->has_follower)
        (void)pthread_join(parallel->follower.id, NULL); /* likewise */
    for (size_t i = 0; parallel->pieces && i < parallel->piece_count; i++)
        free(parallel->pieces[i].in);
    free(parallel->pieces);
    free(parallel->threads);
    free(parallel->own_state);
    free(parallel);
}

static bool is_through(const struct parallel *parallel, uint64_t number)
{
    return piece_at(parallel, number)->done && parallel->followed > number;
}

/* Whether there is a piece to be given out. wait: until it is through. */
static bool first_is_through(struct parallel *parallel, bool wait)
{
    bool through;

    if (parallel->given == parallel->put)
        return false;
    (void)pthread_mutex_lock(&parallel->lock);
    while (wait && !is_through(parallel, parallel->given))
        (void)pthread_cond_wait(&parallel->ended, &parallel->lock);
    through = is_through(parallel, parallel->given);
    (void)pthread_mutex_unlock(&parallel->lock);
    return through;
}

static int give_first(struct parallel *parallel, struct sink *out)
{
    struct piece *piece = piece_at(parallel, parallel->given);

    if (piece->result < 0)
        return piece->result;
    parallel->given++;
    return sink_write(out, piece->out, piece->out_size);
}

/* Its buffers come with its first use, so that a small stream costs one. */
static int prepare(const struct parallel *parallel, struct piece *piece)
{
    if (piece->in)
        return 0;
    piece->in = malloc(parallel->work->in_size + parallel->work->out_size);
    if (!piece->in)
        return -ENOMEM;
    piece->out = piece->in + parallel->work->in_size;
    return 0;
}

int parallel_next(struct parallel *parallel, struct sink *out, struct piece **ret_piece)
{
    struct piece *piece;
    int r = 0;

    while (r == 0 && first_is_through(parallel, parallel->put - parallel->given == parallel->piece_count))
        r = give_first(parallel, out);
    if (r < 0)
        return r;
    piece = piece_at(parallel, parallel->put);
    r = prepare(parallel, piece);
    if (r < 0)
        return r;
    if (piece->done) {
        piece->in_size = piece->out_size = 0;
        piece->last = piece->done = false;
    }
    *ret_piece = piece;
    return 0;
}

/* In the caller's thread. */
static int work_now(struct parallel *parallel, struct piece *piece)
{
    if (!parallel->own_state)
        parallel->own_state = malloc(parallel->work->state_size);
    if (!parallel->own_state)
        return -ENOMEM;
    piece->result = parallel->work->run(parallel->own_state, parallel->user, piece);
    piece->done = true;
    parallel->taken++;
    parallel->followed++;
    parallel->put++;
    return 0;
}

int parallel_put(struct parallel *parallel)
{
    struct piece *piece = piece_at(parallel, parallel->put);

    /* a stream of one piece is not worth a thread */
    if (!parallel->tried && parallel->thread_maximum > 0 && !piece->last)
        start_threads(parallel);
    if (parallel->work->follow && !parallel->has_follower)
        parallel->work->follow(parallel->user, piece);
    if (parallel->thread_count == 0)
        return work_now(parallel, piece);
    (void)pthread_mutex_lock(&parallel->lock);
    parallel->put++;
    if (!parallel->has_follower)
        parallel->followed++;
    (void)pthread_cond_broadcast(&parallel->wake); /* one that runs, and the one that follows */
    (void)pthread_mutex_unlock(&parallel->lock);
    return 0;
}

int parallel_drain(struct parallel *parallel, struct sink *out)
{
    int r = 0;

    while (r == 0 && first_is_through(parallel, true))
        r = give_first(parallel, out);
    return r;
}
