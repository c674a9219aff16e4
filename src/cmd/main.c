#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A descriptor that is closed at the start would be given to the next file that is opened: what is meant for
 * stderr would go into a dump or a socket. Opened the wrong way round, so that its use still fails. Where
 * there is no /dev/null, nothing can be done. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) /* then it is the lowest free one, which open gives */
            (void)open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    }
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    return command_run(argc, argv);
}
