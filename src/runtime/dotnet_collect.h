/* Has a .NET runtime tell its heap: it collects all generations, with its threads paused as for any such
 * collection, and tells each object that is left while it pauses. */
#pragma once

#include "runtime/dotnet_heap.h"
#include "runtime/dotnet_ipc.h"

struct dotnet_collection {
    struct dotnet_heap heap; /* finished */
    uint64_t pause_us;       /* of the program's threads; 0: not known */
    uint64_t received;       /* bytes */
};

/* Errors: as dotnet_ask; -ETIMEDOUT it did not come to a collection, or to its end; -EAGAIN it had to drop
 * events since they were not read in time, or another tool holds a session that does so; -EFBIG more than our
 * limits take; -ENOMEM; -EBADMSG. counts_only: as of struct dotnet_heap. Whatever comes, no session is left
 * open. */
int dotnet_collect(const struct dotnet *dotnet, bool counts_only, uint64_t deadline_ms,
                   struct dotnet_collection *ret_collection, struct error *error) _must_check_;
void dotnet_collection_release(struct dotnet_collection *collection);
#define _cleanup_dotnet_collection_ _cleanup_(dotnet_collection_release)
