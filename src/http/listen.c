#include "http/listen.h"

#include "base/buffer.h"
#include "base/parse.h"
#include "stream/sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

enum { BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

void listeners_release(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        listeners->items[i].fd = fd_close(listeners->items[i].fd);
        free(listeners->items[i].path);
    }
    listeners->count = 0;
}

void listeners_remove_files(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->items[i].path)
            (void)unlink(listeners->items[i].path); /* gone already, or no longer ours to remove */
    }
}

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET)
        return (ntohl(address->v4.sin_addr.s_addr) >> 24) == 127;
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return false;
}

/* Fills what can be asked of the socket itself: a port 0 is known only now. */
static int describe(struct listener *listener, struct error *error)
{
    union address address = {0};
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN] = "";

    if (getsockname(listener->fd, &address.any, &size) < 0)
        return error_errno(error, errno, "Can't tell the address of a socket to listen on");
    listener->loopback = is_loopback(&address);
    switch (address.any.sa_family) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host); /* the buffer suffices */
        (void)snprintf(listener->url, sizeof listener->url, "http://%s:%u", host,
                       ntohs(address.v4.sin_port)); /* likewise */
        return 0;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host);
        (void)snprintf(listener->url, sizeof listener->url, "http://[%s]:%u", host,
                       ntohs(address.v6.sin6_port));
        return 0;
    case AF_UNIX:
        listener->is_unix = true;
        (void)snprintf(listener->url, sizeof listener->url, "unix:%.*s", (int)sizeof address.un.sun_path,
                       address.un.sun_path);
        return 0;
    default:
        return error_set(error, EINVAL,
                         "A socket to listen on is neither TCP nor Unix, but of address family %d.",
                         (int)address.any.sa_family);
    }
}

/* Takes fd and path over, also on failure. */
static int add(struct listeners *listeners, int fd, char *path, struct error *error)
{
    struct listener listener = {.fd = fd, .path = path};
    int r = describe(&listener, error);

    if (r < 0) {
        (void)fd_close(fd);
        free(path);
        return r;
    }
    listeners->items[listeners->count++] = listener; /* the callers made sure of the room */
    return 0;
}

static int bind_and_listen(const union address *address, socklen_t size, const char *text, int *ret_fd,
                           struct error *error)
{
    _cleanup_close_ int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    if (fd < 0)
        return error_errno(error, errno, "Can't open a socket for %s", text);
    if (address->any.sa_family != AF_UNIX)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* only spares a wait */
    if (address->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one); /* so that both can be listed */
    if (bind(fd, &address->any, size) < 0 || listen(fd, BACKLOG) < 0)
        return error_errno(error, errno, "Can't listen on %s", text);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Removes a socket file that nobody listens on any more. */
static int remove_stale(const union address *address, socklen_t size, const char *path, struct error *error)
{
    _cleanup_close_ int fd = -1;
    struct stat facts;

    if (lstat(path, &facts) < 0)
        return errno == ENOENT ? 0 : error_errno(error, errno, "Can't look at %s", path);
    if (!S_ISSOCK(facts.st_mode))
        return error_set(error, EEXIST,
                         "Can't listen on unix:%s: there is a file of that name that is no socket.", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(error, errno, "Can't open a socket for unix:%s", path);
    if (connect(fd, &address->any, size) == 0 || errno != ECONNREFUSED)
        return error_set(error, EADDRINUSE, "Can't listen on unix:%s: another program listens there.", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_errno(error, errno, "Can't remove the stale socket %s", path);
    return 0;
}

static int add_unix(struct listeners *listeners, const char *path, struct error *error)
{
    _cleanup_free_ char *copy = NULL;
    union address address = {.un.sun_family = AF_UNIX};
    mode_t mask;
    int fd = -1, r;

    if (!*path || strlen(path) >= sizeof address.un.sun_path)
        return error_set(error, EINVAL, "The path of unix:%s is %s.", path, *path ? "too long" : "missing");
    memcpy(address.un.sun_path, path, strlen(path) + 1); /* fits, see above */
    copy = strdup(path);
    if (!copy)
        return error_errno(error, ENOMEM, "Can't listen on unix:%s", path);
    r = remove_stale(&address, sizeof address.un, path, error);
    if (r < 0)
        return r;
    /* by umask, since a chmod would come after the moment in which others can connect */
    mask = umask(listeners->for_all_users ? 0111 : 0117);
    r = bind_and_listen(&address, sizeof address.un, path, &fd, error);
    (void)umask(mask);
    return r < 0 ? r : add(listeners, fd, TAKE_PTR(copy), error);
}

/* Splits ADDR:PORT or [ADDR6]:PORT. */
static int parse_tcp(const char *text, union address *ret_address, socklen_t *ret_size, struct error *error)
{
    const char *colon = strrchr(text, ':'), *begin = text, *end = colon;
    char host[INET6_ADDRSTRLEN];
    union address address = {0};
    uint64_t port;

    if (!colon || parse_u64(colon + 1, &port) < 0 || port > UINT16_MAX)
        return error_set(error, EINVAL, "'%s' is not of the form ADDRESS:PORT, [ADDRESS6]:PORT or unix:PATH.",
                         text);
    if (*text == '[') {
        begin++;
        end--;
        if (end <= begin || *end != ']')
            return error_set(error, EINVAL, "'%s' lacks the bracket behind its address.", text);
    }
    if ((size_t)(end - begin) >= sizeof host)
        return error_set(error, EINVAL, "The address in '%s' is too long.", text);
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = 0;
    if (strcmp(host, "localhost") == 0)
        (void)snprintf(host, sizeof host, "127.0.0.1"); /* fits */
    if (*text == '[' && inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons((uint16_t)port);
        *ret_size = sizeof address.v6;
    } else if (*text != '[' && inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons((uint16_t)port);
        *ret_size = sizeof address.v4;
    } else {
        return error_set(error, EINVAL, "'%s' is not an IP address; write 127.0.0.1:7420 or [::1]:7420.",
                         host);
    }
    *ret_address = address;
    return 0;
}

int listeners_add(struct listeners *listeners, const char *text, struct error *error)
{
    union address address = {0};
    socklen_t size = 0;
    int fd = -1, r;

    if (listeners->count == LISTENERS_MAX)
        return error_set(error, ENOBUFS, "There are more than %d addresses to listen on.",
                         (int)LISTENERS_MAX);
    if (strncmp(text, "unix:", 5) == 0)
        return add_unix(listeners, text + 5, error);
    r = parse_tcp(text, &address, &size, error);
    if (r < 0)
        return r;
    r = bind_and_listen(&address, size, text, &fd, error);
    return r < 0 ? r : add(listeners, fd, NULL, error);
}

int listeners_add_inherited(struct listeners *listeners, struct error *error)
{
    int count = sd_listen_fds(1), r;

    if (count < 0)
        return error_errno(error, -count, "Can't take over systemd's sockets");
    for (int i = 0; i < count; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
            return error_set(error, EINVAL, "Descriptor %d from systemd is not a listening stream socket.",
                             fd);
        if (listeners->count == LISTENERS_MAX)
            return error_set(error, ENOBUFS, "There are more than %d sockets to listen on.",
                             (int)LISTENERS_MAX);
        /* systemd's are blocking by default, and one accept too many would halt the whole loop */
        if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
            return error_errno(error, errno, "Can't prepare descriptor %d from systemd", fd);
        r = add(listeners, fd, NULL, error); /* its file is systemd's */
        if (r < 0)
            return r;
    }
    return count;
}

void listeners_speak_tls(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->items[i];
        char url[LISTENER_URL_SIZE];
        if (listener->is_unix || listener->tls)
            continue;
        listener->tls = true;
        memcpy(url, listener->url, sizeof url);
        (void)snprintf(listener->url, sizeof listener->url, "https%.*s", (int)sizeof url - 8,
                       url + strlen("http")); /* one more than before, and there is room */
    }
}

int listeners_write_urls(const struct listeners *listeners, const char *file, struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LISTENERS_MAX * (LISTENER_URL_SIZE + 1));
    _cleanup_sink_ struct sink *sink = NULL;
    int r = 0;

    for (size_t i = 0; i < listeners->count && r == 0; i++)
        r = buffer_append_format(&text, "%s\n", listeners->items[i].url);
    if (r == 0)
        r = sink_file_new(file, &sink, error);
    if (r == 0)
        r = sink_write(sink, text.data, text.size);
    if (r == 0)
        r = sink_finish(sink, error);
    return error_ensure(error, r, "Can't write the URL file");
}
