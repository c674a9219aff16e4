#include "base/limits.h"

#include "runtime/dotnet_methods.h"

#include "base/array.h"
#include "base/sorted.h"
#include "runtime/dotnet_bytes.h"

#include <errno.h>

enum { METHOD_AT_END = 144, AT_END_COMPLETE = 146 }; /* events of the rundown */
enum { FLAG_DYNAMIC = 1 };

void dotnet_methods_release(struct dotnet_methods *methods)
{
    if (!methods)
        return;
    free(methods->items);
    buffer_release(&methods->text);
    *methods = DOTNET_METHODS_INIT;
}

/* A signature says first what is returned, then two blanks: "instance void  (int32,class System.String)". */
static const char *arguments_of(const char *signature)
{
    const char *found = strstr(signature, "  (");

    return found ? found + 2 : strchr(signature, '(');
}

static bool begins_word(const char *text, const char *at)
{
    return at == text || strchr("(,<[ ", at[-1]);
}

/* Without what a type is said to be: whoever reads it knows, or doesn't ask. */
static int append_arguments(struct buffer *out, const char *text)
{
    static const char *const words[] = {"class ", "value ", "valuetype "};
    const char *at = text;
    int r = 0;

    while (*at && r == 0) {
        size_t skipped = 0;

        for (size_t i = 0; i < ELEMENTS_OF(words) && begins_word(text, at); i++)
            if (strncmp(at, words[i], strlen(words[i])) == 0)
                skipped = strlen(words[i]);
        if (skipped == 0)
            r = buffer_append(out, at++, 1);
        at += skipped;
    }
    return r;
}

/* Cut at its limit, as dotnet_text() does it. */
static int append_name(struct dotnet_bytes *bytes, struct buffer *name)
{
    _cleanup_buffer_ struct buffer method = BUFFER_INIT(LIMIT_DOTNET_NAME),
                                   signature = BUFFER_INIT(LIMIT_DOTNET_NAME);
    const char *arguments;
    int r = dotnet_text(bytes, name); /* the type */

    if (r == 0)
        r = dotnet_text(bytes, &method);
    if (r == 0)
        r = dotnet_text(bytes, &signature);
    if (r < 0)
        return r;
    arguments = arguments_of(buffer_string(&signature));
    if (name->size > 0)
        r = buffer_append_string(name, ".");
    if (r >= 0)
        r = buffer_append(name, buffer_string(&method), method.size);
    if (r >= 0 && arguments)
        r = append_arguments(name, arguments);
    return r == -ENOBUFS ? 0 : r;
}

static int add(struct dotnet_methods *methods, struct dotnet_method method, const struct buffer *name)
{
    int r = ARRAY_RESERVE(methods, 1, LIMIT_DOTNET_METHODS);

    method.name = (uint32_t)methods->text.size;
    if (r == 0)
        r = buffer_reserve(&methods->text, name->size + 1);
    if (r < 0)
        return r;
    memcpy(methods->text.data + methods->text.size, name->data, name->size);
    methods->text.data[methods->text.size + name->size] = '\0';
    methods->text.size += name->size + 1;
    methods->items[methods->count++] = method;
    return 0;
}

static int take_method(struct dotnet_methods *methods, struct dotnet_bytes bytes)
{
    enum { IDS = 16 };
    _cleanup_buffer_ struct buffer name = BUFFER_INIT(LIMIT_DOTNET_NAME);
    struct dotnet_method method = {0};
    uint32_t size;
    int r;

    (void)dotnet_skip(&bytes, IDS); /* of the method, of its module; is_short is looked at below */
    method.start = dotnet_u64(&bytes);
    size = dotnet_u32(&bytes);
    (void)dotnet_u32(&bytes); /* its token */
    method.is_dynamic = (dotnet_u32(&bytes) & FLAG_DYNAMIC) != 0;
    if (bytes.is_short || size == 0 || size > INT32_MAX || method.start > UINT64_MAX - size)
        return 0;
    method.size = size & INT32_MAX;
    r = append_name(&bytes, &name);
    if (r < 0 || bytes.is_short || name.size == 0)
        return r;
    return add(methods, method, &name);
}

int dotnet_methods_take(void *to, const struct dotnet_event *event)
{
    struct dotnet_methods *methods = to;
    int r = 0;

    if (event->source != DOTNET_RUNDOWN)
        return 0;
    if (event->id == METHOD_AT_END)
        r = take_method(methods,
                        (struct dotnet_bytes){.at = event->payload, .end = event->payload + event->size});
    else if (event->id == AT_END_COMPLETE)
        methods->is_whole = true;
    if (r == -ENOBUFS)
        methods->is_cut = true;
    return r == -ENOBUFS ? 0 : r;
}

/* Of two at one address the one that was told later comes last, and is found. */
static int by_start(const void *left, const void *right)
{
    const struct dotnet_method *a = left, *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return (a->name > b->name) - (a->name < b->name);
}

void dotnet_methods_finish(struct dotnet_methods *methods)
{
    if (methods->count > 0)
        qsort(methods->items, methods->count, sizeof methods->items[0], by_start);
}

const struct dotnet_method *dotnet_methods_find(const struct dotnet_methods *methods, uint64_t address)
{
    size_t begun = SORTED_UP_TO(methods->items, methods->count, start, address);
    const struct dotnet_method *method = begun > 0 ? &methods->items[begun - 1] : NULL;

    return method && address - method->start < method->size ? method : NULL;
}
