#include "cmd/json_output.h"

#include "base/text.h"

#include <string.h>

/* The emitter escapes C0 only. DEL, C1 and marks of direction stand inside strings, where \u may too. */
static void put_harmless(FILE *out, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        uint32_t character = 0;
        size_t length = text_decode(text, left, &character);
        bool harmful = length && character != '\n' && text_character_width(character) < 0;
        length = length ? length : 1; /* jansson gives UTF-8 only */
        /* failures stay in ferror(out), where the caller's end looks */
        if (!harmful)
            (void)fwrite(text, 1, length, out);
        else if (character < 0x10000)
            (void)fprintf(out, "\\u%04x", character);
        else
            (void)fprintf(out, "\\u%04x\\u%04x", 0xd7c0 + (character >> 10), 0xdc00 + (character & 0x3ff));
        text += length;
        left -= length;
    }
}

void json_output(FILE *out, const struct terminal *terminal, const struct buffer *text, const json_t *json)
{
    char *pretty = terminal->is_terminal ? json_dumps(json, JSON_INDENT(2)) : NULL;
    if (pretty)
        put_harmless(out, pretty);
    else
        (void)fwrite(buffer_string(text), 1, text->size, out); /* as above */
    if (pretty || text->size == 0 || text->data[text->size - 1] != '\n')
        (void)fputc('\n', out);
    free(pretty);
}
