/* ELF files of targets with symbols and debug information, as hostile as can be: names and lines at some
 * addresses. The first byte chooses whether they are read out of a file, as mapped or of bytes, and how far
 * the addresses are apart. */
#include "base/io.h"
#include "unwind/image.h"
#include "unwind/mapped_image.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { ADDRESSES = 24, MOST = 16, BASE = 0x10000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_file(const uint8_t *data, size_t size, struct image **ret_image)
{
    int fd = memfd_create("image", MFD_CLOEXEC);

    if (fd < 0 || io_write_full(fd, data, size, -1) < 0) {
        (void)fd_close(fd);
        return -EIO;
    }
    return image_open(fd, NULL, ret_image);
}

static int open_mapped(const uint8_t *data, size_t size, struct image **ret_image)
{
    _cleanup_memory_ struct memory *memory = NULL;
    _cleanup_free_ char *bytes = NULL;
    size_t read_size;
    int r = memory_bytes_new(BASE, data, size, &memory);

    if (r == 0)
        r = mapped_image_read(memory, BASE, &bytes, &read_size);
    return r < 0 ? r : image_of_bytes(bytes, read_size, ret_image);
}

static int open_image(const uint8_t *data, size_t size, struct image **ret_image)
{
    unsigned how = data[0] % 3;

    data++;
    size--;
    if (how == 0)
        return image_of_bytes(data, size, ret_image);
    return how == 1 ? open_file(data, size, ret_image) : open_mapped(data, size, ret_image);
}

static void look(struct image *image, uint64_t address)
{
    struct image_place places[MOST];
    size_t count = image_places(image, address, true, places, MOST), length = 0;

    if (count > MOST)
        __builtin_trap();
    for (size_t i = 0; i < count; i++) {
        length += places[i].function ? strlen(places[i].function) : 0;
        length += places[i].file ? strlen(places[i].file) : 0;
    }
    if (length == SIZE_MAX || image_places(image, address, true, places, MOST) != count)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image *image = NULL;
    uint64_t address, step;

    if (size < 1)
        return 0;
    step = 1 + (data[0] >> 1);
    if (open_image(data, size, &image) < 0)
        return 0;
    address = image_load_address(image) + 0x280;
    for (size_t i = 0; i < ADDRESSES; i++)
        look(image, address + i * step);
    look(image, 0);
    look(image, UINT64_MAX);
    (void)image_cfi(image); /* what is in it is fuzz_cfi's */
    image_release(image);
    image_forget_unused();
    return 0;
}
