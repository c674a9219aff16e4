/* Names of the code of a .NET process, for who has addresses in it. The runtime is asked when the first
 * address needs it, and once. What it told is remembered for half a minute, for the next to whom all
 * addresses are known by it; methods made at run time don't count there, since their code may be another's by
 * then. One for the whole program; not for several threads at once. */
#pragma once

#include "base/limits.h"

#include "capture/runtime.h"
#include "runtime/dotnet_methods.h"

struct dotnet_names {
    const struct pidref *process; /* borrowed */
    uint64_t patience_ms;         /* how long the runtime may take */
    struct runtime runtime;       /* told by the first search: RUNTIME_DOTNET, or it finds nothing */
    struct error error;           /* why there are no names, or not all; code 0: nothing is wrong */
    int64_t time;                 /* when the runtime told them, ns since 1970; 0: it didn't */
    /* private */
    struct dotnet dotnet;
    struct dotnet_methods methods;
    bool is_begun, was_asked;
    bool is_fresh; /* methods are of this very moment */
};

#define DOTNET_NAMES_INIT(of, patience)                                                                      \
    ((struct dotnet_names){                                                                                  \
        .process = (of), .patience_ms = (patience), .dotnet = DOTNET_INIT, .methods = DOTNET_METHODS_INIT})

/* The method whose code is at this address. *ret_name: until the next search. False: none, or why not is in
 * names->error. */
bool dotnet_names_find(struct dotnet_names *names, uint64_t address, const char **ret_name,
                       uint64_t *ret_offset);
/* Some part of it may be remembered. */
void dotnet_names_release(struct dotnet_names *names);
#define _cleanup_dotnet_names_ _cleanup_(dotnet_names_release)
