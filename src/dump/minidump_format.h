/* The minidump file format as it lies in the file: little-endian, packed to 4 bytes. Sources: Microsoft's
 * documentation of minidumpapiset.h; Breakpad's minidump_format.h for the Linux streams (0x4767....). */
#pragma once

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "minidumps are little-endian"
#endif

enum md_stream {
    MD_THREAD_LIST = 3,
    MD_MODULE_LIST = 4,
    MD_MEMORY_LIST = 5,
    MD_EXCEPTION = 6,
    MD_SYSTEM_INFO = 7,
    MD_MEMORY_64_LIST = 9,
    MD_HANDLE_DATA = 12,
    MD_UNLOADED_MODULE_LIST = 14,
    MD_MISC_INFO = 15,
    MD_MEMORY_INFO_LIST = 16,
    MD_THREAD_INFO_LIST = 17,
    MD_THREAD_NAMES = 24,
    MD_LINUX_CPU_INFO = 0x47670003,
    MD_LINUX_PROC_STATUS,
    MD_LINUX_LSB_RELEASE,
    MD_LINUX_CMD_LINE,
    MD_LINUX_ENVIRON,
    MD_LINUX_AUXV,
    MD_LINUX_MAPS,
    MD_LINUX_DSO_DEBUG,
    MD_LINUX_PROC_STAT, /* from here on lldb's */
    MD_LINUX_PROC_UPTIME,
    MD_LINUX_PROC_FD,
};

/* MINIDUMP_TYPE. What each means here: docs/MINIDUMP.md */
enum md_type {
    MD_TYPE_DATA_SEGS = 0x1,
    MD_TYPE_FULL_MEMORY = 0x2,
    MD_TYPE_HANDLE_DATA = 0x4,
    MD_TYPE_FILTER_MEMORY = 0x8,
    MD_TYPE_SCAN_MEMORY = 0x10,
    MD_TYPE_UNLOADED_MODULES = 0x20,
    MD_TYPE_INDIRECTLY_REFERENCED = 0x40,
    MD_TYPE_FILTER_MODULE_PATHS = 0x80,
    MD_TYPE_PROCESS_THREAD_DATA = 0x100,
    MD_TYPE_PRIVATE_READ_WRITE = 0x200,
    MD_TYPE_WITHOUT_OPTIONAL_DATA = 0x400,
    MD_TYPE_FULL_MEMORY_INFO = 0x800,
    MD_TYPE_THREAD_INFO = 0x1000,
    MD_TYPE_CODE_SEGS = 0x2000,
    MD_TYPE_WITHOUT_AUXILIARY = 0x4000,
    MD_TYPE_FULL_AUXILIARY = 0x8000,
    MD_TYPE_PRIVATE_WRITE_COPY = 0x10000,
    MD_TYPE_IGNORE_INACCESSIBLE = 0x20000,
    MD_TYPE_TOKEN_INFORMATION = 0x40000,
    MD_TYPE_MODULE_HEADERS = 0x80000,
    MD_TYPE_FILTER_TRIAGE = 0x100000,
    MD_TYPE_AVX_STATE = 0x200000,
    MD_TYPE_IPT_TRACE = 0x400000,
    MD_TYPE_SCAN_PARTIAL_PAGES = 0x800000,
    MD_TYPE_FILTER_WRITE_COMBINED = 0x1000000,
};

#define MD_SIGNATURE 0x504d444du /* "MDMP" */
#define MD_VERSION 0x0000a793u
#define MD_CV_ELF 0x4270454cu /* "LEpB": the build id follows */
#define MD_PLATFORM_LINUX 0x8201u
#define MD_EXCEPTION_DUMP_REQUESTED 0xffffffffu
#define MD_STILL_ACTIVE 0x103u

enum { MD_MISC_PROCESS_ID = 1, MD_MISC_PROCESS_TIMES = 2 };
enum { MD_MEMORY_COMMIT = 0x1000, MD_MEMORY_RESERVE = 0x2000, MD_MEMORY_FREE = 0x10000 };
enum { MD_MEMORY_PRIVATE = 0x20000, MD_MEMORY_MAPPED = 0x40000, MD_MEMORY_IMAGE = 0x1000000 };
enum {
    MD_PAGE_NO_ACCESS = 0x01,
    MD_PAGE_READ_ONLY = 0x02,
    MD_PAGE_READ_WRITE = 0x04,
    MD_PAGE_WRITE_COPY = 0x08,
    MD_PAGE_EXECUTE = 0x10,
    MD_PAGE_EXECUTE_READ = 0x20,
    MD_PAGE_EXECUTE_READ_WRITE = 0x40,
    MD_PAGE_EXECUTE_WRITE_COPY = 0x80,
};

#pragma pack(push, 4)

struct md_location {
    uint32_t size;
    uint32_t rva;
};

struct md_header {
    uint32_t signature, version, stream_count, directory_rva, checksum, time;
    uint64_t flags;
};

struct md_directory {
    uint32_t type;
    struct md_location location;
};

struct md_memory {
    uint64_t start;
    struct md_location location;
};

struct md_thread {
    uint32_t id, suspend_count, priority_class, priority;
    uint64_t environment_block;
    struct md_memory stack;
    struct md_location context;
};

struct md_thread_name {
    uint32_t id;
    uint64_t name_rva;
};

struct md_module {
    uint64_t base;
    uint32_t size, checksum, time, name_rva;
    uint32_t version[13]; /* VS_FIXEDFILEINFO */
    struct md_location cv_record, misc_record;
    uint64_t reserved[2];
};

struct md_unloaded_module {
    uint64_t base;
    uint32_t size, checksum, time, name_rva;
};

struct md_memory64 {
    uint64_t start, size;
};

struct md_exception {
    uint32_t thread_id, alignment;
    uint32_t code, flags;
    uint64_t record, address;
    uint32_t parameter_count, alignment_2;
    uint64_t parameters[15];
    struct md_location context;
};

struct md_system_info {
    uint16_t architecture, level, revision;
    uint8_t processor_count, product_type;
    uint32_t major, minor, build, platform, csd_version_rva;
    uint16_t suite_mask, reserved;
    uint32_t cpu[6];
};

struct md_misc_info {
    uint32_t size, flags, process_id, create_time, user_time, kernel_time;
};

struct md_handle {
    uint64_t handle;
    uint32_t type_name_rva, object_name_rva, attributes, granted_access, handle_count, pointer_count;
};

struct md_memory_info {
    uint64_t base, allocation_base;
    uint32_t allocation_protection, alignment;
    uint64_t size;
    uint32_t state, protection, type, alignment_2;
};

struct md_thread_info {
    uint32_t id, dump_flags, dump_error, exit_status;
    uint64_t create_time, exit_time, kernel_time, user_time, start_address, affinity;
};

/* The heads of lists that say how large they and their entries are. */
struct md_list_head {
    uint32_t head_size, entry_size, count;
};

struct md_handle_head {
    uint32_t head_size, entry_size, count, reserved;
};

struct md_memory_info_head {
    uint32_t head_size, entry_size;
    uint64_t count;
};

struct md_memory64_head {
    uint64_t count, base_rva;
};

#pragma pack(pop)

_Static_assert(sizeof(struct md_header) == 32, "MINIDUMP_HEADER");
_Static_assert(sizeof(struct md_directory) == 12, "MINIDUMP_DIRECTORY");
_Static_assert(sizeof(struct md_memory) == 16, "MINIDUMP_MEMORY_DESCRIPTOR");
_Static_assert(sizeof(struct md_thread) == 48, "MINIDUMP_THREAD");
_Static_assert(sizeof(struct md_thread_name) == 12, "MINIDUMP_THREAD_NAME");
_Static_assert(sizeof(struct md_module) == 108, "MINIDUMP_MODULE");
_Static_assert(sizeof(struct md_unloaded_module) == 24, "MINIDUMP_UNLOADED_MODULE");
_Static_assert(sizeof(struct md_exception) == 168, "MINIDUMP_EXCEPTION_STREAM");
_Static_assert(sizeof(struct md_system_info) == 56, "MINIDUMP_SYSTEM_INFO");
_Static_assert(sizeof(struct md_misc_info) == 24, "MINIDUMP_MISC_INFO");
_Static_assert(sizeof(struct md_handle) == 32, "MINIDUMP_HANDLE_DESCRIPTOR");
_Static_assert(sizeof(struct md_memory_info) == 48, "MINIDUMP_MEMORY_INFO");
_Static_assert(sizeof(struct md_thread_info) == 64, "MINIDUMP_THREAD_INFO");
