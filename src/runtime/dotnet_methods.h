/* The methods of which a .NET runtime has code: compiled just in time or ahead of it, where that was used. It
 * tells them when a session ends, in its rundown. That is a list at that moment: code is made all the time;
 * what was made stays, but for methods made at run time (DynamicMethod) and assemblies that are unloaded.
 *
 * Source: dotnet/runtime src/coreclr/vm/ClrEtwAll.man, MethodDCEndVerbose. */
#pragma once

#include "base/error.h"
#include "runtime/dotnet_events.h"
#include "runtime/dotnet_ipc.h"

struct dotnet_method {
    uint64_t start;
    uint32_t size : 31;
    uint32_t is_dynamic : 1; /* made at run time: its code may be another's soon */
    uint32_t name;           /* where it begins in text */
};

struct dotnet_methods {
    struct dotnet_method *items;
    size_t count, capacity;
    struct buffer text; /* names, a NUL behind each: Namespace.Type.Method(int32,System.String) */
    bool is_whole;      /* the runtime came to the end of its list */
    bool is_cut;        /* there are more than our bounds take */
};

#define DOTNET_METHODS_INIT ((struct dotnet_methods){.text = BUFFER_INIT(LIMIT_DOTNET_METHODS_TEXT)})

/* Has the runtime tell them, by deadline_ms. No event and no file of it stays behind; for one or two
 * milliseconds it takes samples of its threads (why: dotnet_methods_ask.c). Errors: as dotnet_ask; -EBADMSG.
 */
int dotnet_methods_ask(const struct dotnet *dotnet, uint64_t deadline_ms, struct dotnet_methods *ret_methods,
                       struct error *error) _must_check_;
void dotnet_methods_release(struct dotnet_methods *methods);
#define _cleanup_dotnet_methods_ _cleanup_(dotnet_methods_release)

/* Takes what an event tells (to: struct dotnet_methods), and when all was taken puts them into order. What is
 * no such event, or is broken, is passed over. -ENOMEM. */
int dotnet_methods_take(void *to, const struct dotnet_event *event) _must_check_;
void dotnet_methods_finish(struct dotnet_methods *methods);

/* NULL: none is there. */
const struct dotnet_method *dotnet_methods_find(const struct dotnet_methods *methods, uint64_t address);

static inline const char *dotnet_method_name(const struct dotnet_methods *methods,
                                             const struct dotnet_method *method)
{
    return methods->text.data + method->name;
}
