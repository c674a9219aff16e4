/* Where a thread waits: its wait channel and its system call, as the kernel shows them of a thread that
 * sleeps; nothing is stopped for it. */
#include "base/io.h"
#include "base/parse.h"
#include "capture/thread_parts.h"
#include "proc/read.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>

void thread_system_call_parse(const char *text, size_t size, struct thread_info *thread)
{
    const char *at = text, *end = text + size;
    uint64_t arguments[6];
    int64_t number;

    thread->system_call = -1;
    if (!scan_i64(&at, end, &number) || number < 0)
        return; /* "running", or "-1 SP PC": it sleeps, but in no system call */
    for (size_t i = 0; i < ELEMENTS_OF(arguments); i++) {
        scan_blanks(&at, end);
        if (!scan_char(&at, end, '0') || !scan_char(&at, end, 'x') || !scan_hex(&at, end, &arguments[i]))
            return;
    }
    thread->system_call = number;
    memcpy(thread->system_call_arguments, arguments, sizeof arguments);
}

void thread_wait_read(int thread_fd, bool kernel_thread, struct thread_info *thread)
{
    char text[256]; /* 9 numbers of at most 18 characters */
    size_t size = 0;

    if (proc_read_small(thread_fd, "wchan", text, sizeof thread->wait_channel - 1, &size) == 0 &&
        !(size == 1 && text[0] == '0')) /* "0": it runs, or the channel is hidden from us */
        memcpy(thread->wait_channel, text, size);
    if (kernel_thread)
        return; /* the kernel would show what its stack happens to hold there */
    if (proc_read_small(thread_fd, "syscall", text, sizeof text, &size) == 0)
        thread_system_call_parse(text, size, thread);
}

bool process_is_32_bit(int directory_fd)
{
    _cleanup_close_ int fd = openat(directory_fd, "exe", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    unsigned char identity[EI_NIDENT];

    return sizeof(long) == 8 && fd >= 0 &&
           io_pread_full(fd, identity, sizeof identity, 0) == (ssize_t)sizeof identity &&
           memcmp(identity, ELFMAG, SELFMAG) == 0 && identity[EI_CLASS] == ELFCLASS32;
}
