#include "runtime/dotnet_ipc.h"

#include "base/clock.h"
#include "base/limits.h"
#include "runtime/dotnet_bytes.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* In front of each command and answer. */
static const char magic[14] = "DOTNET_IPC_V1";
enum { HEAD_SIZE = 20, ANSWER_SET = 0xff, ANSWER_GOOD = 0x00 };

/* What a runtime says in place of an answer: CORDIAGIPC_E_* and an HRESULT of Windows. */
#define BAD_ENCODING 0x80131384u
#define UNKNOWN_COMMAND 0x80131385u

/* Sockets ask for the right to write to their file, which root without CAP_DAC_OVERRIDE hasn't: so we connect
 * as the target's user, which takes one system call each way and no other thread along. */
static int connect_as(const struct dotnet *dotnet, int fd, const struct sockaddr_un *address)
{
    pid_t parent = getppid();
    int group, user, dumpable, death_signal = 0, r;

    if (geteuid() == dotnet->user)
        return connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
    (void)prctl(PR_GET_PDEATHSIG, &death_signal); /* can't fail */
    dumpable = prctl(PR_GET_DUMPABLE);
    group = setfsgid(dotnet->group);
    user = setfsuid(dotnet->user);
    r = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
    (void)setfsuid((uid_t)user);
    (void)setfsgid((gid_t)group);
    /* Both are cleared by a change of user; a parent that died meanwhile would have ended us. */
    (void)prctl(PR_SET_DUMPABLE, dumpable == 1);
    (void)prctl(PR_SET_PDEATHSIG, death_signal);
    if (death_signal != 0 && getppid() != parent)
        (void)raise(death_signal);
    return r;
}

/* Until there is something to read (or room to write), the process has ended or it is too late. */
static int wait_for(const struct dotnet *dotnet, int fd, short events, uint64_t deadline_ms)
{
    struct pollfd waited[] = {{.fd = fd, .events = events},
                              {.fd = dotnet->process->pid_fd, .events = POLLIN}};
    uint64_t now = clock_monotonic_ms();

    if (now >= deadline_ms)
        return -ETIMEDOUT;
    (void)poll(waited, ELEMENTS_OF(waited), (int)(deadline_ms - now)); /* EINTR: as good as a step */
    return waited[1].revents && !waited[0].revents ? -ESRCH : 0;
}

/* The name and the owner of a socket prove nothing: who has a folder in common with others can link theirs to
 * the name of its own. So who listens has to be the process itself; nothing was said to it until then. */
static int check_peer(const struct dotnet *dotnet, int fd, struct error *error)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -errno;
    /* without a pidfd our numbers may be of another namespace */
    if (dotnet->process->pid_fd >= 0 ? peer.pid == dotnet->process->pid : peer.uid == dotnet->user)
        return 0;
    (void)error_set(error, EPERM, "At the diagnostics socket of process %d another process listens (%d).",
                    (int)dotnet->process->pid, (int)peer.pid); /* explain() keeps it */
    return -EREMOTE;
}

static int connect_to(const struct dotnet *dotnet, uint64_t deadline_ms, int *ret_fd, struct error *error)
{
    enum { STEP_MS = 5 };
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r;

    if (fd < 0)
        return -errno;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", dotnet->socket_fd);
    /* EAGAIN: others are waiting to be accepted */
    while ((r = connect_as(dotnet, fd, &address)) == -EAGAIN) {
        uint64_t now = clock_monotonic_ms(),
                 until = now + STEP_MS < deadline_ms ? now + STEP_MS : deadline_ms;

        r = wait_for(dotnet, -1, 0, until);
        if (now >= deadline_ms || (r < 0 && r != -ETIMEDOUT)) /* a step's time may be over before it begins */
            return now >= deadline_ms ? -ETIMEDOUT : r;
    }
    if (r == 0)
        r = check_peer(dotnet, fd, error);
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int write_all(const struct dotnet *dotnet, int fd, const struct buffer *bytes, uint64_t deadline_ms)
{
    size_t at = 0;

    while (at < bytes->size) {
        ssize_t n = send(fd, bytes->data + at, bytes->size - at, MSG_NOSIGNAL);
        int r = 0;

        if (n >= 0)
            at += (size_t)n;
        else if (errno == EAGAIN || errno == EINTR)
            r = wait_for(dotnet, fd, POLLOUT, deadline_ms);
        else
            r = -errno;
        if (r < 0)
            return r;
    }
    return 0;
}

ssize_t dotnet_read(const struct dotnet *dotnet, int fd, void *bytes, size_t size, uint64_t deadline_ms)
{
    for (;;) {
        ssize_t n = recv(fd, bytes, size, MSG_DONTWAIT);
        int r;

        if (n >= 0)
            return n;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        r = wait_for(dotnet, fd, POLLIN, deadline_ms);
        if (r < 0)
            return r;
    }
}

static int read_all(const struct dotnet *dotnet, int fd, void *bytes, size_t size, uint64_t deadline_ms)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = dotnet_read(dotnet, fd, (uint8_t *)bytes + at, size - at, deadline_ms);

        if (n <= 0)
            return n < 0 ? (int)n : -ECONNRESET;
        at += (size_t)n;
    }
    return 0;
}

static int refused(uint32_t code, struct error *error)
{
    if (code == UNKNOWN_COMMAND || code == BAD_ENCODING)
        return error_set(error, EOPNOTSUPP, "The .NET runtime does not know this command of diagnostics.");
    return error_set(error, EREMOTEIO, "The .NET runtime refuses (0x%08x).", (unsigned)code);
}

static int read_reply(const struct dotnet *dotnet, int fd, uint64_t deadline_ms, struct buffer *reply,
                      struct error *error)
{
    uint8_t head[HEAD_SIZE];
    struct dotnet_bytes bytes = {.at = head + sizeof magic, .end = head + sizeof head};
    int r = read_all(dotnet, fd, head, sizeof head, deadline_ms);
    uint16_t size = dotnet_u16(&bytes);
    uint8_t set = dotnet_u8(&bytes), word = dotnet_u8(&bytes);

    if (r < 0)
        return r;
    if (memcmp(head, magic, sizeof magic) != 0 || size < HEAD_SIZE || set != ANSWER_SET)
        return -EBADMSG;
    r = buffer_reserve(reply, size - (size_t)HEAD_SIZE);
    if (r == 0 && size > HEAD_SIZE)
        r = read_all(dotnet, fd, reply->data + reply->size, size - (size_t)HEAD_SIZE, deadline_ms);
    if (r < 0)
        return r;
    reply->size += size - (size_t)HEAD_SIZE;
    bytes = (struct dotnet_bytes){.at = (const uint8_t *)reply->data,
                                  .end = (const uint8_t *)reply->data + reply->size};
    return word == ANSWER_GOOD ? 0 : refused(dotnet_u32(&bytes), error);
}

static int explain(const struct dotnet *dotnet, int r, struct error *error)
{
    int pid = (int)dotnet->process->pid;

    switch (r) {
    case -ETIMEDOUT:
        return error_set(error, ETIMEDOUT, "The .NET runtime of process %d did not answer in time.", pid);
    case -ECONNREFUSED:
        return error_set(error, EBUSY, "Nobody listens at the diagnostics socket of process %d.", pid);
    case -EACCES:
    case -EPERM:
        return error_set(error, EACCES, "A .NET runtime is asked by its own user (here %u) or by root.",
                         (unsigned)dotnet->user);
    case -EREMOTE:
        return -EPERM; /* check_peer() has said it */
    case -ESRCH:
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", pid);
    case -ECONNRESET:
    case -EPIPE:
        return error_set(error, -r, "The .NET runtime closed the connection without an answer.");
    default:
        return error_ensure(error, r, "The .NET runtime can't be asked");
    }
}

static int send_command(const struct dotnet *dotnet, enum dotnet_command command,
                        const struct buffer *payload, uint64_t deadline_ms, int *ret_fd, struct error *error)
{
    _cleanup_buffer_ struct buffer bytes = BUFFER_INIT(UINT16_MAX);
    _cleanup_close_ int fd = -1;
    uint16_t size = (uint16_t)(HEAD_SIZE + (payload ? payload->size : 0));
    const uint8_t rest[] = {
        (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(command >> 8), (uint8_t)command, 0, 0};
    int r = buffer_append(&bytes, magic, sizeof magic);

    if (r == 0)
        r = buffer_append(&bytes, rest, sizeof rest);
    if (r == 0 && payload)
        r = buffer_append(&bytes, payload->data, payload->size);
    if (r == 0)
        r = connect_to(dotnet, deadline_ms, &fd, error);
    if (r == 0)
        r = write_all(dotnet, fd, &bytes, deadline_ms);
    if (r == 0)
        *ret_fd = TAKE_FD(fd);
    return r;
}

int dotnet_tell(const struct dotnet *dotnet, enum dotnet_command command, const struct buffer *payload,
                uint64_t deadline_ms, int *ret_fd, struct error *error)
{
    int r = send_command(dotnet, command, payload, deadline_ms, ret_fd, error);

    return r < 0 ? explain(dotnet, r, error) : 0;
}

int dotnet_hear(const struct dotnet *dotnet, int fd, uint64_t deadline_ms, struct buffer *reply,
                struct error *error)
{
    struct error said = {0};
    int r = read_reply(dotnet, fd, deadline_ms, reply, &said);

    if (r < 0 && said.code) {
        if (error)
            *error = said;
        return r;
    }
    return r < 0 ? explain(dotnet, r, error) : 0;
}

int dotnet_ask(const struct dotnet *dotnet, enum dotnet_command command, const struct buffer *payload,
               uint64_t deadline_ms, struct buffer *reply, int *ret_fd, struct error *error)
{
    _cleanup_close_ int fd = -1;
    int r = dotnet_tell(dotnet, command, payload, deadline_ms, &fd, error);

    if (r == 0)
        r = dotnet_hear(dotnet, fd, deadline_ms, reply, error);
    if (r < 0)
        return r;
    if (ret_fd)
        *ret_fd = TAKE_FD(fd);
    return 0;
}

int dotnet_version(const struct dotnet *dotnet, uint64_t deadline_ms, char ret_version[DOTNET_VERSION_SIZE],
                   struct error *error)
{
    enum { PID_AND_COOKIE = 24, TEXTS_BEFORE = 4 }; /* command line, system, architecture, assembly */
    _cleanup_buffer_ struct buffer reply = BUFFER_INIT(LIMIT_MESSAGE), text = BUFFER_INIT(LIMIT_MESSAGE);
    int r = dotnet_ask(dotnet, DOTNET_PROCESS_INFO, NULL, deadline_ms, &reply, NULL, error);
    struct dotnet_bytes bytes = {.at = (const uint8_t *)reply.data,
                                 .end = (const uint8_t *)reply.data + reply.size};

    ret_version[0] = '\0';
    if (r < 0)
        return r == -EOPNOTSUPP ? 0 : r;
    (void)dotnet_skip(&bytes, PID_AND_COOKIE); /* a reply that is too short has no version */
    for (int i = 0; i <= TEXTS_BEFORE && r == 0; i++) {
        buffer_clear(&text);
        r = dotnet_counted_text(&bytes, &text);
    }
    if (r == 0 && !bytes.is_short)
        (void)snprintf(ret_version, DOTNET_VERSION_SIZE, "%s", buffer_string(&text)); /* cut: so be it */
    return error_ensure(error, r, "The .NET runtime's answer could not be kept");
}
