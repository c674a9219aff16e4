#include "http/suspended.h"

#include "base/clock.h"

#include <poll.h>

enum { BATCH = 64 };

void suspended_add(struct suspended_list *list, struct http_exchange *exchange)
{
    exchange->previous = NULL;
    exchange->next = list->first;
    if (list->first)
        list->first->previous = exchange;
    else
        list->looked_ms = clock_monotonic_ms();
    list->first = exchange;
}

void suspended_remove(struct suspended_list *list, struct http_exchange *exchange)
{
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        list->first = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    exchange->previous = exchange->next = NULL;
}

void suspended_look(struct suspended_list *list, void (*gone)(struct http_exchange *exchange))
{
    struct http_exchange *next = list->first;
    uint64_t now;

    if (!next)
        return;
    now = clock_monotonic_ms();
    if (now - list->looked_ms < SUSPENDED_LOOK_MS)
        return;
    list->looked_ms = now;
    while (next) {
        struct http_exchange *batch[BATCH];
        struct pollfd sockets[BATCH];
        nfds_t count = 0;

        for (; next && count < BATCH; next = next->next) {
            const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(next->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
            if (!info)
                continue;
            batch[count] = next;
            sockets[count++] = (struct pollfd){.fd = info->connect_fd, .events = POLLRDHUP};
        }
        if (poll(sockets, count, 0) <= 0)
            continue;
        for (nfds_t i = 0; i < count; i++) {
            if (sockets[i].revents)
                gone(batch[i]);
        }
    }
}
