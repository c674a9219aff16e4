#include "instances/http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum { CONNECT_MS = 5000, READ_SIZE = 64 * 1024, DEAD_MS = 10000, PROBE_IDLE_S = 4, PROBE_EVERY_S = 2 };

/* A machine that is gone says nothing: it is found out by asking the kernel to look, also while we wait for
 * an answer that takes its time. */
static int on_socket_made(void *context, curl_socket_t socket, curlsocktype purpose)
{
    static const int on = 1, idle = PROBE_IDLE_S, every = PROBE_EVERY_S;
    static const unsigned dead = DEAD_MS;

    (void)context, (void)purpose;
    /* where one of them fails, waiting takes longer */
    (void)setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof dead);
    return CURL_SOCKOPT_OK;
}

int http_prepare(const struct curl_functions *curl, CURL *handle, const char *url,
                 const struct http_trust *trust)
{
    struct curl_blob ca = {.data = (void *)(uintptr_t)trust->ca, .len = trust->ca_size};
    bool set = curl->set(handle, CURLOPT_URL, url) == CURLE_OK &&
               curl->set(handle, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
               curl->set(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
               curl->set(handle, CURLOPT_USERAGENT, "procscope/" PROCSCOPE_VERSION) == CURLE_OK &&
               curl->set(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl->set(handle, CURLOPT_NOPROXY, "*") == CURLE_OK && /* HTTP_PROXY is not for us */
               curl->set(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
               curl->set(handle, CURLOPT_BUFFERSIZE, (long)READ_SIZE) == CURLE_OK &&
               curl->set(handle, CURLOPT_SOCKOPTFUNCTION, on_socket_made) == CURLE_OK;

    if (set && trust->ca)
        set = curl->set(handle, CURLOPT_CAINFO_BLOB, &ca) == CURLE_OK &&
              curl->set(handle, CURLOPT_CAPATH, NULL) == CURLE_OK;
    return set ? 0 : -ENOMEM;
}

int http_list_add(const struct curl_functions *curl, struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl->list_append(*list, text);

    if (!longer)
        return -ENOMEM;
    *list = longer;
    return 0;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
    struct call *call = context;

    size *= one;
    return buffer_append(&call->body, bytes, size) < 0 ? CURL_WRITEFUNC_ERROR : size;
}

static void end(struct call *call)
{
    const struct curl_functions *curl = loop_curl(call->loop);

    if (call->transfer.handle)
        curl->cleanup(call->transfer.handle);
    call->transfer.handle = NULL;
    curl->list_free(call->headers);
    call->headers = NULL;
    call->is_running = false;
}

static void on_done(struct loop_transfer *transfer, CURLcode code)
{
    struct call *call = (struct call *)transfer;
    const struct curl_functions *curl = loop_curl(call->loop);
    const char *address = NULL;

    call->status = 0;
    call->failure[0] = 0;
    if (code == CURLE_OK)
        (void)curl->get(transfer->handle, CURLINFO_RESPONSE_CODE, &call->status); /* 0: no answer */
    else
        (void)snprintf(call->failure, sizeof call->failure, "%s", /* cut: for people */
                       call->problem[0] ? call->problem : curl->describe(code));
    if (curl->get(transfer->handle, CURLINFO_LOCAL_IP, &address) != CURLE_OK || !address)
        address = "";
    (void)snprintf(call->local_address, sizeof call->local_address, "%s", address); /* fits */
    end(call);
    call->done(call);
}

int call_begin(struct call *call, struct loop *loop, const struct call_request *request,
               void (*done)(struct call *call))
{
    const struct curl_functions *curl = loop_curl(loop);
    CURL *handle = curl->init();
    int r = handle ? http_prepare(curl, handle, request->url, request->trust) : -ENOMEM;

    call->loop = loop;
    call->done = done;
    call->transfer = (struct loop_transfer){.handle = handle, .done = on_done};
    call->problem[0] = 0;
    call->body.limit = request->answer_max;
    buffer_clear(&call->body);
    if (r == 0 && (curl->set(handle, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
                   curl->set(handle, CURLOPT_WRITEDATA, call) != CURLE_OK ||
                   curl->set(handle, CURLOPT_ERRORBUFFER, call->problem) != CURLE_OK ||
                   curl->set(handle, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) != CURLE_OK))
        r = -ENOMEM;
    if (r == 0 && request->body) {
        r = http_list_add(curl, &call->headers, "Content-Type: application/json");
        if (r == 0 && (curl->set(handle, CURLOPT_HTTPHEADER, call->headers) != CURLE_OK ||
                       curl->set(handle, CURLOPT_POSTFIELDSIZE, (long)request->body_size) != CURLE_OK ||
                       curl->set(handle, CURLOPT_COPYPOSTFIELDS, request->body) != CURLE_OK))
            r = -ENOMEM;
    }
    if (r == 0)
        r = loop_transfer_add(loop, &call->transfer);
    if (r < 0)
        end(call);
    else
        call->is_running = true;
    return r;
}

void call_cancel(struct call *call)
{
    if (call->is_running) {
        loop_transfer_remove(call->loop, &call->transfer);
        end(call);
    }
    buffer_release(&call->body);
}
