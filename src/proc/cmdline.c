#include "proc/environ.h"

#include <string.h>

/* Characters that no shell gives a meaning to. Bytes from 0x80 on are letters to it. */
static bool is_plain(unsigned char c)
{
    return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("_-./:=,@%+", c));
}

static int append_quoted(struct buffer *out, const char *text, size_t size)
{
    size_t plain = 0;
    int r;

    while (plain < size && is_plain((unsigned char)text[plain]))
        plain++;
    if (size > 0 && plain == size)
        return buffer_append(out, text, size);
    r = buffer_append(out, "'", 1);
    while (r == 0 && size > 0) {
        const char *quote = memchr(text, '\'', size);
        size_t run = quote ? (size_t)(quote - text) : size;
        r = buffer_append(out, text, run);
        if (r == 0 && quote)
            r = buffer_append(out, "'\\''", 4);
        run += quote ? 1 : 0;
        text += run;
        size -= run;
    }
    return r < 0 ? r : buffer_append(out, "'", 1);
}

/* Servers that write a title over their arguments ("nginx: worker process", "sshd: root@pts/0") leave one
 * text with blanks, and zeros where the other arguments were. A title is no command: it stays as it is. */
static bool is_title(const char *text, size_t size)
{
    const char *blank = memchr(text, ' ', size);

    return blank && blank > text && blank[-1] == ':';
}

int cmdline_join(const struct buffer *block, struct buffer *out)
{
    const char *at = buffer_string(block), *end = at + block->size;
    size_t first = strnlen(at, block->size), used = block->size;

    while (used > 0 && at[used - 1] == '\0')
        used--;
    if (used == 0)
        return 0;
    if (used <= first && is_title(at, used))
        return buffer_append(out, at, used);
    if (used <= first)
        end = at + used; /* one argument, then nothing but zeros */
    for (bool more = false; at < end; more = true) {
        size_t size = strnlen(at, (size_t)(end - at));
        int r = more ? buffer_append(out, " ", 1) : 0;
        if (r == 0)
            r = append_quoted(out, at, size);
        if (r < 0)
            return r;
        at += size + 1;
    }
    return 0;
}
