#include "instances/forward.h"

#include "base/log.h"
#include "instances/fleet.h"
#include "instances/forward_head.h"
#include "instances/reply.h"
#include "service/channel.h"

#include <poll.h>
#include <string.h>

struct forward {
    struct loop_transfer transfer; /* first */
    struct reply reply;
    struct fleet *fleet;
    struct forward *next;
    struct curl_slist *headers;
    struct forward_head head;
    struct member *member;         /* until it is asked */
    char label[MEMBER_LABEL_SIZE]; /* of the other one, for what is said of it */
    char id[INSTANCE_ID_MAX + 1], run[INSTANCE_RUN_SIZE];
    char problem[CURL_ERROR_SIZE];
    char *cookie;    /* owned; NULL: none is to be set */
    uint64_t number; /* of the request, for the inspector */
    long status;     /* of the answer; 0: none yet */
    bool is_head, is_paused, is_cut;
};

enum { REPORT_WAIT_MS = 1000 };

/* How it ended, for the audit. The inspector waits for nobody, so it may be waited for. */
static void tell(const struct fleet *fleet, const struct peers_report *report)
{
    struct pollfd room = {.fd = fleet->channel, .events = POLLOUT};
    int r;

    do {
        r = channel_send(fleet->channel, report, sizeof *report, -1);
    } while (r == -EAGAIN && poll(&room, 1, REPORT_WAIT_MS) > 0);
    if (r < 0 && r != -EPIPE) /* else the service is over, which knows */
        log_warning("The audit could not be told how a request to another instance ended.");
}

/* The front closes the pipe as soon as it has as many bytes as were announced. */
static bool has_all(const struct forward *forward)
{
    const struct reply *reply = &forward->reply;
    int64_t length = forward->is_head ? 0 : forward->head.length;
    bool is_whole = reply->is_ended || (reply->is_begun && length >= 0 && reply->body == (uint64_t)length);

    return is_whole && reply->pending.size == 0;
}

static void tell_end(const struct forward *forward)
{
    const struct reply *reply = &forward->reply;
    struct peers_report report = {.number = forward->number, .bytes = reply->body, .code = reply->code};

    if (forward->is_cut)
        report.code = EIO;
    else if (report.code == 0 && !has_all(forward))
        report.code = EPIPE;
    else if (report.code == 0 && forward->status >= 400)
        report.code = EREMOTEIO;
    report.has_begun = reply->is_begun && reply->code == 0 && forward->status < 400;
    tell(forward->fleet, &report);
}

static void free_forward(struct forward *forward)
{
    struct fleet *fleet = forward->fleet;
    const struct curl_functions *curl = loop_curl(fleet->loop);

    tell_end(forward);
    for (struct forward **place = &fleet->forwards; *place; place = &(*place)->next) {
        if (*place == forward) {
            *place = forward->next;
            fleet->forward_count--;
            break;
        }
    }
    if (forward->transfer.handle) {
        loop_transfer_remove(fleet->loop, &forward->transfer);
        curl->cleanup(forward->transfer.handle);
    }
    curl->list_free(forward->headers);
    forward_head_release(&forward->head);
    free(forward->cookie);
    reply_release(&forward->reply);
    free(forward);
}

static struct forward *of_reply(struct reply *reply)
{
    return (struct forward *)((char *)reply - offsetof(struct forward, reply));
}

/* The client went away, or has all. */
static void on_gone(struct reply *reply)
{
    free_forward(of_reply(reply));
}

/* The client has taken what there was. */
static void on_room(struct reply *reply)
{
    struct forward *forward = of_reply(reply);

    if (!forward->is_paused || !forward->transfer.handle)
        return;
    forward->is_paused = false;
    (void)loop_curl(forward->fleet->loop)->pause(forward->transfer.handle, CURLPAUSE_CONT); /* or it ends */
}

static long status_of(const struct forward *forward)
{
    long status = 0;

    (void)loop_curl(forward->fleet->loop)
        ->get(forward->transfer.handle, CURLINFO_RESPONSE_CODE, &status); /* 0 stays: no answer */
    return status;
}

static size_t on_header(char *bytes, size_t one, size_t size, void *context)
{
    forward_head_line(&((struct forward *)context)->head, bytes, one * size);
    return one * size;
}

/* What it says of us, and not of what was asked for, is no answer for the client. */
static int refuse(struct forward *forward, long status)
{
    struct error error = {0};

    if (status == 401)
        (void)error_set(
            &error, EHOSTUNREACH,
            "Instance %s does not take what this one signs: do both have the same cluster-key, and "
            "the same time?",
            forward->label);
    else if (status == 421)
        (void)error_set(&error, EHOSTUNREACH,
                        "Another instance than %s answers there now; the list will be right in a moment.",
                        forward->label);
    else
        return 0;
    reply_error(&forward->reply, error.code, error.text);
    return -error.code;
}

static int begin(struct forward *forward)
{
    struct forward_head *head = &forward->head;
    long status = status_of(forward);
    bool has_body = !forward->is_head && status != 204 && status != 304;
    int r = refuse(forward, status);

    forward->status = status;
    if (r < 0)
        return r;
    if (!has_body && !forward->is_head)
        head->length = 0;
    if (has_body && head->length < 0 && !head->is_chunked) {
        reply_error(
            &forward->reply, EHOSTUNREACH,
            "The other instance does not say where its answer ends, so a cut one could not be told from "
            "a whole one.");
        return -EHOSTUNREACH;
    }
    if (head->is_chunked)
        head->length = -1;
    r = fields_add(&head->fields, "code", "0");
    if (r == 0 && forward->cookie)
        r = fields_add(&head->fields, "x:Set-Cookie", forward->cookie);
    if (r == 0)
        r = fields_add_format(&head->fields, "status", "%ld", status);
    if (r == 0 && head->length >= 0)
        r = fields_add_format(&head->fields, "length", "%lld", (long long)head->length);
    return r < 0 ? r : reply_begin(&forward->reply, &head->fields, head->length);
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
    struct forward *forward = context;

    size *= one;
    if (!forward->reply.is_begun && begin(forward) < 0)
        return CURL_WRITEFUNC_ERROR;
    if (reply_is_full(&forward->reply)) {
        forward->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    return reply_body(&forward->reply, bytes, size) < 0 ? CURL_WRITEFUNC_ERROR : size;
}

static void answer_failure(struct forward *forward, CURLcode code)
{
    const char *words =
        forward->problem[0] ? forward->problem : loop_curl(forward->fleet->loop)->describe(code);
    struct error error = {0};
    char seen[MEMBER_SEEN_SIZE];
    /* asked for again: it may have been forgotten while it was waited for */
    const struct member *member = members_find_run(&forward->fleet->members, forward->id, forward->run);

    if (member)
        member_last_seen(member, seen);
    else
        (void)snprintf(seen, sizeof seen, "it is no longer in the registry"); /* fits */
    (void)error_set(&error, code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EHOSTUNREACH,
                    "Instance %s does not answer: %.100s; %s.", forward->label, words, seen);
    reply_error(&forward->reply, error.code, error.text);
}

static void on_done(struct loop_transfer *transfer, CURLcode code)
{
    struct forward *forward = (struct forward *)transfer;
    int r = 0;

    if (code == CURLE_OK && !forward->reply.is_begun)
        r = begin(forward);
    if (code == CURLE_OK && r == 0) {
        reply_end(&forward->reply);
    } else if (!forward->reply.is_begun) {
        answer_failure(forward, code);
    } else if (!forward->reply.is_ended) {
        if (!forward->reply.is_broken)
            log_info("An answer of instance %s was cut: %s.", forward->label,
                     forward->problem[0] ? forward->problem
                                         : loop_curl(forward->fleet->loop)->describe(code));
        forward->is_cut = !forward->reply.is_broken;
        free_forward(forward); /* a cut here, too */
        return;
    }
    loop_curl(forward->fleet->loop)->cleanup(forward->transfer.handle);
    forward->transfer.handle = NULL; /* what is pending goes on to the client */
}

static int add_header(struct forward *forward, const char *name, const char *value)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(16 * 1024);
    int r;

    if (strpbrk(name, "\r\n:; ") || strpbrk(value, "\r\n"))
        return -EBADMSG;
    r = buffer_append_format(&text, *value ? "%s: %s" : "%s;", name, value); /* curl(3): an empty one */
    return r < 0 ? r : http_list_add(loop_curl(forward->fleet->loop), &forward->headers, text.data);
}

static int add_headers(struct forward *forward, const struct request *request)
{
    const struct config *config = forward->fleet->config;
    const char *bearer = request_string(request, "bearer"), *base = request_string(request, "base");
    int r = add_header(forward, "X-Procscope-Hop", config->instance_id);

    if (r == 0)
        r = add_header(forward, "X-Procscope-Instance", forward->id);
    if (r == 0 && base)
        r = add_header(forward, "X-Procscope-Base", base);
    if (r == 0 && bearer) {
        _cleanup_free_ char *text = NULL;
        if (asprintf(&text, "Bearer %s", bearer) < 0)
            return -ENOMEM;
        r = add_header(forward, "Authorization", text);
        explicit_bzero(text, strlen(text));
    }
    for (size_t i = 0; r == 0 && i < request->arguments.count; i++) {
        const struct field *field = &request->arguments.items[i];
        if (strncmp(field->name, "h:", 2) == 0)
            r = add_header(forward, field->name + 2, field->value);
    }
    /* curl's own, which were not the client's */
    if (r == 0 && !request_string(request, "h:Accept"))
        r = http_list_add(loop_curl(forward->fleet->loop), &forward->headers, "Accept:");
    return r;
}

/* May it go there? Addresses come from a registry, and what is secret goes with the request. */
static int check_address(const struct fleet *fleet, const struct member *member, struct error *error)
{
    if (url_is_loopback(member->facts.url))
        return 0;
    if (!*fleet->config->cluster_key)
        return error_set(
            error, EHOSTUNREACH,
            "Instance '%.64s' is on another machine, at %s, which has to know who asks: both need the same "
            "cluster-key.",
            member->facts.id, member->facts.url);
    if (url_is_https(member->facts.url) || fleet->config->peer_plain_text)
        return 0;
    return error_set(
        error, EHOSTUNREACH,
        "Instance '%.64s' is at %s, and what goes there could be read on the way: give it TLS, or say "
        "peer-plain-text = 1 where the network is trusted.",
        member->facts.id, member->facts.url);
}

static int find(struct forward *forward, const char *id, struct error *error)
{
    struct fleet *fleet = forward->fleet;
    struct member *member;
    int r = members_find(&fleet->members, id, &member, error);

    if (r == 0)
        r = check_address(fleet, member, error);
    if (r < 0)
        return r;
    member_label(member, forward->label);
    if (member->state == MEMBER_GONE) {
        char seen[MEMBER_SEEN_SIZE];
        member_last_seen(member, seen);
        return error_set(error, EHOSTUNREACH, "Instance %s is gone: %s; %s.", forward->label, member->problem,
                         seen);
    }
    forward->member = member;
    (void)snprintf(forward->id, sizeof forward->id, "%s", member->facts.id);    /* fits */
    (void)snprintf(forward->run, sizeof forward->run, "%s", member->facts.run); /* fits */
    return 0;
}

/* curl's copy: the message is gone by then. */
static int set_body(const struct forward *forward, const char *body)
{
    const struct curl_functions *curl = loop_curl(forward->fleet->loop);

    return curl->set(forward->transfer.handle, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) == CURLE_OK &&
                   curl->set(forward->transfer.handle, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK
               ? 0
               : -ENOMEM;
}

static int set_options(struct forward *forward, const char *method, const char *url, const char *body)
{
    const struct curl_functions *curl = loop_curl(forward->fleet->loop);
    CURL *handle = forward->transfer.handle;
    bool reads_only = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    int r = http_prepare(curl, handle, url, &forward->fleet->trust);

    if (r < 0)
        return r;
    forward->is_head = strcmp(method, "HEAD") == 0;
    if (curl->set(handle, CURLOPT_HTTPHEADER, forward->headers) != CURLE_OK ||
        curl->set(handle, CURLOPT_ERRORBUFFER, forward->problem) != CURLE_OK ||
        curl->set(handle, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
        curl->set(handle, CURLOPT_HEADERDATA, forward) != CURLE_OK ||
        curl->set(handle, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
        curl->set(handle, CURLOPT_WRITEDATA, forward) != CURLE_OK ||
        curl->set(handle, CURLOPT_PATH_AS_IS, 1L) != CURLE_OK)
        return -ENOMEM;
    if (forward->is_head)
        return curl->set(handle, CURLOPT_NOBODY, 1L) == CURLE_OK ? 0 : -ENOMEM;
    if (!reads_only) {
        /* on a connection that was used before libcurl may send it twice, and to end a process is not the
         * same twice */
        if (curl->set(handle, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK ||
            curl->set(handle, CURLOPT_CUSTOMREQUEST, method) != CURLE_OK)
            return -ENOMEM;
        if (strcmp(method, "POST") == 0)
            return set_body(forward, body ? body : "");
    }
    return 0;
}

static bool is_method(const char *method)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "DELETE"};

    for (size_t i = 0; method && i < ELEMENTS_OF(methods); i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

static int start(struct forward *forward, const struct request *request, struct error *error)
{
    const char *id = request_string(request, "instance"), *method = request_string(request, "method");
    const char *target = request_string(request, "target");
    const struct curl_functions *curl = loop_curl(forward->fleet->loop);
    _cleanup_buffer_ struct buffer url = BUFFER_INIT(64 * 1024);
    int r;

    if (!id || !is_method(method) || !target || target[0] != '/' || strpbrk(target, " \r\n\t#"))
        return error_set(error, EBADMSG, "The front sent what can't be passed on.");
    if (forward->fleet->forward_count > forward->fleet->config->forwards)
        return error_set(error, EAGAIN,
                         "%zu requests are with other instances already, which is the limit (forwards); try "
                         "again.",
                         forward->fleet->forward_count - 1);
    r = find(forward, id, error);
    if (r < 0)
        return r;
    if (request_string(request, "remember"))
        r = config_set_string(&forward->cookie, request_string(request, "remember"));
    if (r == 0)
        r = buffer_append_format(&url, "%s%s", forward->member->facts.url, target);
    forward->member = NULL;
    if (r == 0)
        r = add_headers(forward, request);
    forward->transfer.handle = curl->init();
    if (r == 0 && !forward->transfer.handle)
        r = -ENOMEM;
    if (r == 0)
        r = set_options(forward, method, url.data, request_string(request, "body"));
    if (r == 0)
        r = loop_transfer_add(forward->fleet->loop, &forward->transfer);
    return error_ensure(error, r, "The request could not be passed on");
}

void forward_begin(struct fleet *fleet, const struct request *request, int answer_fd)
{
    struct forward *forward = calloc(1, sizeof *forward);
    struct error error = {0};

    if (!forward) {
        (void)fd_close(answer_fd); /* the front says that there was no answer */
        tell(fleet, &(struct peers_report){.number = request->number, .code = ENOMEM});
        return;
    }
    forward->fleet = fleet;
    forward->number = request->number;
    forward->head.length = -1;
    forward->transfer.done = on_done;
    forward->next = fleet->forwards;
    fleet->forwards = forward;
    fleet->forward_count++;
    if (reply_init(&forward->reply, fleet->loop, answer_fd, on_room, on_gone) < 0) {
        free_forward(forward);
        return;
    }
    if (start(forward, request, &error) < 0) {
        if (forward->transfer.handle) {
            loop_curl(fleet->loop)->cleanup(forward->transfer.handle);
            forward->transfer.handle = NULL;
        }
        reply_error_with(&forward->reply, error.code, error.text,
                         error.code == ENOENT ? request_string(request, "forget") : NULL);
    }
}

void forward_end_endless(struct fleet *fleet)
{
    for (struct forward *forward = fleet->forwards, *next; forward; forward = next) {
        const char *type = fields_get(&forward->head.fields, "type");
        next = forward->next;
        if (type && strncmp(type, "text/event-stream", 17) == 0)
            free_forward(forward);
    }
}

void forward_end_all(struct fleet *fleet)
{
    while (fleet->forwards)
        free_forward(fleet->forwards);
}
