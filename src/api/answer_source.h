/* An answer of the inspector as the source of an HTTP answer. */
#pragma once

#include "http/exchange.h"

/* Takes answer_fd over, also on failure. status is what a good answer gets. 0 or -ENOMEM. */
int answer_source_start(struct http_exchange *exchange, int answer_fd, unsigned status) _must_check_;

enum { DISPOSITION_SIZE = 300 };
/* "attachment; filename=..." with a name that no client can take for more than a name. */
void answer_disposition(const char *file_name, char text[DISPOSITION_SIZE]);
