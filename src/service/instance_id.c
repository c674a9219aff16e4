#include "service/instance_id.h"

#include "base/clock.h"
#include "base/io.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/random.h>

void instance_id_derive(const char *machine_id_file, const char *host_name, char ret_id[INSTANCE_ID_SIZE])
{
    static const char purpose[] = "procscope instance"; /* the machine id itself is to be told to nobody */
    _cleanup_buffer_ struct buffer machine = BUFFER_INIT(256);
    struct sha256_ctx hash;
    uint8_t digest[SHA256_DIGEST_SIZE];

    if (io_read_file_at(AT_FDCWD, machine_id_file, &machine) < 0)
        buffer_release(&machine);
    sha256_init(&hash);
    sha256_update(&hash, sizeof purpose, (const uint8_t *)purpose);
    sha256_update(&hash, strcspn(buffer_string(&machine), "\n"), (const uint8_t *)buffer_string(&machine));
    sha256_update(&hash, 1, (const uint8_t *)"");
    sha256_update(&hash, strlen(host_name), (const uint8_t *)host_name);
    sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(ret_id + 2 * i, 3, "%02x", digest[i]); /* fits */
}

bool instance_id_is_valid(const char *id)
{
    size_t size = strlen(id);

    if (size == 0 || size > INSTANCE_ID_MAX || id[0] == '.')
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)id[i];
        if (c >= 0x80 || (!isalnum(c) && !strchr("._-", c)))
            return false;
    }
    return true;
}

void instance_run_make(char ret_run[INSTANCE_RUN_SIZE])
{
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = (uint64_t)clock_realtime_ns() ^ (uint64_t)getpid() << 48; /* of an old kernel */
    (void)snprintf(ret_run, INSTANCE_RUN_SIZE, "%016" PRIx64, number);     /* fits */
}
