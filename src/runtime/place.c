#include "runtime/place.h"

#include "base/clock.h"
#include "capture/mapped_file.h"
#include "proc/status.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

int runtime_place_look(const struct pidref *process, const char *name, uint64_t deadline_ms,
                       struct runtime_place *ret_place, struct error *error)
{
    struct runtime_place place = {.process = process,
                                  .name = name,
                                  .inner_pid = process->pid,
                                  .tmp_fd = -1,
                                  .deadline_ms = deadline_ms};
    struct proc_status status;
    int r = proc_status_read(process->dir_fd, &status);

    *ret_place = place;
    if (r < 0)
        return r;
    if (status.state == 'T')
        return error_set(error, EBUSY, "%s is stopped.", name);
    if (status.namespace_depth > 0)
        place.inner_pid = status.namespace_pids[status.namespace_depth - 1];
    place.user = status.uid[1];
    place.group = status.gid[1];
    r = mapped_file_find(process, "/tmp", O_DIRECTORY, &place.tmp_fd);
    if (r < 0)
        return error_errno(error, -r, "%s's /tmp can't be reached", name);
    *ret_place = place;
    return 0;
}

/* A service that isn't root has its capabilities whoever it becomes. */
static int drop_capabilities(void)
{
    cap_t none = geteuid() != 0 ? cap_init() : NULL;
    int r = none && cap_set_proc(none) < 0 ? -errno : 0;

    if (none)
        (void)cap_free(none); /* fails only for what is no cap_t */
    return r;
}

/* Whoever can't become that user tries as it is: root is welcome to newer virtual machines. */
int runtime_place_become_user(const struct runtime_place *place, struct error *error)
{
    (void)prctl(PR_SET_DUMPABLE, 0); /* else that user could look into our memory, which has others' in it */
    if (geteuid() == place->user && getegid() == place->group)
        return drop_capabilities();
    (void)!setgroups(0, NULL); /* EPERM where the next will fail, too */
    if (setresgid(place->group, place->group, place->group) == 0 &&
        setresuid(place->user, place->user, place->user) == 0)
        return prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : drop_capabilities();
    if (geteuid() == 0 || geteuid() == place->user)
        return 0;
    return error_set(error, EACCES, "%s is asked by its own user (here %u) or by root.", place->name,
                     (unsigned)place->user);
}

int runtime_place_tell(int channel, const struct error *error, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec text = {.iov_base = (void *)error, .iov_len = sizeof *error};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
    struct cmsghdr *part;

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(part), &fd, sizeof fd);
    }
    return sendmsg(channel, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int take_fd(struct msghdr *message, int *ret_fd)
{
    const struct cmsghdr *part = CMSG_FIRSTHDR(message);

    if (!part || part->cmsg_type != SCM_RIGHTS || part->cmsg_len != CMSG_LEN(sizeof *ret_fd))
        return -EBADMSG;
    memcpy(ret_fd, CMSG_DATA(part), sizeof *ret_fd);
    return 0;
}

int runtime_place_told(int channel, uint64_t deadline_ms, int *ret_fd, struct error *error)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct error told;
    struct iovec text = {.iov_base = &told, .iov_len = sizeof told};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = ret_fd ? control.bytes : NULL,
                             .msg_controllen = ret_fd ? sizeof control.bytes : 0};
    struct pollfd waited = {.fd = channel, .events = POLLIN};
    uint64_t now = clock_monotonic_ms();

    if (poll(&waited, 1, deadline_ms > now ? (int)(deadline_ms - now) : 0) <=
        0) /* files of the target's file system may hang */
        return error_set(error, ETIMEDOUT, "A FIFO for the heap could not be made in time.");
    if (recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != (ssize_t)sizeof told)
        return error_set(error, EIO, "The process that guards the FIFO was ended.");
    told.text[sizeof told.text - 1] = '\0';
    if (told.code) {
        if (error)
            *error = told;
        return -told.code;
    }
    return ret_fd ? error_ensure(error, take_fd(&message, ret_fd), "No FIFO came") : 0;
}
