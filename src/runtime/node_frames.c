#include "runtime/node_frames.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/types.h>

enum {
    FRAME_FIN = 0x80,
    FRAME_RESERVED = 0x70,
    FRAME_CODE = 0x0f,
    FRAME_MASK = 0x80,
    FRAME_SIZE_2 = 126,
    FRAME_SIZE_8 = 127,
    CODE_CONTINUED = 0,
    CODE_TEXT = 1,
    CODE_CLOSE = 8,
    CODE_PING = 9,
    CODE_PONG = 10
};

static bool begins_with(const char *text, size_t size, const char *wanted)
{
    return size >= strlen(wanted) && memcmp(text, wanted, strlen(wanted)) == 0;
}

/* 1: "HTTP/1.1 200", 0: less than that, -EBADMSG: something else. */
static int has_status(const char *answer, size_t size, const char *status)
{
    enum { VERSION = 9 };

    if (size < VERSION + strlen(status))
        return 0;
    return begins_with(answer, size, "HTTP/1.") && answer[VERSION - 1] == ' ' &&
                   begins_with(answer + VERSION, size - VERSION, status)
               ? 1
               : -EBADMSG;
}

int node_target_id(const char *answer, size_t size, char ret_id[NODE_TARGET_SIZE])
{
    static const char key[] = "\"id\": \"";
    int r = has_status(answer, size, "200");
    const char *at = r > 0 ? memmem(answer, size, key, strlen(key)) : NULL, *end;

    if (!at)
        return r < 0 ? r : 0;
    at += strlen(key);
    end = memchr(at, '"', size - (size_t)(at - answer));
    if (!end)
        return 0;
    if (end == at || end - at >= NODE_TARGET_SIZE)
        return -EBADMSG;
    for (const char *letter = at; letter < end; letter++)
        if (!isxdigit((unsigned char)*letter) && *letter != '-')
            return -EBADMSG;
    memcpy(ret_id, at, (size_t)(end - at));
    ret_id[end - at] = '\0';
    return 1;
}

ssize_t node_upgrade_size(const char *answer, size_t size)
{
    static const char ending[] = "\r\n\r\n";
    int r = has_status(answer, size, "101");
    const char *end = r > 0 ? memmem(answer, size, ending, strlen(ending)) : NULL;

    return r < 0 ? r : end ? end - answer + (ssize_t)strlen(ending) : 0;
}

static size_t head_wanted(const struct node_frames *frames)
{
    if (frames->head_size < 2)
        return 2;
    return frames->head[1] == FRAME_SIZE_8 ? 10 : frames->head[1] == FRAME_SIZE_2 ? 4 : 2;
}

static int begin_frame(struct node_frames *frames)
{
    uint8_t code = frames->head[0] & FRAME_CODE;

    frames->left = 0;
    if (frames->head[1] < FRAME_SIZE_2)
        frames->left = frames->head[1];
    for (size_t i = 2; i < frames->head_size; i++)
        frames->left = frames->left << 8 | frames->head[i];
    if (frames->head[0] & FRAME_RESERVED || frames->left > INT64_MAX)
        return -EBADMSG;
    switch (code) {
    case CODE_TEXT:
        frames->message_size = 0;
        frames->has_message = false;
        break;
    case CODE_CLOSE:
        frames->is_closed = true;
        break;
    case CODE_CONTINUED:
    case CODE_PING:
    case CODE_PONG:
        break;
    default:
        return -EBADMSG;
    }
    frames->is_in_contents = true;
    return 0;
}

static void end_frame(struct node_frames *frames)
{
    uint8_t code = frames->head[0] & FRAME_CODE;

    if ((code == CODE_TEXT || code == CODE_CONTINUED) && frames->head[0] & FRAME_FIN)
        frames->has_message = true;
    frames->message[frames->message_size] = '\0';
    frames->head_size = 0;
    frames->is_in_contents = false;
}

static size_t take_contents(struct node_frames *frames, const uint8_t *bytes, size_t size)
{
    uint8_t code = frames->head[0] & FRAME_CODE;
    size_t piece = size < frames->left ? size : (size_t)frames->left;
    size_t room = NODE_MESSAGE_MAX - frames->message_size;

    if (code == CODE_TEXT || code == CODE_CONTINUED) {
        memcpy(frames->message + frames->message_size, bytes, piece < room ? piece : room);
        frames->message_size += piece < room ? piece : room;
    }
    frames->left -= piece;
    return piece;
}

int node_frames_take(struct node_frames *frames, const void *bytes, size_t size)
{
    const uint8_t *at = bytes, *end = at + size;

    while (at < end && !frames->is_closed) {
        if (frames->is_in_contents) {
            at += take_contents(frames, at, (size_t)(end - at));
        } else {
            frames->head[frames->head_size++] = *at++;
            if (frames->head_size == 2 && frames->head[1] & FRAME_MASK)
                return -EBADMSG; /* only a client masks */
            if (frames->head_size == head_wanted(frames)) {
                int r = begin_frame(frames);

                if (r < 0)
                    return r;
            }
        }
        if (frames->is_in_contents && frames->left == 0)
            end_frame(frames);
    }
    return 0;
}

/* With a mask of zeros: it is there against proxies that mistake contents for HTTP, of which there are none
 * on the way. */
int node_frame_put(struct buffer *out, const char *text, size_t size)
{
    const uint8_t head[] = {
        FRAME_FIN | CODE_TEXT, FRAME_MASK | FRAME_SIZE_2, (uint8_t)(size >> 8), (uint8_t)size, 0, 0, 0, 0};
    const uint8_t small[] = {FRAME_FIN | CODE_TEXT, (uint8_t)(FRAME_MASK | size), 0, 0, 0, 0};
    int r;

    if (size > UINT16_MAX)
        return -EFBIG;
    r = size < FRAME_SIZE_2 ? buffer_append(out, small, sizeof small) : buffer_append(out, head, sizeof head);
    return r < 0 ? r : buffer_append(out, text, size);
}
