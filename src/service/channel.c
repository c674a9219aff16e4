#include "service/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int channel_pair(int flags, int ret_ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, ret_ends) < 0)
        return -errno;
    return 0;
}

union control {
    char bytes[CMSG_SPACE(sizeof(int) *
                          (CHANNEL_DESCRIPTORS_MAX + 3))]; /* more than is allowed, so that more is seen */
    struct cmsghdr align;
};

int channel_send_several(int channel, const void *bytes, size_t size, const int *fds, size_t count)
{
    union control control;
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t n;

    if (count > CHANNEL_DESCRIPTORS_MAX)
        return -EINVAL;
    memset(&control, 0, sizeof control);
    if (count > 0) {
        struct cmsghdr *header;
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    do {
        n = sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    /* ETOOMANYREFS: descriptors in flight are bounded by RLIMIT_NOFILE, ENOBUFS: no memory for it now */
    if (n < 0)
        return errno == ETOOMANYREFS || errno == ENOBUFS ? -EAGAIN : -errno;
    return 0;
}

int channel_send(int channel, const void *bytes, size_t size, int fd)
{
    return channel_send_several(channel, bytes, size, &fd, fd >= 0 ? 1 : 0);
}

/* Takes the first `most` descriptors; closes what is beyond them. Returns how many there were. */
static size_t take_descriptors(struct msghdr *message, int *fds, size_t most)
{
    size_t count = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        size_t here;
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (count++ < most)
                fds[count - 1] = fd;
            else
                (void)fd_close(fd); /* always -1 */
        }
    }
    return count;
}

ssize_t channel_receive_several(int channel, void *bytes, size_t size, int *fds, size_t most)
{
    union control control;
    struct iovec piece = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    size_t count;
    ssize_t n;

    for (size_t i = 0; i < most; i++)
        fds[i] = -1;
    memset(&control, 0, sizeof control);
    do {
        n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    count = take_descriptors(&message, fds, most);
    if (count > most || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        for (size_t i = 0; i < most; i++)
            fds[i] = fd_close(fds[i]);
        return -EBADMSG;
    }
    return n;
}

ssize_t channel_receive(int channel, void *bytes, size_t size, int *ret_fd)
{
    int fd = -1;
    ssize_t n = channel_receive_several(channel, bytes, size, &fd, 1);

    if (n >= 0)
        *ret_fd = fd;
    return n;
}
