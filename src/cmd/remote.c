#include "cmd/remote.h"

#include "base/parse.h"
#include "cmd/exit_code.h"
#include "cmd/route.h"
#include "instances/curl.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_SECONDS = 10, ERROR_BODY_MAX = 64 * 1024 };

struct transfer {
    const struct remote *remote;
    const struct curl_functions *curl;
    CURL *handle;
    struct answer *answer;
    struct error *error;
    struct sink *sink; /* the answer's, once begun */
    int failure;       /* of begin or of the sink, negative errno: why the transfer was given up */
    struct fields headers;
    bool chunked;
    char *content_type, *file_name; /* owned */
    int64_t length;
    struct buffer refusal; /* the body of an error answer */
};

static void transfer_release(struct transfer *transfer)
{
    if (transfer->handle)
        transfer->curl->cleanup(transfer->handle);
    fields_release(&transfer->headers);
    buffer_release(&transfer->refusal);
    free(transfer->content_type);
    free(transfer->file_name);
}

static long status_of(const struct transfer *transfer)
{
    long status = 0;
    (void)transfer->curl->get(transfer->handle, CURLINFO_RESPONSE_CODE, &status); /* 0 stays: no answer */
    return status;
}

/* filename="..." of Content-Disposition; names with a slash are the caller's to refuse. */
static char *file_name_of(const char *disposition)
{
    const char *begin = strcasestr(disposition, "filename=");
    if (!begin)
        return NULL;
    begin += strlen("filename=");
    size_t size = *begin == '"' ? strcspn(++begin, "\"") : strcspn(begin, "; ");
    return strndup(begin, size);
}

static void header_take(struct transfer *transfer, const char *name, const char *value)
{
    uint64_t length = 0;
    if (strcasecmp(name, "Content-Length") == 0 && parse_u64(value, &length) == 0 && length <= INT64_MAX) {
        transfer->length = (int64_t)length;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        transfer->chunked = true;
    } else if (strcasecmp(name, "Content-Type") == 0) {
        free(transfer->content_type);
        transfer->content_type = strdup(value);
    } else if (strcasecmp(name, "Content-Disposition") == 0) {
        free(transfer->file_name);
        transfer->file_name = file_name_of(value);
    } else if (strncasecmp(name, "X-", 2) == 0) {
        if (fields_add(&transfer->headers, name, value) < 0)
            return; /* one too many: the answer is good without it */
    }
}

static size_t on_header(char *bytes, size_t one, size_t size, void *closure)
{
    struct transfer *transfer = closure;
    size *= one;
    if (size >= 5 && memcmp(bytes, "HTTP/", 5) == 0) { /* the final answer, after a 100 or a proxy's 200 */
        fields_release(&transfer->headers);
        transfer->chunked = false;
        transfer->length = -1;
        return size;
    }
    const char *colon = memchr(bytes, ':', size);
    if (!colon || size > 16 * 1024)
        return size;
    size_t end = size;
    while (end && strchr("\r\n \t", bytes[end - 1]))
        end--;
    size_t from = (size_t)(colon - bytes) + 1;
    while (from < end && (bytes[from] == ' ' || bytes[from] == '\t'))
        from++;
    _cleanup_free_ char *name = strndup(bytes, (size_t)(colon - bytes));
    _cleanup_free_ char *value = strndup(bytes + from, end > from ? end - from : 0);
    if (name && value)
        header_take(transfer, name, value);
    return size;
}

static int begin(struct transfer *transfer)
{
    long version = 0;
    (void)transfer->curl->get(transfer->handle, CURLINFO_HTTP_VERSION, &version); /* 0 stays: unknown */
    if (version <= CURL_HTTP_VERSION_1_1 && transfer->length < 0 && !transfer->chunked &&
        status_of(transfer) != 204)
        return error_set(transfer->error, CODE_CUT,
                         "The answer does not say where it ends, so a cut one could not be told from a whole "
                         "one (a proxy of HTTP/1.0 in between?).");
    struct answer_head head = {
        .content_type = transfer->content_type ? transfer->content_type : "application/octet-stream",
        .file_name = transfer->file_name,
        .length = transfer->length,
        .extra = &transfer->headers,
    };
    return transfer->answer->begin(transfer->answer, &head, &transfer->sink, transfer->error);
}

static size_t on_body(char *bytes, size_t one, size_t size, void *closure)
{
    struct transfer *transfer = closure;
    size *= one;
    if (exit_errno_of_status(status_of(transfer)) != 0) {
        transfer->refusal.limit = ERROR_BODY_MAX;
        bool taken = buffer_append(&transfer->refusal, bytes, size) >= 0;
        return taken ? size : CURL_WRITEFUNC_ERROR; /* longer than any Message of ours */
    }
    if (!transfer->sink)
        transfer->failure = begin(transfer);
    if (transfer->failure >= 0)
        transfer->failure = sink_write(transfer->sink, bytes, size);
    return transfer->failure < 0 ? CURL_WRITEFUNC_ERROR : size;
}

static int on_time(void *closure, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct transfer *transfer = closure;
    (void)a, (void)b, (void)c, (void)d; /* counts of which the sink knows more */
    return transfer->remote->is_unwanted && transfer->remote->is_unwanted() ? 1 : 0;
}

/* What the service said, in any of Kudu's two forms. */
static int refused(const struct transfer *transfer, const char *url, struct error *error)
{
    long status = status_of(transfer);
    int code = exit_errno_of_status(status);
    json_t *root = json_loadb(buffer_string(&transfer->refusal), transfer->refusal.size, 0, NULL);
    const char *message = json_string_value(json_object_get(root, "Message"));
    if (!message)
        message = json_string_value(json_object_get(json_object_get(root, "error"), "message"));
    if (message)
        (void)error_set(error, code, "%s", message); /* -code is returned below */
    else
        (void)error_set(error, code == ESRCH ? EIO : code,
                        "%s answered %ld, and not as procscope does: is it one?", url, status);
    json_decref(root);
    return -error->code;
}

static int transfer_failed(const struct transfer *transfer, CURLcode code, const char *url)
{
    const char *what = transfer->curl->describe(code);
    if (transfer->failure < 0)
        return error_ensure(transfer->error, transfer->failure, "Could not store the answer");
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(transfer->error, ECANCELED, "It was interrupted.");
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return error_set(
            transfer->error, EINVAL,
            "'%s' is no URL that can be asked: it is http://HOST:PORT, https://HOST:PORT or unix:PATH.", url);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2_STREAM:
        break;
    default:
        if (!transfer->sink)
            return error_set(transfer->error, CODE_UNREACHABLE, "%s can't be reached: %s.", url, what);
    }
    if (transfer->sink && transfer->length >= 0)
        return error_set(transfer->error, CODE_CUT,
                         "The answer was cut after %" PRIu64 " of %" PRId64
                         " bytes: the service ended it (the "
                         "process may have ended, its log says why), or the connection broke.",
                         transfer->sink->written, transfer->length);
    return error_set(transfer->error, CODE_CUT, "The answer was cut: %s.", what);
}

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"localhost", "127.", "[::1]"};
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    for (size_t i = 0; i < ELEMENTS_OF(hosts); i++)
        if (strncasecmp(host, hosts[i], strlen(hosts[i])) == 0)
            return true;
    return false;
}

/* Every option is one that libcurl has had for years, so failing means out of memory. */
static int transfer_prepare(struct transfer *transfer, const struct remote *remote, const char *method,
                            const char *path)
{
    _cleanup_buffer_ struct buffer url = BUFFER_INIT(64 * 1024);
    const struct curl_functions *curl = transfer->curl;
    bool local = strncmp(remote->url, "unix:", 5) == 0;
    size_t size = strlen(remote->url);
    while (size && remote->url[size - 1] == '/')
        size--;
    int r = local ? buffer_append_string(&url, "http://localhost") : buffer_append(&url, remote->url, size);
    if (r >= 0 && !local && !strstr(remote->url, "://"))
        r = -EINVAL;
    if (r >= 0 && remote->instance)
        r = buffer_append_format(&url, "/instances/%s", remote->instance);
    if (r >= 0)
        r = buffer_append_string(&url, path);
    if (r < 0)
        return r;
    CURL *handle = transfer->handle;
    bool set = curl->set(handle, CURLOPT_URL, url.data) == CURLE_OK &&
               curl->set(handle, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK &&
               curl->set(handle, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
               curl->set(handle, CURLOPT_USERAGENT, "procscope/" PROCSCOPE_VERSION) == CURLE_OK &&
               curl->set(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl->set(handle, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
               curl->set(handle, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) == CURLE_OK &&
               curl->set(handle, CURLOPT_BUFFERSIZE, (long)(256 * 1024)) == CURLE_OK &&
               curl->set(handle, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
               curl->set(handle, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
               curl->set(handle, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
               curl->set(handle, CURLOPT_XFERINFOFUNCTION, on_time) == CURLE_OK &&
               curl->set(handle, CURLOPT_XFERINFODATA, transfer) == CURLE_OK &&
               curl->set(handle, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl->set(handle, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
    if (set && local)
        set = curl->set(handle, CURLOPT_UNIX_SOCKET_PATH, remote->url + 5) == CURLE_OK;
    if (set && (local || is_loopback(remote->url))) /* no proxy stands between us and ourselves */
        set = curl->set(handle, CURLOPT_NOPROXY, "*") == CURLE_OK;
    if (set && remote->token)
        set = curl->set(handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) == CURLE_OK &&
              curl->set(handle, CURLOPT_XOAUTH2_BEARER, remote->token) == CURLE_OK;
    if (set && remote->ca_file)
        set = curl->set(handle, CURLOPT_CAINFO, remote->ca_file) == CURLE_OK;
    return set ? 0 : -ENOMEM;
}

int remote_run(const struct remote *remote, const struct request *request, struct answer *answer,
               struct error *error)
{
    _cleanup_(transfer_release) struct transfer transfer = {
        .remote = remote, .answer = answer, .error = error, .length = -1};
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(LIMIT_MESSAGE * 4);
    const char *method = NULL;
    int r = route_of(request, &method, &path);
    if (r < 0)
        return error_set(error, -r, "%s can't be asked over HTTP.", request->operation);
    r = curl_load(&transfer.curl, error);
    if (r < 0)
        return r;
    transfer.handle = transfer.curl->init();
    if (!transfer.handle)
        return error_set(error, ENOMEM, "Out of memory.");
    r = transfer_prepare(&transfer, remote, method, path.data);
    if (r == -EINVAL)
        return error_set(
            error, EINVAL,
            "'%s' is no URL that can be asked: it is http://HOST:PORT, https://HOST:PORT or unix:PATH.",
            remote->url);
    if (r < 0)
        return error_set(error, -r, "Could not prepare the request to %s.", remote->url);
    CURLcode code = transfer.curl->perform(transfer.handle);
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && transfer.refusal.size))
        return transfer_failed(&transfer, code, remote->url);
    if (exit_errno_of_status(status_of(&transfer)) != 0)
        return refused(&transfer, remote->url, error);
    return transfer.sink ? 0 : begin(&transfer); /* an empty body never called on_body */
}
