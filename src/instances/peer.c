#include "instances/peer.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "instances/forward.h"
#include "instances/registry.h"
#include "instances/reply.h"
#include "service/channel.h"
#include "service/sandbox.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum { MESSAGES_AT_ONCE = 16, LEAVE_MS = 1500, LEAVE_LOOK_MS = 20 };

struct peer {
    struct fleet fleet;
    struct loop_watch channel, signals;
    struct loop_timer leave_timer, forget_timer;
    uint64_t leave_until_ms;
    char message[LIMIT_MESSAGE];
};

static const struct registry_ops *const registries[] = {
    [REGISTRY_STATIC] = &registry_static_ops,
    [REGISTRY_DNS] = &registry_dns_ops,
    [REGISTRY_ETCD] = &registry_etcd_ops,
};

/* An answer of one piece. */
struct list_answer {
    struct reply reply; /* first */
};

static void on_list_gone(struct reply *reply)
{
    reply_release(reply);
    free(reply);
}

static void answer_list(struct fleet *fleet, const struct request *request, int answer_fd)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(REPLY_PENDING_MAX - LIMIT_MESSAGE);
    struct list_answer *answer = calloc(1, sizeof *answer);
    int r;

    if (!answer) {
        (void)fd_close(answer_fd); /* the front says that there was no answer */
        return;
    }
    if (reply_init(&answer->reply, fleet->loop, answer_fd, NULL, on_list_gone) < 0) {
        free(answer);
        return;
    }
    r = request->dialect == DIALECT_ARM ? list_write_arm(fleet, request->resource, &text)
                                        : list_write(fleet, request->base, &text);
    if (r == 0)
        reply_json(&answer->reply, &text);
    else
        reply_error(&answer->reply, -r, "The list of instances could not be written.");
}

static bool take_message(struct peer *peer)
{
    _cleanup_request_ struct request request = {0};
    struct error error = {0};
    int fd = -1;
    ssize_t n = channel_receive(peer->channel.fd, peer->message, sizeof peer->message, &fd);

    if (n == -EAGAIN)
        return false;
    if (n == 0 || (n < 0 && n != -EBADMSG)) {
        /* the service is over */
        loop_watch_remove(peer->fleet.loop, &peer->channel);
        forward_end_all(&peer->fleet);
        peer->leave_timer.due_ms = 0;
        return false;
    }
    if (n < 0 || request_decode_admitted(peer->message, (size_t)n, &request, &error) < 0) {
        (void)fd_close(fd); /* always -1 */
        return true;
    }
    if (fd < 0) {
        if (strcmp(request.operation, PEERS_END_ENDLESS) == 0)
            forward_end_endless(&peer->fleet);
        return true;
    }
    if (strcmp(request.operation, FORWARD_OPERATION) == 0)
        forward_begin(&peer->fleet, &request, fd);
    else
        answer_list(&peer->fleet, &request, fd);
    return true;
}

static void on_channel(struct loop_watch *watch, uint32_t events)
{
    struct peer *peer = (struct peer *)((char *)watch - offsetof(struct peer, channel));

    (void)events;
    for (int i = 0; i < MESSAGES_AT_ONCE && take_message(peer); i++)
        ;
}

/* Others are to know at once; what runs goes on. */
static void on_signal(struct loop_watch *watch, uint32_t events)
{
    struct peer *peer = (struct peer *)((char *)watch - offsetof(struct peer, signals));
    struct signalfd_siginfo signal;

    (void)events;
    while (read(watch->fd, &signal, sizeof signal) == sizeof signal)
        ;
    peer->fleet.registry->ops->leave(peer->fleet.registry);
}

/* The service is over: what is to be told others is told, within its time. */
static void on_leaving(struct loop_timer *timer)
{
    struct peer *peer = (struct peer *)((char *)timer - offsetof(struct peer, leave_timer));
    struct registry *registry = peer->fleet.registry;
    uint64_t now = clock_monotonic_ms();

    if (peer->leave_until_ms == 0) {
        peer->leave_until_ms = now + LEAVE_MS;
        registry->ops->leave(registry);
    }
    if (registry->ops->has_left(registry) || now >= peer->leave_until_ms)
        loop_stop(peer->fleet.loop);
    else
        timer->due_ms = now + LEAVE_LOOK_MS;
}

static void on_forget(struct loop_timer *timer)
{
    struct peer *peer = (struct peer *)((char *)timer - offsetof(struct peer, forget_timer));
    uint64_t now = clock_monotonic_ms();

    members_forget(&peer->fleet.members, now);
    timer->due_ms = now + MEMBER_FORGET_MS / 60;
}

static void set_self(struct fleet *fleet)
{
    const struct config *config = fleet->config;
    struct member_facts *self = &fleet->self;

    (void)snprintf(self->id, sizeof self->id, "%s", config->instance_id);         /* fits: it was checked */
    (void)snprintf(self->run, sizeof self->run, "%s", config->run);               /* fits */
    (void)snprintf(self->name, sizeof self->name, "%s", config->machine_name);    /* cut: for people */
    (void)snprintf(self->version, sizeof self->version, "%s", PROCSCOPE_VERSION); /* fits */
    (void)snprintf(self->url, sizeof self->url, "%s", config->instance_url);      /* fits: it was checked */
}

/* What looks up names may load libraries and read files; it does so once before nothing can be loaded. */
static void load_resolver(void)
{
    struct addrinfo *found = NULL;

    /* the C library's threads that look up names end by pthread_exit(), which needs it, and would abort */
    (void)dlopen("libgcc_s.so.1", RTLD_NOW);
    if (getaddrinfo("localhost", "80", NULL, &found) == 0)
        freeaddrinfo(found);
}

static int open_signals(void)
{
    sigset_t wanted;

    (void)sigemptyset(&wanted); /* these three take what we give them */
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void set_trust(struct http_trust *trust, const struct buffer *ca)
{
    if (ca->size > 0)
        *trust = (struct http_trust){.ca = ca->data, .ca_size = ca->size};
}

static int prepare(struct peer *peer, const struct peer_start *start, struct error *error)
{
    struct fleet *fleet = &peer->fleet;
    int r = registry_config_check(start->config, &fleet->registry_config, error);

    if (r == 0)
        r = loop_new(&fleet->loop, error);
    if (r < 0)
        return r;
    load_resolver();
    peer->signals.fd = open_signals();
    if (peer->signals.fd < 0)
        return error_errno(error, errno, "Can't wait for signals");
    r = loop_watch_add(fleet->loop, &peer->signals, EPOLLIN);
    if (r == 0)
        r = loop_watch_add(fleet->loop, &peer->channel, EPOLLIN);
    loop_timer_add(fleet->loop, &peer->leave_timer);
    loop_timer_add(fleet->loop, &peer->forget_timer);
    if (r == 0)
        r = sandbox_seal_peer(error);
    if (r == 0)
        r = registries[fleet->registry_config.kind]->start(fleet, &fleet->registry);
    return error_ensure(error, r, "Other instances can't be talked to");
}

static void release(struct peer *peer)
{
    struct fleet *fleet = &peer->fleet;

    forward_end_all(fleet);
    if (fleet->registry)
        fleet->registry->ops->free(fleet->registry);
    members_release(&fleet->members);
    loop_free(fleet->loop);
    registry_config_release(&fleet->registry_config);
    peer->signals.fd = fd_close(peer->signals.fd);
}

int peer_run(const struct peer_start *start)
{
    static struct peer peer; /* too large for a stack */
    const struct peer_setup *setup = start->data;
    struct error error = {0};
    int r = fcntl(start->channel, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;

    peer.channel = (struct loop_watch){.fd = start->channel, .ready = on_channel};
    peer.signals = (struct loop_watch){.fd = -1, .ready = on_signal};
    peer.leave_timer = (struct loop_timer){.due_ms = UINT64_MAX, .run = on_leaving};
    peer.forget_timer = (struct loop_timer){.due_ms = 0, .run = on_forget};
    peer.fleet.config = start->config;
    peer.fleet.channel = start->channel;
    peer.fleet.listeners = setup->listeners;
    set_trust(&peer.fleet.trust, &setup->peer_ca);
    set_trust(&peer.fleet.registry_trust, &setup->registry_ca);
    set_self(&peer.fleet);
    if (r == 0)
        r = prepare(&peer, start, &error);
    if (r == 0)
        r = loop_run(peer.fleet.loop, &error);
    if (r < 0)
        log_error("%s", error.text);
    release(&peer);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
