#include "runtime/node_port.h"

#include "base/parse.h"
#include "proc/socket_table.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { FIELD_LOCAL = 1, FIELD_STATE = 3, FIELD_INODE = 9, STATE_LISTEN = 0x0a };

void node_ports_release(struct node_ports *ports)
{
    free(ports->items);
    *ports = (struct node_ports){0};
}

/* "0100007F:240D": words of 4 bytes, each a number of this machine whose bytes in memory are the address. */
static bool parse_local(const char *at, const char *end, struct node_port *port)
{
    size_t words = end - at > 13 ? 4 : 1;
    uint64_t word;

    port->family = words == 4 ? AF_INET6 : AF_INET;
    for (size_t i = 0; i < words; i++) {
        const char *piece = at + 8 * i, *piece_end = piece + 8;
        uint32_t bytes;

        if (piece_end > end || !scan_hex(&piece, piece_end, &word) || piece != piece_end)
            return false;
        bytes = (uint32_t)word;
        memcpy(port->address + 4 * i, &bytes, sizeof bytes);
    }
    at += 8 * words;
    if (!scan_char(&at, end, ':') || !scan_hex(&at, end, &word) || at != end || word > UINT16_MAX)
        return false;
    port->port = (uint16_t)word;
    return true;
}

bool node_port_parse(const char *line, size_t size, struct node_port *ret_port)
{
    struct socket_line fields;
    struct node_port port = {0};
    const char *at;
    uint64_t state;

    if (!socket_line_split(line, line + size, FIELD_INODE, &fields))
        return false;
    at = fields.start[FIELD_STATE];
    if (!scan_hex(&at, fields.end[FIELD_STATE], &state) || state != STATE_LISTEN ||
        !socket_field_u64(&fields, FIELD_INODE, &port.inode) ||
        !parse_local(fields.start[FIELD_LOCAL], fields.end[FIELD_LOCAL], &port))
        return false;
    *ret_port = port;
    return true;
}

/* Those that listen stand first: the rest, which may be very long, is not read. */
static int read_table(int fd, struct node_ports *ports)
{
    char text[8192];
    size_t used = 0;
    bool is_head = true;
    ssize_t n;

    while ((n = read(fd, text + used, sizeof text - used)) > 0) {
        const char *at = text, *end = text + used + n, *newline;

        while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
            bool is_port = !is_head && ports->count < NODE_PORTS_MAX &&
                           node_port_parse(at, (size_t)(newline - at), &ports->items[ports->count]);

            if (!is_head && ports->count == NODE_PORTS_MAX)
                return -EFBIG;
            if (!is_head && !is_port)
                return 0;
            ports->count += is_port;
            is_head = false;
            at = newline + 1;
        }
        used = (size_t)(end - at);
        if (used == sizeof text)
            return -EBADMSG;
        memmove(text, at, used);
    }
    return n < 0 ? -errno : 0;
}

int node_ports_read(const struct pidref *process, struct node_ports *ret_ports)
{
    static const char *const tables[] = {"net/tcp", "net/tcp6"};
    _cleanup_node_ports_ struct node_ports ports = {.items = calloc(NODE_PORTS_MAX, sizeof *ports.items)};

    if (!ports.items)
        return -ENOMEM;
    for (size_t i = 0; i < ELEMENTS_OF(tables); i++) {
        _cleanup_close_ int fd = openat(process->dir_fd, tables[i], O_RDONLY | O_CLOEXEC);
        int r = fd < 0 ? -errno : read_table(fd, &ports);

        if (r < 0 && !(i > 0 && r == -ENOENT)) /* without IPv6 */
            return r;
    }
    *ret_ports = ports;
    ports = (struct node_ports){0};
    return 0;
}

int node_port_is_own(const struct pidref *process, const struct node_port *port)
{
    char wanted[48], target[48];
    int fd = openat(process->dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = 0;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!directory) {
        int failure = errno;

        (void)fd_close(fd); /* always -1 */
        return -failure;
    }
    (void)snprintf(wanted, sizeof wanted, "socket:[%llu]", (unsigned long long)port->inode); /* fits */
    while (!found && (entry = readdir(directory))) {
        ssize_t size = readlinkat(fd, entry->d_name, target, sizeof target);

        found = size > 0 && (size_t)size == strlen(wanted) && memcmp(target, wanted, (size_t)size) == 0;
    }
    (void)closedir(directory); /* nothing was written */
    return found;
}

static bool is_among(const struct node_ports *ports, const struct node_port *port)
{
    for (size_t i = 0; i < ports->count; i++)
        if (ports->items[i].inode == port->inode)
            return true;
    return false;
}

int node_port_find_new(const struct pidref *process, const struct node_ports *before, uint16_t rather,
                       struct node_port *ret_port)
{
    _cleanup_node_ports_ struct node_ports now = {0};
    int r = node_ports_read(process, &now);
    bool is_found = false;

    for (size_t i = 0; i < now.count && r >= 0; i++) {
        const struct node_port *port = &now.items[i];

        if ((is_found && port->port != rather) || is_among(before, port))
            continue;
        r = node_port_is_own(process, port);
        if (r <= 0)
            continue;
        *ret_port = *port;
        is_found = true;
        if (port->port == rather)
            break;
    }
    return r < 0 ? r : is_found;
}

void node_port_address(const struct node_port *port, struct sockaddr_storage *ret_address,
                       socklen_t *ret_size, char ret_text[NODE_PORT_TEXT])
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port->port)};
    char plain[INET6_ADDRSTRLEN] = "";

    *ret_address = (struct sockaddr_storage){0};
    if (port->family == AF_INET) {
        memcpy(&v4.sin_addr, port->address, sizeof v4.sin_addr);
        if (v4.sin_addr.s_addr == htonl(INADDR_ANY))
            v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        memcpy(ret_address, &v4, sizeof v4);
        *ret_size = sizeof v4;
        (void)inet_ntop(AF_INET, &v4.sin_addr, plain, sizeof plain);                    /* fits */
        (void)snprintf(ret_text, NODE_PORT_TEXT, "%s:%u", plain, (unsigned)port->port); /* fits */
    } else {
        memcpy(&v6.sin6_addr, port->address, sizeof v6.sin6_addr);
        if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
            v6.sin6_addr = in6addr_loopback;
        memcpy(ret_address, &v6, sizeof v6);
        *ret_size = sizeof v6;
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, plain, sizeof plain);                    /* fits */
        (void)snprintf(ret_text, NODE_PORT_TEXT, "[%s]:%u", plain, (unsigned)port->port); /* fits */
    }
}
