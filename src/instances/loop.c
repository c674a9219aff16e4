#include "instances/loop.h"

#include "base/clock.h"

#include <string.h>
#include <sys/epoll.h>

enum { TIMERS_AT_ONCE = 32 };

/* A socket of libcurl's. */
struct socket_watch {
    struct loop_watch watch; /* first */
    struct loop *loop;
};

struct loop {
    int epoll_fd;
    const struct curl_functions *curl;
    CURLM *multi;
    struct loop_timer *timers;
    struct loop_timer curl_timer;
    bool is_stopped;
};

const struct curl_functions *loop_curl(const struct loop *loop)
{
    return loop->curl;
}

static int control(struct loop *loop, int operation, struct loop_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    return epoll_ctl(loop->epoll_fd, operation, watch->fd, &event) < 0 ? -errno : 0;
}

int loop_watch_add(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    return control(loop, EPOLL_CTL_ADD, watch, events);
}

int loop_watch_change(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    return control(loop, EPOLL_CTL_MOD, watch, events);
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
    (void)control(loop, EPOLL_CTL_DEL, watch, 0); /* a closed one has gone by itself */
}

void loop_timer_add(struct loop *loop, struct loop_timer *timer)
{
    timer->next = loop->timers;
    loop->timers = timer;
}

void loop_timer_remove(struct loop *loop, struct loop_timer *timer)
{
    for (struct loop_timer **place = &loop->timers; *place; place = &(*place)->next) {
        if (*place == timer) {
            *place = timer->next;
            return;
        }
    }
}

/* --- What libcurl asks for --- */

static void act(struct loop *loop, curl_socket_t socket, int what)
{
    int running;

    (void)loop->curl->multi_action(loop->multi, socket, what, &running); /* each transfer says how it went */
}

static void on_socket_ready(struct loop_watch *watch, uint32_t events)
{
    int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

    act(((struct socket_watch *)watch)->loop, watch->fd, what);
}

static int on_socket(CURL *handle, curl_socket_t socket, int what, void *context, void *known)
{
    struct loop *loop = context;
    struct socket_watch *watch = known;
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

    (void)handle; /* libcurl's signature */
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            loop_watch_remove(loop, &watch->watch);
        free(watch);
        return 0;
    }
    if (watch)
        return loop_watch_change(loop, &watch->watch, events) < 0 ? -1 : 0;
    watch = calloc(1, sizeof *watch);
    if (!watch)
        return -1;
    *watch = (struct socket_watch){.watch = {.fd = socket, .ready = on_socket_ready}, .loop = loop};
    if (loop_watch_add(loop, &watch->watch, events) < 0 ||
        loop->curl->multi_assign(loop->multi, socket, watch) != CURLM_OK) {
        loop_watch_remove(loop, &watch->watch);
        free(watch);
        return -1;
    }
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct loop *loop = context;

    (void)multi;
    loop->curl_timer.due_ms = timeout_ms < 0 ? UINT64_MAX : clock_monotonic_ms() + (uint64_t)timeout_ms;
    return 0;
}

static void on_curl_due(struct loop_timer *timer)
{
    struct loop *loop = (struct loop *)((char *)timer - offsetof(struct loop, curl_timer));

    act(loop, CURL_SOCKET_TIMEOUT, 0);
}

static void finish_transfers(struct loop *loop)
{
    CURLMsg *message;
    int left;

    while ((message = loop->curl->multi_read(loop->multi, &left))) {
        CURLcode code = message->data.result;
        struct loop_transfer *transfer = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        if (loop->curl->get(message->easy_handle, CURLINFO_PRIVATE, &transfer) != CURLE_OK || !transfer)
            continue;
        loop_transfer_remove(loop, transfer); /* the message is void from here on */
        transfer->done(transfer, code);
    }
}

int loop_transfer_add(struct loop *loop, struct loop_transfer *transfer)
{
    if (loop->curl->set(transfer->handle, CURLOPT_PRIVATE, transfer) != CURLE_OK)
        return -ENOMEM;
    return loop->curl->multi_add(loop->multi, transfer->handle) == CURLM_OK ? 0 : -ENOMEM;
}

void loop_transfer_remove(struct loop *loop, struct loop_transfer *transfer)
{
    if (transfer->handle)
        (void)loop->curl->multi_remove(loop->multi, transfer->handle); /* one that is not in it is no harm */
}

/* --- The loop --- */

int loop_new(struct loop **ret_loop, struct error *error)
{
    struct loop *loop = calloc(1, sizeof *loop);
    int r;

    if (!loop)
        return error_set(error, ENOMEM, "Out of memory.");
    loop->epoll_fd = -1;
    loop->curl_timer = (struct loop_timer){.due_ms = UINT64_MAX, .run = on_curl_due};
    loop_timer_add(loop, &loop->curl_timer);
    r = curl_load(&loop->curl, error);
    if (r == 0) {
        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        loop->multi = loop->curl->multi_init();
        if (loop->epoll_fd < 0 || !loop->multi ||
            loop->curl->multi_set(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
            loop->curl->multi_set(loop->multi, CURLMOPT_SOCKETDATA, loop) != CURLM_OK ||
            loop->curl->multi_set(loop->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
            loop->curl->multi_set(loop->multi, CURLMOPT_TIMERDATA, loop) != CURLM_OK)
            r = error_set(error, ENOMEM, "libcurl does not start.");
    }
    if (r < 0) {
        loop_free(loop);
        return r;
    }
    *ret_loop = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->multi)
        (void)loop->curl->multi_cleanup(loop->multi); /* fails only for what is none */
    (void)fd_close(loop->epoll_fd);                   /* always -1 */
    free(loop);
}

static int next_timeout(const struct loop *loop)
{
    uint64_t next = UINT64_MAX, now;

    for (const struct loop_timer *timer = loop->timers; timer; timer = timer->next)
        if (timer->due_ms < next)
            next = timer->due_ms;
    if (next == UINT64_MAX)
        return -1;
    now = clock_monotonic_ms();
    if (next <= now)
        return 0;
    return next - now < 3600000 ? (int)(next - now) : 3600000;
}

/* From the front again after each, since it may have removed others; descriptors have their turn, too. */
static void run_timers(struct loop *loop)
{
    uint64_t now = clock_monotonic_ms();
    struct loop_timer *timer = loop->timers;
    unsigned runs = 0;

    while (timer && runs < TIMERS_AT_ONCE) {
        if (timer->due_ms > now) {
            timer = timer->next;
            continue;
        }
        timer->due_ms = UINT64_MAX;
        timer->run(timer);
        timer = loop->timers;
        runs++;
    }
}

int loop_run(struct loop *loop, struct error *error)
{
    while (!loop->is_stopped) {
        struct epoll_event event; /* one at a time: it may free what another would be about */
        int count = epoll_wait(loop->epoll_fd, &event, 1, next_timeout(loop));

        if (count < 0 && errno != EINTR)
            return error_errno(error, errno, "Waiting for other instances failed");
        if (count > 0)
            ((struct loop_watch *)event.data.ptr)->ready(event.data.ptr, event.events);
        run_timers(loop);
        finish_transfers(loop);
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}
