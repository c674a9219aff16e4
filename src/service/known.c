#include "service/known.h"

#include <errno.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>
#include <sys/random.h>

int known_init(struct known *known)
{
    memset(known, 0, sizeof *known);
    return getrandom(known->secret, sizeof known->secret, 0) == sizeof known->secret ? 0 : -EIO;
}

void known_clear(struct known *known)
{
    memset(known->items, 0, sizeof known->items);
}

struct known_key known_key_of(const struct known *known, const char *credential)
{
    struct hmac_sha256_ctx context;
    struct known_key key;

    hmac_sha256_set_key(&context, sizeof known->secret, known->secret);
    hmac_sha256_update(&context, strlen(credential), (const uint8_t *)credential);
    hmac_sha256_digest(&context, sizeof key.bytes, key.bytes);
    return key;
}

/* Each key has one place: whoever else comes there takes it. */
static size_t place_of(const struct known_key *key)
{
    return (size_t)(key->bytes[0] | key->bytes[1] << 8) % KNOWN_MAX;
}

bool known_find(const struct known *known, const struct known_key *key, uint64_t now_ms, int64_t now,
                struct principal *ret_principal)
{
    size_t place = place_of(key);

    if (known->items[place].until_ms <= now_ms ||
        !memeql_sec(known->items[place].key.bytes, key->bytes, sizeof key->bytes) ||
        (known->items[place].principal.expires != 0 && known->items[place].principal.expires <= now))
        return false;
    *ret_principal = known->items[place].principal;
    return true;
}

void known_add(struct known *known, const struct known_key *key, uint64_t now_ms,
               const struct principal *principal)
{
    size_t place = place_of(key);

    known->items[place].key = *key;
    known->items[place].until_ms = now_ms + KNOWN_MS;
    known->items[place].principal = *principal;
}
