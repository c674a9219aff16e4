#include "service/gate.h"

#include "access/cluster.h"
#include "access/credential.h"
#include "access/peer.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/authenticator.h"
#include "service/channel.h"
#include "service/gate_roles.h"
#include "service/known.h"
#include "service/seen.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Passwords have an authenticator of their own: that one takes tens of milliseconds for each, and nobody's
 * token is to wait behind strangers' guesses. */
enum { FOR_TOKENS, FOR_PASSWORDS, AUTHENTICATORS };
enum {
    PENDING_MAX = 64,       /* that wait for tokens ... */
    PENDING_BASIC_MAX = 16, /* ... and for passwords ... */
    PENDING_BASIC_PEER = 4, /* ... of one client address */
    PENDING_MS = 10000,
    FILES = 4,
};

struct pending {
    uint64_t number; /* 0: free */
    unsigned authenticator;
    pid_t checker; /* which process of that kind was asked */
    uint64_t deadline_ms;
    struct known_key key;
    char peer[PEER_TEXT_SIZE];
};

struct checker {
    pid_t pid; /* 0: none runs */
    int channel;
};

/* By which a change is seen. */
struct file_state {
    ino_t inode;
    off_t size;
    struct timespec changed;
    bool is_there;
};

struct gate {
    const struct config *config;
    struct peer_listeners listeners;
    struct gate_roles roles;
    int epoll_fd;
    struct checker checkers[AUTHENTICATORS];
    struct pending pending[PENDING_MAX + PENDING_BASIC_MAX];
    struct known known;
    struct cluster_keys cluster;
    struct seen *seen; /* of the cluster's tokens; where there is a key for them */
    struct file_state files[FILES];
    uint64_t looked_ms;
};

bool gate_can_identify(const struct config *config)
{
    return authenticator_is_needed(config) || *config->certificate_roles || *config->cluster_key;
}

static void end_process(struct checker *checker)
{
    checker->channel = fd_close(checker->channel);
    if (checker->pid > 0) {
        (void)kill(checker->pid, SIGKILL); /* ours and not waited for yet */
        /* it opens no files once it runs, so nothing keeps it from ending at once */
        while (waitpid(checker->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    checker->pid = 0;
}

static void end_checker(struct gate *gate, unsigned which)
{
    struct checker *checker = &gate->checkers[which];

    if (checker->channel >= 0)
        (void)epoll_ctl(gate->epoll_fd, EPOLL_CTL_DEL, checker->channel, NULL); /* it is there */
    end_process(checker);
}

/* In the place of the one before. */
static int use_checker(struct gate *gate, unsigned which, const struct checker *started, struct error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = GATE_EVENT + which};
    int r;

    end_checker(gate, which);
    gate->checkers[which] = *started;
    if (epoll_ctl(gate->epoll_fd, EPOLL_CTL_ADD, started->channel, &event) == 0)
        return 0;
    r = -errno;
    end_process(&gate->checkers[which]);
    return error_errno(error, -r, "Tokens and passwords can't be checked");
}

static int start_checker(struct gate *gate, unsigned which, struct error *error)
{
    struct checker started = {.channel = -1};
    int r = authenticator_start(gate->config, &started.pid, &started.channel, error);

    return r < 0 ? r : use_checker(gate, which, &started, error);
}

/* All of them, or none: what those that run have read stays then. */
static int start_checkers(struct gate *gate, struct error *error)
{
    struct checker started[AUTHENTICATORS] = {{.channel = -1}, {.channel = -1}};
    int r = 0;

    for (unsigned i = 0; r == 0 && i < AUTHENTICATORS; i++)
        r = authenticator_start(gate->config, &started[i].pid, &started[i].channel, error);
    for (unsigned i = 0; i < AUTHENTICATORS; i++) {
        if (r == 0)
            r = use_checker(gate, i, &started[i], error);
        else
            end_process(&started[i]);
    }
    return r;
}

static void read_files(const struct gate *gate, struct file_state states[FILES])
{
    const char *const paths[FILES] = {gate->config->tokens, gate->config->passwords, gate->config->jwt_keys,
                                      gate->config->cluster_key};

    memset(states, 0, sizeof *states * FILES);
    for (size_t i = 0; i < FILES; i++) {
        struct stat facts;
        if (!*paths[i] || stat(paths[i], &facts) < 0)
            continue;
        states[i].inode = facts.st_ino;
        states[i].size = facts.st_size;
        states[i].changed = facts.st_ctim;
        states[i].is_there = true;
    }
}

int gate_new(const struct config *config, const int *listen_fds, size_t listen_count, int epoll_fd,
             struct gate **ret_gate, struct error *error)
{
    struct gate *gate = calloc(1, sizeof *gate);
    int r;

    if (!gate)
        return error_errno(error, ENOMEM, "Nobody could be let in");
    gate->config = config;
    gate->epoll_fd = epoll_fd;
    for (unsigned i = 0; i < AUTHENTICATORS; i++)
        gate->checkers[i].channel = -1;
    r = peer_listeners_learn(listen_fds, listen_count, &gate->listeners);
    if (r == 0)
        r = known_init(&gate->known);
    if (r == 0)
        r = gate_roles_read(&gate->roles, config, gate_can_identify(config), error);
    read_files(gate, gate->files);
    if (r == 0 && *config->cluster_key)
        r = seen_new(&gate->seen);
    if (r == 0 && *config->cluster_key)
        r = cluster_keys_read(config->cluster_key, &gate->cluster, error);
    if (r == 0 && authenticator_is_needed(config))
        r = start_checkers(gate, error);
    if (r < 0) {
        gate_free(gate);
        return error_ensure(error, r, "Nobody could be let in");
    }
    *ret_gate = gate;
    return 0;
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    for (unsigned i = 0; i < AUTHENTICATORS; i++)
        end_checker(gate, i);
    gate_roles_release(&gate->roles);
    cluster_keys_release(&gate->cluster);
    seen_free(gate->seen);
    free(gate);
}

static struct pending *find_free(struct gate *gate, unsigned which, const char *peer)
{
    struct pending *found = NULL;
    size_t all = 0, of_peer = 0, most = which == FOR_PASSWORDS ? PENDING_BASIC_MAX : PENDING_MAX;

    for (size_t i = 0; i < ELEMENTS_OF(gate->pending); i++) {
        struct pending *pending = &gate->pending[i];
        if (pending->number == 0) {
            found = pending;
        } else if (pending->authenticator == which) {
            all++;
            of_peer += strcmp(pending->peer, peer) == 0;
        }
    }
    return all < most && (which != FOR_PASSWORDS || of_peer < PENDING_BASIC_PEER) ? found : NULL;
}

/* Sends it on, and remembers that it was. */
static int begin_check(struct gate *gate, const char *authorization, const struct peer *peer, uint64_t number,
                       const struct known_key *key, struct error *error)
{
    unsigned which = credential_is_basic(authorization) ? FOR_PASSWORDS : FOR_TOKENS;
    struct pending *pending = find_free(gate, which, peer->text);
    struct {
        struct authenticator_question question;
        char authorization[CREDENTIAL_MAX];
    } message = {.question.number = number};
    size_t size = strlen(authorization);
    int r = 0;

    if (!pending)
        return error_set(error, EAGAIN, "Too many %s are being checked; try again in a moment.",
                         which == FOR_PASSWORDS ? "passwords" : "tokens");
    if (size > sizeof message.authorization)
        return error_set(error, ENOKEY, "The Authorization header is longer than %d bytes.", CREDENTIAL_MAX);
    if (gate->checkers[which].pid == 0)
        r = start_checker(gate, which, error);
    if (r < 0) {
        log_error("%s", error->text);
        return error_set(error, EAGAIN, "Tokens and passwords can't be checked just now.");
    }
    (void)snprintf(message.question.peer, sizeof message.question.peer, "%s", peer->text); /* fits */
    memcpy(message.authorization, authorization, size);
    r = channel_send(gate->checkers[which].channel, &message, sizeof message.question + size, -1);
    explicit_bzero(message.authorization, size);
    if (r < 0) {
        if (r != -EAGAIN)
            end_checker(gate, which);
        return error_set(error, EAGAIN, "Tokens and passwords can't be checked just now; try again.");
    }
    *pending = (struct pending){.number = number,
                                .authenticator = which,
                                .checker = gate->checkers[which].pid,
                                .deadline_ms = clock_monotonic_ms() + PENDING_MS,
                                .key = *key};
    memcpy(pending->peer, peer->text, sizeof pending->peer);
    return -EINPROGRESS;
}

static int check(struct gate *gate, const char *authorization, const struct peer *peer, uint64_t number,
                 struct principal *ret_principal, struct error *error)
{
    struct known_key key = known_key_of(&gate->known, authorization);

    if (known_find(&gate->known, &key, clock_monotonic_ms(), (int64_t)time(NULL), ret_principal))
        return 0;
    return begin_check(gate, authorization, peer, number, &key, error);
}

/* A role that is none may nothing, whoever he is. */
static int settle(const struct principal *principal, struct principal *ret_principal, struct error *error)
{
    if (principal->role == ROLE_NONE)
        return error_set(error, EACCES, "'%s' (%s) has no role here.", principal->name,
                         principal_kind_name(principal->kind));
    *ret_principal = *principal;
    return 0;
}

/* Another instance's word is good once; the questions that one request makes of us come by one connection. */
static int check_instance(struct gate *gate, const struct request *request, int connection,
                          struct principal *ret_principal, struct error *error)
{
    const struct cluster_claim claim = {.authorization = request->authorization,
                                        .audience = gate->config->instance_id,
                                        .asked = request->asked,
                                        .path_prefix = gate->config->path_prefix};
    int64_t now = (int64_t)time(NULL);
    struct cluster_use use;
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    int r = cluster_token_check(&gate->cluster, &claim, now, ret_principal, &use, error);

    if (r < 0)
        return r;
    if (getsockopt(connection, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0)
        cookie = 0; /* whatever it is */
    r = seen_add(gate->seen, use.hash, cookie, now, use.until);
    if (r == -EEXIST)
        return error_set(error, ENOKEY, "The other instance's token was used before.");
    if (r < 0)
        return error_set(error, EAGAIN,
                         "More requests came from other instances within a minute than can be told "
                         "from repetitions; try again.");
    return 0;
}

int gate_ask(struct gate *gate, struct request *request, int connection, uint64_t number,
             struct principal *ret_principal, struct error *error)
{
    struct principal principal = {0};
    struct peer peer;
    int r;

    peer_read(&gate->listeners, connection, &peer);
    (void)snprintf(request->from, sizeof request->from, "%s", peer.text); /* fits */
    if (request->authorization && *gate->config->cluster_key && cluster_token_is(request->authorization)) {
        r = check_instance(gate, request, connection, &principal, error);
        return r < 0 ? r : settle(&principal, ret_principal, error);
    }
    if (request->authorization && authenticator_is_needed(gate->config)) {
        r = check(gate, request->authorization, &peer, number, &principal, error);
        return r < 0 ? r : settle(&principal, ret_principal, error);
    }
    if (request->certificate && *gate->config->certificate_roles)
        gate_roles_of_certificate(&gate->roles, request->certificate, request->certificate_expires,
                                  &principal);
    else if (peer.kind == PEER_USER)
        gate_roles_of_user(&gate->roles, peer.user, &principal);
    else if (peer.kind == PEER_LOOPBACK && gate->roles.anonymous != ROLE_NONE)
        gate_roles_of_anonymous(&gate->roles, &principal);
    else
        return error_set(error, ENOKEY,
                         "This takes authentication: a token, a name with a password, or a certificate, as "
                         "the service is configured.");
    return settle(&principal, ret_principal, error);
}

static struct pending *find_pending(struct gate *gate, uint64_t number, unsigned which)
{
    for (size_t i = 0; i < ELEMENTS_OF(gate->pending); i++)
        if (number != 0 && gate->pending[i].number == number && gate->pending[i].authenticator == which)
            return &gate->pending[i];
    return NULL;
}

static void take_verdict(struct gate *gate, const struct pending *pending, struct verdict *verdict,
                         struct gate_answer *answer)
{
    uint64_t now_ms = clock_monotonic_ms();

    verdict->text[sizeof verdict->text - 1] = '\0';
    answer->number = pending->number;
    answer->error = (struct error){0};
    if (verdict->code != 0) {
        int code = verdict->code == ENOKEY || verdict->code == EUSERS ? verdict->code : EAGAIN;
        answer->r = error_set(&answer->error, code, "%s", verdict->text);
    } else if (!principal_is_sound(&verdict->principal)) {
        answer->r = error_set(&answer->error, EIO, "The credential could not be checked.");
    } else {
        known_add(&gate->known, &pending->key, now_ms, &verdict->principal);
        answer->r = settle(&verdict->principal, &answer->principal, &answer->error);
    }
}

/* One that took too long, or whose authenticator is gone: it died, or files were read again. */
static bool take_lost(struct gate *gate, struct gate_answer *answer)
{
    uint64_t now = clock_monotonic_ms();

    for (size_t i = 0; i < ELEMENTS_OF(gate->pending); i++) {
        struct pending *pending = &gate->pending[i];
        bool is_asked = gate->checkers[pending->authenticator].pid == pending->checker;

        if (pending->number == 0 || (is_asked && pending->deadline_ms > now))
            continue;
        *answer = (struct gate_answer){.number = pending->number};
        answer->r =
            error_set(&answer->error, EAGAIN, "The credential could not be checked in time; try again.");
        if (is_asked)
            end_checker(gate, pending->authenticator); /* it hangs; the next question starts another */
        *pending = (struct pending){0};
        return true;
    }
    return false;
}

bool gate_take(struct gate *gate, struct gate_answer *ret_answer)
{
    for (unsigned which = 0; which < AUTHENTICATORS; which++) {
        while (gate->checkers[which].channel >= 0) {
            struct verdict verdict;
            struct pending *pending;
            int fd = -1;
            ssize_t n = channel_receive(gate->checkers[which].channel, &verdict, sizeof verdict, &fd);

            (void)fd_close(fd); /* none is expected */
            if (n == -EAGAIN)
                break;
            if (n != sizeof verdict) {
                end_checker(gate, which);
                break;
            }
            pending = find_pending(gate, verdict.number, which);
            if (!pending) /* given up before */
                continue;
            take_verdict(gate, pending, &verdict, ret_answer);
            *pending = (struct pending){0};
            return true;
        }
    }
    return take_lost(gate, ret_answer);
}

uint64_t gate_next_deadline(const struct gate *gate)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < ELEMENTS_OF(gate->pending); i++)
        if (gate->pending[i].number != 0 && gate->pending[i].deadline_ms < next)
            next = gate->pending[i].deadline_ms;
    return next;
}

bool gate_child_ended(struct gate *gate, pid_t pid)
{
    for (unsigned i = 0; i < AUTHENTICATORS; i++) {
        if (gate->checkers[i].pid != pid)
            continue;
        log_warning(
            "The process that checks tokens and passwords ended; another one is started when needed.");
        gate->checkers[i].pid = 0; /* it is collected */
        end_checker(gate, i);
        return true;
    }
    return false;
}

static bool reads_files(const struct gate *gate)
{
    return authenticator_is_needed(gate->config) || *gate->config->cluster_key;
}

static int reload_cluster(struct gate *gate, struct error *error)
{
    struct cluster_keys read = {0};
    int r = *gate->config->cluster_key ? cluster_keys_read(gate->config->cluster_key, &read, error) : -ENOKEY;

    if (r == 0) {
        cluster_keys_release(&gate->cluster);
        gate->cluster = read;
    }
    return r == -ENOKEY ? 0 : r;
}

bool gate_reload(struct gate *gate)
{
    struct file_state before[FILES];
    struct error error = {0};

    if (!reads_files(gate))
        return false;
    memcpy(before, gate->files, sizeof before);
    read_files(gate, gate->files);
    if (reload_cluster(gate, &error) < 0) {
        log_error("%s What was read before stays in force.", error.text);
        return false;
    }
    if (authenticator_is_needed(gate->config) && start_checkers(gate, &error) < 0) {
        log_error("%s What was read before stays in force.", error.text);
        return false;
    }
    known_clear(&gate->known);
    log_info("Who may do what was read again.");
    return memcmp(before, gate->files, sizeof before) != 0;
}

bool gate_look(struct gate *gate)
{
    struct file_state states[FILES];
    uint64_t now = clock_monotonic_ms();

    if (!reads_files(gate) || now - gate->looked_ms < GATE_LOOK_MS)
        return false;
    gate->looked_ms = now;
    read_files(gate, states);
    if (memcmp(states, gate->files, sizeof states) == 0)
        return false;
    return gate_reload(gate);
}

int gate_sign(const struct gate *gate, const struct principal *principal, const char *audience,
              const char *asked, char ret_token[GATE_TOKEN_SIZE])
{
    _Static_assert((int)GATE_TOKEN_SIZE == (int)CLUSTER_TOKEN_SIZE, "the header needs no other one for it");

    return cluster_token_make(&gate->cluster, principal, gate->config->instance_id, audience, asked,
                              (int64_t)time(NULL), ret_token);
}
