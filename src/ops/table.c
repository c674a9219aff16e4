#include "ops/table.h"

#include "ops/profile_wish.h"
#include "ops/stacks.h"

static const struct operation_argument list_arguments[] = {
    {"allUsers", ARGUMENT_BOOLEAN,
     "processes of all users; otherwise those of the service's own, or all as root"},
    {"kernel", ARGUMENT_BOOLEAN, "kernel threads too"},
    {0},
};

static const struct operation_argument threads_arguments[] = {
    {"details", ARGUMENT_BOOLEAN, "each in full, not only id, state and name"},
    {0},
};

static const struct operation_argument stacks_arguments[] = {
    {"format", ARGUMENT_STRING, "json, text or speedscope; otherwise what Accept asks for"},
    {"group", ARGUMENT_BOOLEAN, "threads with the same frames once"},
    {"runtime", ARGUMENT_BOOLEAN,
     "functions of Java, .NET and Python, too; a Java virtual machine and a .NET runtime are asked (true)"},
    {"lines", ARGUMENT_BOOLEAN,
     "files, lines and inlined functions, where there is debug information (true)"},
    {0},
};

static const struct operation_argument environment_arguments[] = {
    {"filter", ARGUMENT_STRING, "part of the variables' names, in any case; 'all' for all of them"},
    {0},
};

static const struct operation_argument memory_arguments[] = {
    {"details", ARGUMENT_BOOLEAN, "each mapping, too, not only their sums"},
    {0},
};

static const struct operation_argument handles_arguments[] = {
    {"name", ARGUMENT_STRING, "a part of a path or of a socket's text, in any case; ':8080' is that port"},
    {0},
};

static const struct operation_argument stop_arguments[] = {
    {"signal", ARGUMENT_STRING, "the first signal, by name or number; otherwise KILL, or TERM with grace"},
    {"grace", ARGUMENT_DURATION, "time to end by itself before it is killed"},
    {"dryRun", ARGUMENT_BOOLEAN, "only list what would be ended"},
    {0},
};

static const struct operation_argument dump_arguments[] = {
    {"dumpType", ARGUMENT_NUMBER,
     "bits of MINIDUMP_TYPE, decimal or 0x...: 0 threads and stacks, 2 all memory"},
    {"format", ARGUMENT_STRING, "raw (a minidump), core (an ELF core) or zip"},
    {"inner", ARGUMENT_STRING, "what a zip holds: raw or core"},
    {"modules", ARGUMENT_STRING, "which of them a zip holds too: debugger, all or none"},
    {"compress", ARGUMENT_STRING, "gzip or zstd, for raw and core"},
    {"level", ARGUMENT_NUMBER, "of the compression: gzip and zip 0 to 3, zstd 1 to 9; otherwise 1"},
    {"mode", ARGUMENT_STRING, "auto, snapshot (copy-on-write), or stop (held while its memory is read)"},
    {"maxPauseMs", ARGUMENT_NUMBER, "hold it no longer: rather take less, or nothing"},
    {"estimate", ARGUMENT_BOOLEAN, "only say as JSON how large it would be and how it would be taken"},
    {"redact", ARGUMENT_STRING, "environ: without the environment's own stream; what is in memory stays"},
    {"maxBytes", ARGUMENT_SIZE, "refuse one larger than this, before it is compressed: 4096, 64K, 2G"},
    {0},
};

static const struct operation_argument heapdump_arguments[] = {
    {"live", ARGUMENT_BOOLEAN,
     "only what can be reached, after a full collection (true); else all objects: Java"},
    {"compress", ARGUMENT_STRING, "gzip"},
    {"level", ARGUMENT_NUMBER, "of the compression, 0 to 3; otherwise 1"},
    {0},
};

static const struct operation_argument heap_arguments[] = {
    {"live", ARGUMENT_BOOLEAN,
     "only what can be reached, after a full collection (true); else all objects: Java"},
    {0},
};

static const struct operation_argument gcdump_arguments[] = {
    {"maxDumpCountK", ARGUMENT_NUMBER, "0: all objects, and nothing else is supported"},
    {"format", ARGUMENT_STRING, "raw, zip or diagsession"},
    {0},
};

static const struct operation_argument profile_once_arguments[] = {
    {"seconds", ARGUMENT_DURATION, "for how long, at most 15m (10)"},
    {"format", ARGUMENT_STRING,
     "pprof, speedscope, folded, svg, nettrace or diagsession; otherwise what Accept asks for"},
    {"frequency", ARGUMENT_NUMBER, "samples a second, at most 1000 (99)"},
    {"mode", ARGUMENT_STRING, "cpu (what runs) or wall (waiting threads, too)"},
    {"unwind", ARGUMENT_STRING, "cfi (call frame information) or fp (frame pointers)"},
    {"source", ARGUMENT_STRING,
     "native (the default), or eventpipe: samples that a .NET runtime takes itself, as nettrace"},
    {0},
};

static const struct operation_argument profile_start_arguments[] = {
    {"duration", ARGUMENT_DURATION, "for how long, unless it is stopped before; at most 15m (3m)"},
    {"frequency", ARGUMENT_NUMBER, "samples a second, at most 1000 (99)"},
    {"mode", ARGUMENT_STRING, "cpu (what runs) or wall (waiting threads, too)"},
    {"unwind", ARGUMENT_STRING, "cfi (call frame information) or fp (frame pointers)"},
    {"iisProfiling", ARGUMENT_BOOLEAN, "only on Windows"},
    {0},
};

static const struct operation_argument profile_stop_arguments[] = {
    {"format", ARGUMENT_STRING, "diagsession (the default), nettrace, pprof, speedscope, folded or svg"},
    {"keep", ARGUMENT_BOOLEAN, "keep what was taken for five minutes more, to be had in other formats"},
    {0},
};

const struct operation operations[] = {
    {.name = "list",
     .role = ROLE_READER,
     .flags = OPERATION_NO_TARGET,
     .summary = "List processes",
     .arguments = list_arguments,
     .run = operation_list},
    {.name = "show", .role = ROLE_READER, .summary = "Show one process in full", .run = operation_show},
    {.name = "threads",
     .role = ROLE_READER,
     .summary = "List the threads of a process",
     .arguments = threads_arguments,
     .run = operation_threads},
    {.name = "thread", .role = ROLE_READER, .summary = "Show one thread in full", .run = operation_thread},
    {.name = "stacks",
     .role = ROLE_OPERATOR,
     .flags = OPERATION_LEARNS,
     .summary = "Show the stacks of all threads of a process",
     .arguments = stacks_arguments,
     .forms = stacks_forms,
     .run = operation_stacks},
    {.name = "stack",
     .role = ROLE_OPERATOR,
     .flags = OPERATION_LEARNS,
     .summary = "Show the stack of one thread",
     .arguments = stacks_arguments,
     .forms = stacks_forms,
     .run = operation_stack},
    {.name = "modules",
     .role = ROLE_READER,
     .summary = "List the modules of a process",
     .run = operation_modules},
    {.name = "module", .role = ROLE_READER, .summary = "Show one module in full", .run = operation_module},
    {.name = "environment",
     .role = ROLE_READER,
     .flags = OPERATION_AUDITED,
     .summary = "Show environment variables of a process",
     .arguments = environment_arguments,
     .run = operation_environment},
    {.name = "events",
     .role = ROLE_READER,
     .summary = "Watch all processes",
     .flags = OPERATION_OWN_WORKER | OPERATION_ENDLESS | OPERATION_NO_TARGET,
     .run = operation_events},
    {.name = "memory",
     .role = ROLE_READER,
     .summary = "Say what takes the memory of a process",
     .arguments = memory_arguments,
     .run = operation_memory},
    {.name = "handles",
     .role = ROLE_OPERATOR,
     .flags = OPERATION_NO_TARGET,
     .summary = "Find who has a file, a library, a socket or a port open",
     .arguments = handles_arguments,
     .run = operation_handles},
    {.name = "stop",
     .role = ROLE_OPERATOR,
     .summary = "End a process and its descendants",
     .flags = OPERATION_CHANGES | OPERATION_OWN_WORKER,
     .arguments = stop_arguments,
     .waits = "grace",
     .run = operation_stop},
    {.name = "dump",
     .role = ROLE_DUMPER,
     .summary = "Take a minidump",
     .flags = OPERATION_HEAVY,
     .arguments = dump_arguments,
     .light = "estimate",
     .run = operation_dump},
    {.name = "doctor",
     .role = ROLE_READER,
     .summary = "Say what may be done to a process and what is in the way",
     .run = operation_doctor},
    {.name = "heapdump",
     .role = ROLE_DUMPER,
     .summary = "Dump the heap of a runtime in its own form",
     .flags = OPERATION_HEAVY | OPERATION_GIVES_UP | OPERATION_KEEPS_HEAP,
     .arguments = heapdump_arguments,
     .run = operation_heapdump},
    {.name = "heap",
     .role = ROLE_DUMPER,
     .summary = "Say what fills the heap of a runtime",
     .flags = OPERATION_HEAVY | OPERATION_GIVES_UP | OPERATION_KEEPS_HEAP,
     .arguments = heap_arguments,
     .run = operation_heap},
    {.name = "gcdump",
     .role = ROLE_DUMPER,
     .summary = "Dump the managed heap of a .NET process, or that of another runtime",
     .flags = OPERATION_HEAVY | OPERATION_GIVES_UP | OPERATION_KEEPS_HEAP,
     .arguments = gcdump_arguments,
     .run = operation_gcdump},
    {.name = "profile",
     .role = ROLE_OPERATOR,
     .summary = "Sample what the threads of a process are doing for some time",
     .flags = OPERATION_OWN_WORKER | OPERATION_GIVES_UP,
     .arguments = profile_once_arguments,
     .forms = profile_forms,
     .waits = "seconds",
     .run = operation_profile},
    {.name = "profile-start",
     .role = ROLE_OPERATOR,
     .summary = "Begin to sample a process, until profile/stop or for some time",
     .flags = OPERATION_CHANGES | OPERATION_OWN_WORKER | OPERATION_SESSION | OPERATION_BEGINS_SESSION,
     .arguments = profile_start_arguments,
     .run = operation_profile_start},
    {.name = "profile-stop",
     .role = ROLE_OPERATOR,
     .summary = "End sampling, and take the profile",
     .flags = OPERATION_OWN_WORKER | OPERATION_SESSION,
     .arguments = profile_stop_arguments,
     .run = operation_profile_stop},
    {0},
};
