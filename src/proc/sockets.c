#include "proc/sockets.h"

#include "proc/socket_cache.h"
#include "proc/socket_table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

void socket_query_list_release(struct socket_query_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
    *list = (struct socket_query_list){0};
}

size_t sockets_table_count(void)
{
    return SOCKET_TABLES;
}

const char *sockets_table_name(size_t table)
{
    return socket_tables[table].name;
}

void socket_protocol_read(int fd_directory, const char *name, char ret_protocol[SOCKET_PROTOCOL_MAX])
{
    char path[64], protocol[SOCKET_PROTOCOL_MAX];
    ssize_t size;

    ret_protocol[0] = '\0';
    if (snprintf(path, sizeof path, "/proc/self/fd/%d/%s", fd_directory, name) >= (int)sizeof path)
        return;
    /* sockfs gives the protocol of a socket as an attribute. There is no getxattrat before Linux 6.13. */
    size = getxattr(path, "system.sockprotoname", protocol, sizeof protocol - 1);
    if (size <= 0)
        return;
    protocol[size] = '\0';
    if (strspn(protocol, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") !=
        strlen(protocol))
        return;
    memcpy(ret_protocol, protocol, (size_t)size + 1);
}

static int compare_inodes(const void *a, const void *b)
{
    const struct socket_query *one = a, *other = b;
    return (one->inode > other->inode) - (one->inode < other->inode);
}

/* Gives one query its text. A unix name can hold a newline, and so the name of one socket can look like the
 * line of another: when two different lines claim one inode, neither is believed. */
static int query_answer(struct socket_query_list *list, struct socket_query *query, size_t table,
                        const char *text)
{
    char unsure[SOCKET_TEXT_MAX];
    char *copy;

    if (query->text) {
        if (table != SOCKET_TABLE_UNIX || strcmp(query->text, text) == 0)
            return 0;
        (void)snprintf(unsure, sizeof unsure, "unix socket:[%" PRIu64 "]", query->inode); /* fits */
        text = unsure;
    }
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    if (!query->text)
        list->unanswered--;
    free(query->text);
    query->text = copy;
    return 0;
}

/* All queries that ask for this inode get the text: a socket may have several descriptors. */
static int inode_answer(struct socket_query_list *list, size_t table, uint64_t inode,
                        const struct socket_line *line)
{
    size_t low = 0, high = list->count;
    char text[SOCKET_TEXT_MAX];

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == list->count || list->items[low].inode != inode ||
        !socket_tables[table].describe(&socket_tables[table], line, text, sizeof text))
        return 0;
    for (; low < list->count && list->items[low].inode == inode; low++) {
        int r = 0;

        if (list->items[low].tables & 1u << table)
            r = query_answer(list, &list->items[low], table, text);
        if (r < 0)
            return r;
    }
    return 0;
}

ssize_t sockets_scan(size_t table, const char *text, size_t size, struct socket_query_list *list)
{
    const char *at = text, *end = text + size, *newline;

    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
        struct socket_line line;
        uint64_t inode;
        int r;

        if (socket_line_split(at, newline, socket_tables[table].inode_field, &line) &&
            socket_field_u64(&line, socket_tables[table].inode_field, &inode) && inode) {
            r = inode_answer(list, table, inode, &line);
            if (r < 0)
                return r;
        }
        at = newline + 1;
    }
    return at - text;
}

void sockets_prepare(struct socket_query_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct socket_query *query = &list->items[i];

        query->tables = query->protocol[0] ? 0 : (1u << SOCKET_TABLES) - 1;
        for (size_t t = 0; t < SOCKET_TABLES && query->protocol[0]; t++)
            for (size_t p = 0; p < ELEMENTS_OF(socket_tables[t].protocols) && socket_tables[t].protocols[p];
                 p++)
                if (strcmp(socket_tables[t].protocols[p], query->protocol) == 0)
                    query->tables |= 1u << t;
    }
    if (list->count)
        qsort(list->items, list->count, sizeof list->items[0], compare_inodes);
}

/* How many queries this table may still answer. */
static size_t count_unanswered(const struct socket_query_list *list, size_t table)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].text && (list->items[i].tables & 1u << table))
            count++;
    return count;
}

/* A table can have hundreds of thousands of lines: it is taken piece by piece and left once all is found. The
 * unix table is read to its end, since only then a second claim to an inode is seen. */
static int table_read(int directory_fd, size_t table, struct socket_query_list *list)
{
    char name[32], piece[16384];
    size_t held = 0;
    _cleanup_close_ int fd = -1;

    (void)snprintf(name, sizeof name, "net/%s", socket_tables[table].name); /* fits: names are ours */
    fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return 0;
    while (table == SOCKET_TABLE_UNIX || list->unanswered > 0) {
        ssize_t n = read(fd, piece + held, sizeof piece - held), used;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        held += (size_t)n;
        used = sockets_scan(table, piece, held, list);
        if (used < 0)
            return (int)used;
        if (used == 0 && held == sizeof piece)
            used = (ssize_t)held; /* a line longer than any that the kernel writes */
        held -= (size_t)used;
        memmove(piece, piece + used, held);
    }
    return 0;
}

/* What is said of a socket that no table knows. */
static char *unknown_text(const struct socket_query *query)
{
    char text[SOCKET_TEXT_MAX];
    const char *label = NULL;
    int offset = 0;

    for (size_t t = 0; t < SOCKET_TABLES && query->protocol[0] && !label; t++)
        if (query->tables & 1u << t)
            label = socket_tables[t].label;
    if (query->protocol[0]) {
        offset = snprintf(text, sizeof text, "%s ", label ? label : query->protocol);
        for (char *c = text; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c += 'a' - 'A';
    }
    (void)snprintf(text + offset, sizeof text - (size_t)offset, "socket:[%" PRIu64 "]",
                   query->inode); /* fits */
    return strdup(text);
}

/* The inode of its network namespace, 0 where that can't be had: then nothing is remembered. */
static uint64_t namespace_of(int directory_fd)
{
    struct stat status;

    return fstatat(directory_fd, "ns/net", &status, 0) == 0 ? status.st_ino : 0;
}

static int tables_ask(int directory_fd, struct socket_query_list *list)
{
    for (size_t t = 0; t < SOCKET_TABLES; t++) {
        int r = 0;

        list->unanswered = count_unanswered(list, t);
        if (list->unanswered > 0)
            r = table_read(directory_fd, t, list);
        if (r < 0)
            return r;
    }
    return 0;
}

/* All of them or none: a table is asked about all its queries at once, and what it says now must not meet
 * what it said before. */
static bool recall(uint64_t network_namespace, struct socket_query_list *list)
{
    size_t known = 0;

    while (known < list->count &&
           (list->items[known].text = socket_cache_get(network_namespace, list->items[known].inode)))
        known++;
    if (known == list->count)
        return true;
    while (known-- > 0) {
        free(list->items[known].text);
        list->items[known].text = NULL;
    }
    return false;
}

int sockets_resolve(int directory_fd, struct socket_query_list *list)
{
    uint64_t network_namespace = namespace_of(directory_fd);
    int r;

    if (network_namespace && recall(network_namespace, list))
        return 0;
    sockets_prepare(list);
    r = tables_ask(directory_fd, list);
    if (r < 0)
        return r;
    for (size_t i = 0; i < list->count; i++) {
        struct socket_query *query = &list->items[i];

        if (!query->text)
            query->text = unknown_text(query);
        if (!query->text)
            return -ENOMEM;
        if (network_namespace)
            socket_cache_put(network_namespace, query->inode, query->text);
    }
    return 0;
}
