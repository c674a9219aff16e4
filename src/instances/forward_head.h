/* The head of another instance's answer, on its way back. */
#pragma once

#include "ops/request.h"

struct forward_head {
    int64_t length; /* -1: none was said */
    bool is_chunked;
    struct fields fields; /* "type", "x:NAME" */
};
void forward_head_release(struct forward_head *head);

/* One line of it as it came: "HTTP/1.1 200 OK" begins a new one. What clients have no use for, or what is a
 * matter between two machines, is left out. */
void forward_head_line(struct forward_head *head, const char *line, size_t size);
