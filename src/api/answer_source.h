/* An answer of the inspector as the source of an HTTP answer. */
#pragma once

#include "http/exchange.h"
#include "service/client.h"

enum answer_end {
    ANSWER_WHOLE,
    ANSWER_REFUSED, /* it was an error */
    ANSWER_CUT,     /* it stopped short */
    ANSWER_LEFT,    /* its client went away, or it was cancelled */
};

/* Who wants to know how an answer fares. */
struct answer_watcher {
    void (*head)(struct answer_watcher *watcher,
                 const struct answer_message *message); /* the head is there */
    void (*end)(struct answer_watcher *watcher,
                enum answer_end end); /* once; the exchange is not to be used */
};

/* Takes answer_fd over, also on failure. status is what a good answer gets. watcher (borrowed until its end;
 * NULL: none) hears of nothing on failure. 0 or -ENOMEM. */
int answer_source_start(struct http_exchange *exchange, int answer_fd, unsigned status,
                        struct answer_watcher *watcher) _must_check_;

enum { DISPOSITION_SIZE = 300 };
/* "attachment; filename=..." with a name that no client can take for more than a name. */
void answer_disposition(const char *file_name, char text[DISPOSITION_SIZE]);
