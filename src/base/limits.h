/* Every fixed bound of the program in one place. What an operator may change is in service/config.h with
 * these as defaults; what is here alone protects us from hostile targets and is not a matter of taste. */
#pragma once

/* /proc */
#define LIMIT_PROCESSES 4194304u            /* kernel's own PID_MAX_LIMIT */
#define LIMIT_THREADS 262144u               /* threads of one process */
#define LIMIT_MAPS 1048576u                 /* mappings of one process */
#define LIMIT_FILES 1048576u                /* descriptors of one process */
#define LIMIT_PROC_TEXT (64u * 1024 * 1024) /* one file of /proc in memory: 1 M lines of maps at 64 bytes */
#define LIMIT_ENVIRON (8u * 1024 * 1024)    /* environment or command line of one process */
#define LIMIT_CGROUP_TEXT (64u * 1024)      /* the list of one process's control groups */
#define LIMIT_RESCANS 64u                   /* passes over /proc/PID/task or the tree until nothing is new */
#define LIMIT_HUNG_MS 2000u                 /* for a file that a hung process may never give ... */
#define LIMIT_HUNG_READS 8u                 /* ... and so many threads wait for such ones; 64 KiB each */
#define LIMIT_TORN_READS 5u                 /* a torn maps file is read again this often */

/* ELF files of targets */
#define LIMIT_ELF_PROGRAM_HEADERS 4096u
#define LIMIT_ELF_SECTIONS 65536u
#define LIMIT_ELF_NOTES (1u * 1024 * 1024) /* bytes of one note segment */
#define LIMIT_BUILD_ID 64u                 /* bytes; SHA-1 is 20 */
#define LIMIT_MODULES 65536u

/* Unwinding */
#define LIMIT_FRAMES 2048u                      /* of one thread */
#define LIMIT_FRAMES_ALL 524288u                /* of all threads together; 72 bytes each */
#define LIMIT_STACK_STRINGS (32u * 1024 * 1024) /* names and source files in them */
#define LIMIT_CFI_SECTION (128u * 1024 * 1024)  /* .eh_frame of one file: browsers have 30 MiB */
#define LIMIT_CFI_FUNCTIONS 2097152u            /* of a file without a table of them; 16 bytes each */
#define LIMIT_CFI_ROWS ((size_t)1024 * 1024)    /* bytes of looked-up rows of one file */

/* Functions and source lines out of ELF files of targets */
#define LIMIT_SYMBOLS 2097152u                    /* functions of one file; browsers have 1 M */
#define LIMIT_SYMBOL_ENTRIES 16777216u            /* entries of one table that are looked at */
#define LIMIT_SYMBOL_NAMES (128u * 1024 * 1024)   /* bytes of the names of one table */
#define LIMIT_MINI_DEBUG (64u * 1024 * 1024)      /* bytes of .gnu_debugdata, not compressed */
#define LIMIT_DEBUG_FILE (1ull << 30)             /* bytes that are read for the checksum of a debug file */
#define LIMIT_DEBUG_SECTIONS (128u * 1024 * 1024) /* bytes of one file's debug information */
#define LIMIT_DEBUG_ABBREVIATIONS (32u * 1024 * 1024) /* bytes of one file's forms of entries */
#define LIMIT_DEBUG_UNITS 262144u                     /* compilation units of one file */
#define LIMIT_DEBUG_SPANS 1048576u          /* stretches of code of all units, or of one's functions */
#define LIMIT_DEBUG_ENTRIES 4194304u        /* entries of one unit that are gone through */
#define LIMIT_LINE_TABLE (4u * 1024 * 1024) /* bytes of one unit's: 90 times as much while it is read */
#define LIMIT_MANGLED_NAME 4096u            /* bytes; longer ones are left as they are */
#define LIMIT_NAME (16u * 1024)             /* bytes of one function's; longer ones are left out */
#define LIMIT_INLINED 64u                   /* functions at one address */
#define LIMIT_PLT                                                                                            \
    (8u * 1024 * 1024) /* bytes of each of the sections that calls to other files go through                 \
                        */
#define LIMIT_GO_TABLE (128u * 1024 * 1024) /* bytes of what a program in Go says of its functions */
#define LIMIT_ENCLOSING 256u                /* functions in one another, by their addresses */
#define LIMIT_NAMES_MS 1000u    /* processor time of one file's names and lines, each minute ... */
#define LIMIT_CFI_MS 500u       /* ... and of its call frame information */
#define LIMIT_STACKS_MS 10000u  /* processor time after which a process's files say no more */
#define LIMIT_VDSO (64u * 1024) /* bytes of the kernel's image in a process */
#define LIMIT_MAPPED_IMAGE (64u * 1024 * 1024) /* bytes of a file that is read out of a process */
#define LIMIT_IMAGES 256u                      /* files that are remembered when nobody uses them ... */
#define LIMIT_IMAGE_CACHE (64u * 1024 * 1024)  /* ... and what they take, in bytes */
#define LIMIT_IMAGE_STRINGS (8u * 1024 * 1024) /* names of one file that were written out */
#define LIMIT_IMAGE_PLACES 16384u              /* addresses of one file that are remembered */

/* Which runtime a process has */
#define LIMIT_RUNTIME_MS 2000u /* processor time of looking at processes for it, each minute */
#define LIMIT_RUNTIME_SCAN                                                                                   \
    (128u * 1024 * 1024) /* bytes of one file that are gone through for its version                          \
                          */

/* What runtimes say of themselves */
#define LIMIT_JAVA_MS 5000u                    /* for a JVM to listen, and again to answer */
#define LIMIT_JAVA_ANSWER (256u * 1024 * 1024) /* bytes; of 10,000 threads with 100 frames each 100 MiB */
#define LIMIT_JAVA_LINE (16u * 1024)           /* bytes of one line of it */
#define LIMIT_JAVA_THREADS 65536u              /* 112 bytes each; of frames as many as of all stacks */
#define LIMIT_JAVA_STRINGS (32u * 1024 * 1024) /* all names in it, each once */
#define LIMIT_HEAP_TYPES 262144u               /* types of one heap */
#define LIMIT_HEAP_FILE (64u * 1024 * 1024)    /* bytes of a count that was saved, to compare with */
#define LIMIT_HEAP_LINE 4096u                  /* bytes of one line of a class histogram: a type's name */
#define LIMIT_NODE_STRINGS (16u * 1024 * 1024) /* names of the types of one heap of Node */

#define LIMIT_DOTNET_MS 5000u        /* for a .NET runtime to answer */
#define LIMIT_DOTNET_QUIET_MS 60000u /* for it to send nothing in the middle of a dump */
#define LIMIT_DOTNET_LAST_MS 60000u  /* after a recording's stop: its waits for the runtime ... */
#define LIMIT_DOTNET_LAST (1024ull * 1024 * 1024) /* ... and bytes that still come, four times its buffer */
#define LIMIT_DOTNET_BLOCK (4u * 1024 * 1024)     /* what is kept of its stream at a time, in bytes */
#define LIMIT_DOTNET_FORMS 65536u                 /* kinds of events */
#define LIMIT_DOTNET_COUNTER_KINDS 1024u          /* of events that are counters; 332 bytes each ... */
#define LIMIT_DOTNET_COUNTER (64u * 1024)         /* ... and the texts of one */
#define LIMIT_DOTNET_OBJECTS 268435456u           /* 16 bytes each ... */
#define LIMIT_DOTNET_REFERENCES 2147483648u       /* ... and 6 of each reference between them */
#define LIMIT_DOTNET_ROOTS 67108864u              /* 16 bytes each */
#define LIMIT_DOTNET_TYPES 1048576u               /* 88 bytes each */
#define LIMIT_DOTNET_FIELDS 1048576u              /* that are static */
#define LIMIT_DOTNET_STRINGS (64u * 1024 * 1024)  /* names of types and fields */
#define LIMIT_DOTNET_METHODS 1048576u             /* 16 bytes each, and the name */
#define LIMIT_DOTNET_METHODS_TEXT (96u * 1024 * 1024)
#define LIMIT_DOTNET_NAME 4096u               /* bytes of one method's; cut there */
#define LIMIT_DOTNET_KEPT (16u * 1024 * 1024) /* bytes of methods that a worker remembers ... */
#define LIMIT_DOTNET_KEPT_MS 30000u           /* ... for so long */
#define LIMIT_DOTNET_GRAPH 0x7fffffffu        /* bytes of the objects in a .gcdump: it counts them so */

/* Interpreters of Python. A page is a read while the process is held, of about a microsecond */
#define LIMIT_PYTHON_FIND_MS 500u               /* processor time until its files say no more */
#define LIMIT_PYTHON_PAGES 16384u               /* of 4 KiB, all together ... */
#define LIMIT_PYTHON_PAGES_LEAST 1024u          /* ... for a process of few threads, ... */
#define LIMIT_PYTHON_PAGES_THREAD 16u           /* ... and for each of its threads */
#define LIMIT_PYTHON_STATES 262144u             /* interpreters and their threads */
#define LIMIT_PYTHON_STEPS 262144u              /* frames that are looked at, all together */
#define LIMIT_PYTHON_CODES 65536u               /* functions; 80 bytes each */
#define LIMIT_PYTHON_LINES (1024u * 1024)       /* bytes of one function's location table */
#define LIMIT_PYTHON_LINE_STEPS (4096u * 1024)  /* entries of such tables, all together */
#define LIMIT_PYTHON_BYTES (128u * 1024 * 1024) /* of tables and names, each time that one is read */

/* Operations */
#define LIMIT_MESSAGE (64u * 1024)             /* an operation message or an answer's head on the wire */
#define LIMIT_FIELDS 128u                      /* fields of one message */
#define LIMIT_METRICS (1024u * 1024)           /* figures for Prometheus: some 20 KiB */
#define LIMIT_JSON_ANSWER (256u * 1024 * 1024) /* one JSON answer in a worker */

#define LIMIT_FOUND 10000u                /* open files that one search names */
#define LIMIT_WAIT_MS (10ull * 60 * 1000) /* how long a process may be given to end by itself */

/* The stream of events */
#define LIMIT_EVENTS_FRAME (32u * 1024 * 1024) /* one tick, or all processes at once */
#define LIMIT_EVENTS_KEPT (16u * 1024 * 1024)  /* of the ticks that late viewers can still have */
#define LIMIT_WATCHED 65536u                   /* processes that are watched; those beyond are only counted */

/* Samples */
#define LIMIT_PERF_FREQUENCY 1000u           /* in a second of a processor's time */
#define LIMIT_PERF_STACK 32768u              /* bytes of each; a record holds 64 KiB at most */
#define LIMIT_PERF_EVENTS 16384u             /* descriptors; about 1 KiB of the kernel's memory each */
#define LIMIT_PERF_RINGS (32u * 1024 * 1024) /* locked memory of a session; 64 KiB each at least */
#define LIMIT_PROCESSORS 8192u               /* the kernel's own maximum */

/* Dumps */
#define LIMIT_STACK_BUDGET (8u * 1024 * 1024) /* captured stack bytes of all threads together ... */
#define LIMIT_STACK_MAX (1u * 1024 * 1024)    /* ... at most this much of one ... */
#define LIMIT_STACK_MIN 4096u                 /* ... and at least this much, where the stack has it */
#define LIMIT_INTERRUPTED_BUDGET                                                                             \
    (4u * 1024 * 1024)                           /* of stacks that were left for a signal handler's own      \
                                                  */
#define LIMIT_EXTENDED_BUDGET (4u * 1024 * 1024) /* captured extended registers of all threads together */
#define LIMIT_LINKAGE (8u * 1024 * 1024)         /* captured pages of ELF headers and link maps */
#define LIMIT_FILE_NOTE (16u * 1024 * 1024)      /* the note of a core that names the mapped files */
#define LIMIT_CORE_NOTES (256u * 1024 * 1024)    /* the notes of a core file that is read */
#define LIMIT_STREAM_CHUNK (256u * 1024)         /* memory is read and sent in pieces of this size */
#define LIMIT_ZIP_ENTRIES 1048576u               /* files in one archive */
#define LIMIT_COMPRESS_THREADS 8u                /* of one dump: more than a pipe can take */
#define LIMIT_COMPRESS_PIECE (256u * 1024)       /* what one thread compresses at a time */
#define LIMIT_ZSTD_THREADS 4u                    /* likewise; each has 2 MiB and more */
#define LIMIT_MODULE_FILE (8ull << 30) /* one file of a target in an archive; larger ones are left out */

/* CPU profiles: under 32 MiB together, log and tables and their indexes. What comes past a bound is counted
 * under a name that says so. */
#define LIMIT_PROFILE_LOG (768u * 1024)       /* samples with their times; 16 bytes each: 12 MiB */
#define LIMIT_PROFILE_COUNTS (128u * 1024)    /* stacks by thread; 16 bytes each */
#define LIMIT_PROFILE_NODES (256u * 1024)     /* calls in the tree of stacks; 8 bytes each */
#define LIMIT_PROFILE_FRAMES (64u * 1024)     /* addresses with their names; 24 bytes each */
#define LIMIT_PROFILE_MODULES 4096u           /* 32 bytes each */
#define LIMIT_PROFILE_THREADS 32768u          /* also those that ended meanwhile; 16 bytes each */
#define LIMIT_PROFILE_STRINGS (128u * 1024)   /* names, 4 bytes each, ... */
#define LIMIT_PROFILE_TEXT (4u * 1024 * 1024) /* ... with all their bytes together ... */
#define LIMIT_PROFILE_NAME 1024u              /* ... of one: templates write names of many KiB */
#define LIMIT_PROFILE_DEPTH 512u              /* functions of one stack, the innermost */
#define LIMIT_PROFILE_MS (15ull * 60 * 1000)  /* how long one takes, as long as it may be asked to wait */
#define LIMIT_LONGEST_MS LIMIT_PROFILE_MS     /* of all waits; each operation has its own bound */
#define LIMIT_PROFILE_NAMED (128u * 1024)     /* addresses whose names are remembered; 48 bytes each */
#define LIMIT_PERF_MAP (64u * 1024 * 1024)    /* the file in which a runtime names its code */
#define LIMIT_PERF_MAP_ENTRIES (1024u * 1024)
#define LIMIT_PERF_MAP_NAME 4096u
#define LIMIT_JIT_RECORDS                                                                                    \
    (4096u * 1024)                      /* of the file in which it tells more; texts and functions as above */
#define LIMIT_JIT_LOOKS (16384u * 1024) /* for where functions were that have moved; 1 ns each */
#define LIMIT_JIT_LINES (2048u * 1024)  /* 16 bytes each */
#define LIMIT_JIT_LINES_FUNCTION 16384u /* one that has more has none */
#define LIMIT_KERNEL_NAMES (1024u * 1024) /* functions of the kernel; a usual one has 120,000 */
#define LIMIT_KERNEL_NAMES_TEXT (64u * 1024 * 1024)
