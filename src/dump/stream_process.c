/* The streams about the process as a whole and its machine. */
#include "base/parse.h"
#include "dump/cpuinfo.h"
#include "dump/layout.h"

#include <inttypes.h>
#include <string.h>

enum { NS_PER_SECOND = 1000000000 };

/* "Linux 6.1.0-18-amd64 ..." -> 6, 1, 0 */
static void kernel_version(const char *text, struct md_system_info *info)
{
    const char *end = text + strlen(text);
    uint64_t numbers[3] = {0};

    while (text < end && (*text < '0' || *text > '9'))
        text++;
    for (size_t i = 0; i < ELEMENTS_OF(numbers); i++)
        if (!scan_u64(&text, end, &numbers[i]) || !scan_char(&text, end, '.'))
            break;
    info->major = (uint32_t)numbers[0];
    info->minor = (uint32_t)numbers[1];
    info->build = (uint32_t)numbers[2];
}

int stream_system_info(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct capture *capture = minidump->capture;
    struct cpu_facts cpu;
    struct md_system_info info = {.architecture = CONTEXT_ARCHITECTURE, .platform = MD_PLATFORM_LINUX};
    int r;

    cpu_facts_parse(buffer_string(&capture->cpuinfo_text), capture->cpuinfo_text.size, &cpu);
    info.processor_count = cpu.count > UINT8_MAX ? UINT8_MAX : (uint8_t)cpu.count;
    info.level = (uint16_t)cpu.family;
    info.revision = (uint16_t)((cpu.model & 0xff) << 8 | (cpu.stepping & 0xff));
    memcpy(info.cpu, cpu.vendor, sizeof cpu.vendor);
    kernel_version(capture->machine_version, &info);
    r = layout_append_string(minidump, capture->machine_version, &info.csd_version_rva);
    *ret_size = sizeof info;
    return r < 0 ? r : layout_append(minidump, &info, sizeof info, 8, ret_rva);
}

static uint32_t seconds(int64_t ns)
{
    return ns > 0 ? (uint32_t)(ns / NS_PER_SECOND) : 0;
}

int stream_misc_info(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct capture *capture = minidump->capture;
    struct md_misc_info info = {
        .size = sizeof info,
        .flags = MD_MISC_PROCESS_ID | MD_MISC_PROCESS_TIMES,
        .process_id = (uint32_t)capture->pid,
        .create_time = seconds(capture->start_time),
        .user_time = seconds(capture->user_time),
        .kernel_time = seconds(capture->system_time),
    };

    *ret_size = sizeof info;
    return layout_append(minidump, &info, sizeof info, 8, ret_rva);
}

enum handle_kind { HANDLE_FILE, HANDLE_SOCKET, HANDLE_PIPE, HANDLE_OTHER, HANDLE_KINDS };

static enum handle_kind handle_kind(const char *text)
{
    static const char *const sockets[] = {"tcp", "udp", "unix", "socket:", "netlink", "packet", "raw"};

    if (text[0] == '/')
        return HANDLE_FILE;
    if (strncmp(text, "pipe:", 5) == 0)
        return HANDLE_PIPE;
    for (size_t i = 0; i < ELEMENTS_OF(sockets); i++)
        if (strncmp(text, sockets[i], strlen(sockets[i])) == 0)
            return HANDLE_SOCKET;
    return HANDLE_OTHER;
}

/* Open files as Windows's handles: the number, what kind it is, what it is called. */
int stream_handles(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    static const char *const names[HANDLE_KINDS] = {"File", "Socket", "Pipe", "Other"};
    const struct open_file_list *files = &minidump->capture->files;
    struct md_handle_head head = {
        .head_size = sizeof head, .entry_size = sizeof(struct md_handle), .count = (uint32_t)files->count};
    uint32_t kinds[HANDLE_KINDS];
    size_t first;
    int r = layout_append(minidump, &head, sizeof head, 8, ret_rva);

    if (r == 0)
        r = layout_append(minidump, NULL, files->count * sizeof(struct md_handle), 1, &first);
    for (size_t i = 0; r == 0 && i < HANDLE_KINDS; i++)
        r = layout_append_string(minidump, names[i], &kinds[i]);
    for (size_t i = 0; r == 0 && i < files->count; i++) {
        const struct open_file *file = &files->items[i];
        struct md_handle handle = {.handle = (uint64_t)file->fd,
                                   .type_name_rva = kinds[handle_kind(file->text)],
                                   .granted_access = (uint32_t)file->flags,
                                   .handle_count = 1};

        r = layout_append_string(minidump, file->text, &handle.object_name_rva);
        if (r == 0)
            ((struct md_handle *)layout_at(minidump, first))[i] = handle;
    }
    *ret_size = sizeof head + files->count * sizeof(struct md_handle);
    return r;
}

/* The open files as text: one line each, number and name. */
int stream_files(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct open_file_list *files = &minidump->capture->files;
    int r = layout_append(minidump, NULL, 0, 8, ret_rva);

    for (size_t i = 0; r == 0 && i < files->count; i++)
        r = buffer_append_format(&minidump->head, "%d -> %s\n", files->items[i].fd, files->items[i].text);
    *ret_size = minidump->head.size - *ret_rva;
    return r;
}
