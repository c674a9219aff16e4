#include "service/sandbox_parts.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is allowed whatever the arguments are has no rules here: src/service/sandbox_calls.c. */
struct rules {
    scmp_filter_ctx filter;
    unsigned powers;
    int result; /* of the first that failed */
};

static void allow(struct rules *rules, int call, unsigned count, const struct scmp_arg_cmp *compared)
{
    if (rules->result == 0)
        rules->result = seccomp_rule_add_array(rules->filter, SCMP_ACT_ALLOW, call, count, compared);
}

/* Of an argument, counted from 0. The kernel sees 32 bits of an int; a comparison of all 64 would be got
 * around by those above. */
#define IS(argument, value) SCMP_CMP64((argument), SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(value))
#define HAS(argument, mask, value) SCMP_CMP64((argument), SCMP_CMP_MASKED_EQ, (mask), (value))

static void allow_value(struct rules *rules, int call, unsigned argument, uint32_t value)
{
    allow(rules, call, 1, &IS(argument, value));
}

/* Where the bits of the mask are just these. */
static void allow_masked(struct rules *rules, int call, unsigned argument, uint64_t mask, uint64_t value)
{
    allow(rules, call, 1, &HAS(argument, mask, value));
}

/* Of fcntl() all but F_SETOWN and F_SETSIG, with which the kernel signals others for us, and F_SETFL, of
 * which add_waiting() has a part. */
static const uint32_t fcntl_of_loop[] = {
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_GETPIPE_SZ, F_SETPIPE_SZ,
};

/* Nothing by which the inspector would wait for us: it closes the connections that we send it (so there is
 * no SO_LINGER), and writes into our pipes (which stay non-blocking). */
static void add_waiting(struct rules *rules)
{
    static const uint32_t levels[] = {IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP};
    static const uint32_t options[] = {SO_KEEPALIVE, SO_SNDBUF, SO_RCVBUF};
    const struct scmp_arg_cmp no_blocking[] = {IS(1, F_SETFL), HAS(2, O_NONBLOCK, O_NONBLOCK)};

    for (size_t i = 0; i < ELEMENTS_OF(levels); i++)
        allow_value(rules, SCMP_SYS(setsockopt), 1, levels[i]);
    for (size_t i = 0; i < ELEMENTS_OF(options); i++) {
        const struct scmp_arg_cmp option[] = {IS(1, SOL_SOCKET), IS(2, options[i])};
        allow(rules, SCMP_SYS(setsockopt), ELEMENTS_OF(option), option);
    }
    allow(rules, SCMP_SYS(fcntl), ELEMENTS_OF(no_blocking), no_blocking);
}

/* Without POWER_WORK, which has the same calls and more of them. */
static void add_loop(struct rules *rules)
{
    for (size_t i = 0; i < ELEMENTS_OF(fcntl_of_loop); i++)
        allow_value(rules, SCMP_SYS(fcntl), 1, fcntl_of_loop[i]);
    /* No MSG_FASTOPEN: it connects as connect() does, and a listening socket that was shut down for reading
     * can be connected to any address, from the one that we listen at. */
    allow_masked(rules, SCMP_SYS(sendto), 3, MSG_FASTOPEN, 0);
    allow_masked(rules, SCMP_SYS(sendmsg), 2, MSG_FASTOPEN, 0);
    add_waiting(rules);
    /* fstat() of newer C libraries: of a descriptor, whose name is empty; names can't be seen from here, and
     * to look at a file's facts is all that it could do */
    if (!(rules->powers & POWER_CONNECT))
        allow_masked(rules, SCMP_SYS(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH);
    allow_value(rules, SCMP_SYS(prctl), 0, PR_SET_NAME);
    /* abort() and pthread_kill(): itself only */
    allow_value(rules, SCMP_SYS(tgkill), 0, (uint32_t)getpid());
}

static void add_sockets(struct rules *rules)
{
    static const struct {
        unsigned powers;
        uint32_t family;
    } families[] = {
        {POWER_WORK | POWER_CONNECT, AF_UNIX}, /* the journal; nscd, sssd, systemd-resolved */
        {POWER_TCP | POWER_CONNECT, AF_INET},
        {POWER_TCP | POWER_CONNECT, AF_INET6},
        {POWER_CONNECT, AF_NETLINK}, /* which addresses we have */
    };

    for (size_t i = 0; i < ELEMENTS_OF(families); i++)
        if (rules->powers & families[i].powers)
            allow_value(rules, SCMP_SYS(socket), 0, families[i].family);
    if (rules->powers & (POWER_WORK | POWER_CONNECT))
        allow_value(rules, SCMP_SYS(socketpair), 0, AF_UNIX);
}

/* openat2() has its flags in memory, where a filter can't see them: whoever has it opens as he likes. */
static void add_files(struct rules *rules)
{
    const uint32_t reads = O_ACCMODE | O_CREAT | O_TRUNC;

    if (rules->powers & (POWER_PATHS | POWER_KEEP)) {
        allow(rules, SCMP_SYS(openat), 0, NULL);
        allow(rules, SCMP_SYS(open), 0, NULL);
    } else if (rules->powers & (POWER_WORK | POWER_CONNECT)) {
        allow_masked(rules, SCMP_SYS(openat), 2, reads, O_RDONLY);
        allow_masked(rules, SCMP_SYS(open), 1, reads, O_RDONLY);
    }
    if (rules->powers & POWER_ASK)
        allow_masked(rules, SCMP_SYS(mknodat), 2, S_IFMT, S_IFIFO);
}

static void add_work(struct rules *rules)
{
    static const uint32_t own[] = {
        PR_SET_NAME,     PR_SET_PDEATHSIG,    PR_GET_PDEATHSIG,       PR_SET_DUMPABLE,
        PR_GET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS,    PR_CAPBSET_READ,
        PR_CAPBSET_DROP, PR_GET_SECCOMP,      PR_SET_CHILD_SUBREAPER,
    };

    for (size_t i = 0; i < ELEMENTS_OF(own); i++)
        allow_value(rules, SCMP_SYS(prctl), 0, own[i]);
    allow_value(rules, SCMP_SYS(prlimit64), 0, 0);
    if (!(rules->powers & POWER_FORK)) /* abort() and pthread_cancel(): itself only */
        allow_value(rules, SCMP_SYS(tgkill), 0, (uint32_t)getpid());
}

static void add_devices(struct rules *rules)
{
    /* linux/fs.h has PAGEMAP_SCAN from Linux 6.7 on: capture/present.c */
    const uint32_t pagemap_scan = _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96);

    allow_value(rules, SCMP_SYS(ioctl), 1, FIONREAD);
    if (rules->powers & POWER_TRACE)
        allow_value(rules, SCMP_SYS(ioctl), 1, pagemap_scan);
    if (rules->powers & POWER_SAMPLE) {
        allow_value(rules, SCMP_SYS(ioctl), 1, PERF_EVENT_IOC_DISABLE);
        allow_value(rules, SCMP_SYS(ioctl), 1, PERF_EVENT_IOC_SET_OUTPUT);
    }
    if (rules->powers & POWER_CONNECT)
        allow_value(rules, SCMP_SYS(ioctl), 1, FIONBIO);
}

/* Threads; processes only in our own namespaces; no new code, or code out of files. */
static void add_memory_and_threads(struct rules *rules)
{
    const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                CLONE_NEWPID | CLONE_NEWNET;

    if (rules->powers & POWER_FORK)
        allow_masked(rules, SCMP_SYS(clone), 0, namespaces, 0);
    else
        allow_masked(rules, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
    /* flags of clone3 lie in memory where a filter can't see them: ENOSYS makes the C library use clone */
    if (rules->result == 0)
        rules->result = seccomp_rule_add(rules->filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    allow_masked(rules, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
    if (rules->powers & POWER_WORK)
        allow_masked(rules, SCMP_SYS(mmap), 2, PROT_EXEC | PROT_WRITE, PROT_EXEC);
    allow_masked(rules, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
}

static void add_calls(struct rules *rules)
{
    for (const struct sandbox_calls *calls = sandbox_calls; calls->count > 0; calls++)
        for (size_t i = 0; calls->powers & rules->powers && i < calls->count; i++)
            allow(rules, calls->calls[i], 0, NULL);
}

static int read_program(int fd, struct sandbox_program *ret_program)
{
    static struct sock_filter instructions[BPF_MAXINSNS];
    ssize_t size = io_read_full(fd, instructions, sizeof instructions);
    struct sock_filter *copy;

    if (size < 0)
        return (int)size;
    copy = malloc((size_t)size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, instructions, (size_t)size);
    *ret_program = (struct sandbox_program){.count = (size_t)size / sizeof *copy, .instructions = copy};
    return 0;
}

/* By way of a pipe, which has room for it: some 300 instructions of 8 bytes. */
static int export(struct rules *rules, struct sandbox_program *ret_program)
{
    _cleanup_close_ int from = -1, to = -1;
    int ends[2], r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    from = ends[0];
    to = ends[1];
    r = seccomp_export_bpf(rules->filter, to);
    to = fd_close(to);
    return r < 0 ? r : read_program(from, ret_program);
}

/* Threads that exist already get it, too. Before Linux 5.16 a filter also turns off what a processor
 * foresees, which slows down whoever looks into processes, and is for those whom strangers might take over.
 */
static unsigned flags_of(unsigned powers)
{
    return SECCOMP_FILTER_FLAG_TSYNC |
           (powers & (POWER_PATHS | POWER_FORK) ? SECCOMP_FILTER_FLAG_SPEC_ALLOW : 0);
}

int sandbox_filter_compile(unsigned powers, struct sandbox_program *ret_program, struct error *error)
{
    struct rules rules = {.filter = seccomp_init(SCMP_ACT_ERRNO(EPERM)), .powers = powers};

    if (!rules.filter)
        return error_set(error, ENOMEM, "Out of memory.");
    add_calls(&rules);
    if (powers & POWER_WORK)
        add_work(&rules);
    else
        add_loop(&rules);
    add_files(&rules);
    add_sockets(&rules);
    add_devices(&rules);
    add_memory_and_threads(&rules);
    if (rules.result == 0) /* a tree: as many comparisons for the last call as for the first */
        rules.result = seccomp_attr_set(rules.filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rules.result == 0)
        rules.result = export(&rules, ret_program);
    if (rules.result == 0)
        ret_program->flags = flags_of(powers);
    seccomp_release(rules.filter);
    if (rules.result < 0)
        return error_errno(error, -rules.result, "The filter of system calls could not be made");
    return 0;
}

void sandbox_program_release(struct sandbox_program *program)
{
    free(program->instructions);
    *program = (struct sandbox_program){0};
}

int sandbox_filter_load(const struct sandbox_program *program, struct error *error)
{
    struct sock_fprog filter = {.len = (unsigned short)program->count, .filter = program->instructions};
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags, &filter);

    if (r < 0 && errno == EINVAL) /* before Linux 4.17 */
        r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags & ~SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                    &filter);
    if (r < 0)
        return error_errno(error, errno, "The filter of system calls could not be set");
    return r > 0 ? error_set(error, EBUSY, "The filter of system calls could not be set in all threads.") : 0;
}

int sandbox_filter(unsigned powers, struct error *error)
{
    struct sandbox_program program = {0};
    int r = sandbox_filter_compile(powers, &program, error);

    if (r == 0)
        r = sandbox_filter_load(&program, error);
    sandbox_program_release(&program);
    return r;
}
