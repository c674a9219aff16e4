#include "unwind/demangle.h"

#include "base/buffer.h"
#include "base/limits.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

struct output {
    struct buffer text;
    jmp_buf full;
};

/* The library goes on for as long as there is something to print, and a callback can't tell it to stop. It
 * holds nothing on the heap while it prints (that is what the callback form is for; a Rust name in punycode
 * is the exception, and leaks its few hundred bytes when it is the one that is too long), so leaving it by a
 * jump is safe. */
static void take(const char *bytes, size_t size, void *opaque)
{
    struct output *output = opaque;

    if (buffer_append(&output->text, bytes, size) < 0)
        longjmp(output->full, 1);
}

typedef int demangler(const char *mangled, int options, demangle_callbackref callback, void *opaque);

/* Apart from its caller, which keeps nothing in registers that the jump could spoil. */
static __attribute__((noinline)) bool print(demangler *reader, const char *name, struct output *output)
{
    if (setjmp(output->full))
        return false;
    return reader(name, DMGL_PARAMS | DMGL_ANSI, take, output) != 0;
}

static char *demangle_with(demangler *reader, const char *name)
{
    struct output output = {.text = BUFFER_INIT(LIMIT_NAME)};

    if (!print(reader, name, &output) || !output.text.size) {
        buffer_release(&output.text);
        return NULL;
    }
    return output.text.data;
}

char *demangle(const char *name)
{
    char *text = NULL;

    if (strnlen(name, LIMIT_MANGLED_NAME + 1) > LIMIT_MANGLED_NAME)
        return NULL;
    if (strncmp(name, "_R", 2) == 0)
        return demangle_with(rust_demangle_callback, name);
    if (strncmp(name, "_Z", 2) != 0)
        return NULL;
    /* Rust's legacy names are C++ ones that end in a namespace of "h" and 16 digits. */
    if (strstr(name, "17h"))
        text = demangle_with(rust_demangle_callback, name);
    return text ? text : demangle_with(cplus_demangle_v3_callback, name);
}
