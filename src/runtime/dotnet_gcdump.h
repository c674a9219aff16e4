/* A .gcdump, what PerfView, Visual Studio and dotnet-gcdump open: a graph of objects in the frames of the
 * library FastSerialization. Written in one pass and without a copy of the graph: its length is known before
 * the first byte.
 *
 * Form: dotnet/diagnostics src/Tools/dotnet-gcdump/DotNetHeapDump/{GCHeapDump,MemoryGraph,Graph}.cs;
 * microsoft/perfview src/FastSerialization. */
#pragma once

#include "runtime/dotnet_sample.h"
#include "stream/sink.h"

struct dotnet_gcdump_facts {
    const char *machine, *process, *log;
    int pid;
    int64_t time;                       /* ns since 1970 */
    const struct dotnet_sample *sample; /* of the same heap: what is written; NULL: all */
};

/* heap: finished. -EFBIG: it has more than such a file can hold. */
int dotnet_gcdump_size(const struct dotnet_heap *heap, const struct dotnet_gcdump_facts *facts,
                       uint64_t *ret_size) _must_check_;
int dotnet_gcdump_write(const struct dotnet_heap *heap, const struct dotnet_gcdump_facts *facts,
                        struct sink *sink) _must_check_;
