/* Prints what an ELF file says of addresses of it, one on each line of the input, in the form of `addr2line
 * -afi`; for the integration tests, which ask others too. usage: places FILE [beside] */
#include "base/parse.h"
#include "unwind/effort.h"
#include "unwind/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { MOST = 64 };

static int open_beside(const void *context, const char *name, int *ret_fd)
{
    int fd = openat(*(const int *)context, name, O_RDONLY | O_CLOEXEC);

    if (name[0] == '/' || fd < 0) {
        (void)fd_close(fd);
        return -ENOENT;
    }
    *ret_fd = fd;
    return 0;
}

static void print(struct image *image, uint64_t address)
{
    struct image_place places[MOST];
    size_t count = image_places(image, address, true, places, MOST);

    printf("0x%016" PRIx64 "\n", address);
    if (!count)
        printf("?\?\n?\?:0\n");
    for (size_t i = 0; i < count; i++)
        printf("%s\n%s:%u\n", places[i].function ? places[i].function : "?\?",
               places[i].file ? places[i].file : "?\?", places[i].line);
}

int main(int argc, char **argv)
{
    _cleanup_image_ struct image *image = NULL;
    _cleanup_free_ char *path = argc == 2 ? strdup(argv[1]) : NULL;
    char *slash = path ? strrchr(path, '/') : NULL, line[64];
    _cleanup_close_ int directory = -1;
    struct image_files files = {.find = open_beside, .context = &directory};
    int r;

    if (!slash) {
        fprintf(stderr, "usage: %s /PATH/OF/FILE < addresses\n", argv[0]);
        return 2;
    }
    *slash = '\0';
    directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    r = image_open(open(argv[1], O_RDONLY | O_CLOEXEC), &files, &image);
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
        return 1;
    }
    effort_init(image_effort(image), 60 * 1000); /* all addresses of a file are asked for */
    while (fgets(line, sizeof line, stdin)) {
        uint64_t address;

        line[strcspn(line, "\n")] = '\0';
        if (parse_hex(line, &address) < 0)
            return 2;
        print(image, address);
    }
    return 0;
}
