/* What answers at the port of Node's inspector: a list of targets, an upgrade, frames in pieces of the size
 * that the first byte says; and a line of the kernel's list of ports. */
#include "runtime/node_frames.h"
#include "runtime/node_port.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

static void check_frames(const uint8_t *data, size_t size, size_t piece)
{
    struct node_frames *frames = calloc(1, sizeof *frames);
    int r = frames ? 0 : -1;

    for (size_t at = 0; at < size && r == 0; at += piece) {
        r = node_frames_take(frames, data + at, size - at < piece ? size - at : piece);
        check(frames->message_size <= NODE_MESSAGE_MAX);
        check(!frames->has_message || memchr(frames->message, '\0', sizeof frames->message));
    }
    free(frames);
}

static void check_answer(const char *answer, size_t size)
{
    char *copy = malloc(size ? size : 1), id[NODE_TARGET_SIZE];
    struct node_port port;
    ssize_t head;

    if (!copy)
        return;
    memcpy(copy, answer, size); /* so that the sanitizer sees its end */
    if (node_target_id(copy, size, id) > 0)
        check(*id && strspn(id, "0123456789abcdefABCDEF-") == strlen(id));
    head = node_upgrade_size(copy, size);
    check(head <= 0 || (size_t)head <= size);
    if (node_port_parse(copy, size, &port)) {
        struct sockaddr_storage address;
        char text[NODE_PORT_TEXT];
        socklen_t address_size;

        node_port_address(&port, &address, &address_size, text);
        check(strchr(text, ':') != NULL);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    check_frames(data + 1, size - 1, data[0] ? data[0] : 1);
    check_answer((const char *)data + 1, size - 1);
    return 0;
}
