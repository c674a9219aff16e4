/* Runs every file of a corpus folder once through a fuzz target, for compilers and runs without libFuzzer. */
#include "base/cleanup.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(int directory_fd, const char *name)
{
    _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ uint8_t *bytes = NULL;
    struct stat facts;
    ssize_t size;

    if (fd < 0 || fstat(fd, &facts) < 0)
        return -1;
    /* the exact size, so that reading one byte too far is seen by the address sanitizer */
    bytes = malloc(facts.st_size > 0 ? (size_t)facts.st_size : 1);
    if (!bytes)
        return -1;
    size = read(fd, bytes, (size_t)facts.st_size);
    if (size != facts.st_size)
        return -1;
    (void)LLVMFuzzerTestOneInput(bytes, (size_t)size); /* always 0 by contract */
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_closedir_ DIR *corpus = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned count = 0;

    if (!corpus) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(corpus));) {
        if (entry->d_name[0] == '.')
            continue;
        if (replay(dirfd(corpus), entry->d_name) < 0) {
            perror(entry->d_name);
            return 1;
        }
        count++;
    }
    printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}
