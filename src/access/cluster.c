#include "access/cluster.h"

#include "access/file.h"
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/base16.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/random.h>

/* Clocks of two machines differ. */
enum {
    GOOD_SECONDS = 30,
    LEEWAY_SECONDS = 30,
    PAGE_SIZE = 4096,
    MAC_TEXT_SIZE = 2 * SHA256_DIGEST_SIZE,
    ASKED_TEXT_SIZE = 2 * CLUSTER_HASH_SIZE
};

#define SCHEME "Bearer "
#define PREFIX "psi_"

struct cluster_page {
    size_t count;
    uint8_t keys[CLUSTER_KEYS_MAX][SHA256_DIGEST_SIZE];
};

void cluster_keys_release(struct cluster_keys *keys)
{
    if (!keys->page)
        return;
    explicit_bzero(keys->page, sizeof *keys->page);
    (void)munmap(keys->page, PAGE_SIZE); /* it is what was mapped */
    keys->page = NULL;
}

bool cluster_keys_are_there(const struct cluster_keys *keys)
{
    return keys->page && keys->page->count > 0;
}

static int make_page(struct cluster_keys *keys, struct error *error)
{
    void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return error_errno(error, errno, "The cluster's key could not be kept");
    keys->page = page;
    (void)mlock(page, PAGE_SIZE); /* else it might be swapped out; there may be a limit */
    if (madvise(page, PAGE_SIZE, MADV_WIPEONFORK) < 0 || madvise(page, PAGE_SIZE, MADV_DONTDUMP) < 0)
        return error_errno(error, errno,
                           "The cluster's key could not be kept from other processes"); /* 4.14 */
    return 0;
}

static int take_line(struct cluster_page *page, const char *path, unsigned number, const char *line,
                     struct error *error)
{
    struct sha256_ctx hash;

    if (strlen(line) < CLUSTER_KEY_LEAST)
        return error_set(error, EINVAL, "%.300s line %u: a key has %d characters or more, by chance.", path,
                         number, CLUSTER_KEY_LEAST);
    if (page->count == CLUSTER_KEYS_MAX)
        return error_set(error, EINVAL, "%.300s has more than %d keys.", path, CLUSTER_KEYS_MAX);
    sha256_init(&hash);
    sha256_update(&hash, strlen(line), (const uint8_t *)line);
    sha256_digest(&hash, SHA256_DIGEST_SIZE, page->keys[page->count++]);
    return 0;
}

int cluster_keys_read(const char *path, struct cluster_keys *ret_keys, struct error *error)
{
    _cleanup_(cluster_keys_release) struct cluster_keys keys = {0};
    struct buffer text = {0};
    unsigned number = 0;
    char *cursor, *line;
    int r = make_page(&keys, error);

    if (r == 0)
        r = access_file_read(path, true, &text, NULL, error);
    cursor = text.data;
    while (r == 0 && cursor && (line = access_file_line(&cursor, &number)))
        r = take_line(keys.page, path, number, line, error);
    if (text.data)
        explicit_bzero(text.data, text.size);
    buffer_release(&text);
    if (r == 0 && keys.page->count == 0)
        r = error_set(error, EINVAL, "%.300s holds no key: 'openssl rand -hex 32' makes one.", path);
    if (r < 0)
        return r;
    *ret_keys = keys;
    keys.page = NULL;
    return 0;
}

bool cluster_token_is(const char *authorization)
{
    return strncasecmp(authorization, SCHEME, strlen(SCHEME)) == 0 &&
           strncmp(authorization + strlen(SCHEME), PREFIX, strlen(PREFIX)) == 0;
}

static void sign(const uint8_t key[SHA256_DIGEST_SIZE], const char *text, size_t size,
                 char ret_mac[MAC_TEXT_SIZE])
{
    struct hmac_sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];

    hmac_sha256_set_key(&context, SHA256_DIGEST_SIZE, key);
    hmac_sha256_update(&context, size, (const uint8_t *)text);
    hmac_sha256_digest(&context, sizeof digest, digest);
    base16_encode_update(ret_mac, sizeof digest, digest);
    explicit_bzero(&context, sizeof context);
}

static void hash_asked(const char *asked, size_t method_size, const char *target,
                       char ret_text[ASKED_TEXT_SIZE])
{
    struct sha256_ctx context;
    uint8_t digest[CLUSTER_HASH_SIZE];

    sha256_init(&context);
    sha256_update(&context, method_size, (const uint8_t *)asked);
    sha256_update(&context, strlen(target), (const uint8_t *)target);
    sha256_digest(&context, sizeof digest, digest);
    base16_encode_update(ret_text, sizeof digest, digest);
}

int cluster_token_make(const struct cluster_keys *keys, const struct principal *principal, const char *issuer,
                       const char *audience, const char *asked, int64_t now,
                       char ret_text[CLUSTER_TOKEN_SIZE])
{
    char name[2 * PRINCIPAL_NAME_SIZE + 1], mac[MAC_TEXT_SIZE], request[ASKED_TEXT_SIZE];
    size_t length = strnlen(principal->name, PRINCIPAL_NAME_SIZE - 1);
    uint64_t chance[2];
    int size;

    if (!cluster_keys_are_there(keys))
        return -ENOKEY;
    if (getrandom(chance, sizeof chance, 0) != sizeof chance)
        return -EIO;
    base16_encode_update(name, length, (const uint8_t *)principal->name);
    name[2 * length] = '\0';
    hash_asked(asked, 0, asked, request);
    size = snprintf(ret_text, CLUSTER_TOKEN_SIZE,
                    PREFIX "%" PRId64 "~%" PRId64 "~%s~%s~%s~%s~%.*s~%016" PRIx64 "%016" PRIx64,
                    now + GOOD_SECONDS, principal->expires, role_name(principal->role), audience, issuer,
                    name, ASKED_TEXT_SIZE, request, chance[0], chance[1]);
    if (size < 0 || (size_t)size + 1 + MAC_TEXT_SIZE >= CLUSTER_TOKEN_SIZE)
        return -EINVAL;
    sign(keys->page->keys[0], ret_text, (size_t)size, mac);
    ret_text[size] = '~';
    memcpy(ret_text + size + 1, mac, MAC_TEXT_SIZE);
    ret_text[size + 1 + MAC_TEXT_SIZE] = '\0';
    return 0;
}

/* Whether that is what was asked: as it came, or without our prefix, which the other one's address may have.
 */
static bool is_asked(const struct cluster_claim *claim, const char *wanted)
{
    char found[ASKED_TEXT_SIZE];
    const char *target = claim->asked ? strchr(claim->asked, '/') : NULL;
    size_t method_size, prefix_size = strlen(claim->path_prefix);

    if (!target || strlen(wanted) != ASKED_TEXT_SIZE)
        return false;
    method_size = (size_t)(target - claim->asked);
    hash_asked(claim->asked, method_size, target, found);
    if (memcmp(found, wanted, ASKED_TEXT_SIZE) == 0)
        return true;
    if (prefix_size == 0 || strncmp(target, claim->path_prefix, prefix_size) != 0)
        return false;
    hash_asked(claim->asked, method_size, target + prefix_size, found);
    return memcmp(found, wanted, ASKED_TEXT_SIZE) == 0;
}

/* Nothing of it is looked at before this. */
static bool is_signed(const struct cluster_keys *keys, const char *text, size_t size, const char *mac)
{
    int good = 0;

    for (size_t i = 0; i < keys->page->count; i++) {
        char right[MAC_TEXT_SIZE];
        sign(keys->page->keys[i], text, size, right);
        good |= memeql_sec(right, mac, MAC_TEXT_SIZE);
    }
    return good;
}

enum {
    FIELD_EXPIRES,
    FIELD_ENDS,
    FIELD_ROLE,
    FIELD_AUDIENCE,
    FIELD_ISSUER,
    FIELD_NAME,
    FIELD_ASKED,
    FIELD_CHANCE,
    FIELDS
};

static bool split(char *text, char *fields[FIELDS])
{
    for (size_t i = 0; i < FIELDS; i++)
        if (!(fields[i] = strsep(&text, "~")))
            return false;
    return !text;
}

static bool take_name(const char *hex, const char *issuer, struct principal *principal)
{
    _cleanup_free_ char *through = NULL;
    char name[PRINCIPAL_NAME_SIZE];
    struct base16_decode_ctx decode;
    size_t length = sizeof name - 1;

    base16_decode_init(&decode);
    if (strlen(hex) > 2 * length ||
        !base16_decode_update(&decode, &length, (uint8_t *)name, strlen(hex), hex) ||
        !base16_decode_final(&decode))
        return false;
    name[length] = '\0';
    if (asprintf(&through, "%s via %s", name, issuer) < 0) {
        through = NULL;
        return false;
    }
    principal_set_name(principal, through);
    return true;
}

/* Of one whose signature is right. */
static int take_fields(char *text, const struct cluster_claim *claim, int64_t now,
                       struct principal *principal, int64_t *ret_until, struct error *error)
{
    char *fields[FIELDS];
    int64_t expires;

    if (!split(text, fields) || parse_i64(fields[FIELD_EXPIRES], &expires) < 0 ||
        parse_i64(fields[FIELD_ENDS], &principal->expires) < 0 ||
        role_parse(fields[FIELD_ROLE], &principal->role) < 0 ||
        strcasecmp(fields[FIELD_AUDIENCE], claim->audience) != 0 ||
        !take_name(fields[FIELD_NAME], fields[FIELD_ISSUER], principal))
        return error_set(error, ENOKEY, "The other instance's token is not for this instance.");
    if (!is_asked(claim, fields[FIELD_ASKED]))
        return error_set(error, ENOKEY, "The other instance's token is not for this request.");
    /* one that is good for longer was made by a clock that nobody should go by */
    if (expires < now - LEEWAY_SECONDS || expires > now + GOOD_SECONDS + LEEWAY_SECONDS)
        return error_set(
            error, ENOKEY,
            "The other instance's token has expired, or is of another time: are the clocks of both "
            "right?");
    if (!principal_is_sound(principal))
        return error_set(error, ENOKEY, "The other instance's token is malformed.");
    *ret_until = expires + LEEWAY_SECONDS;
    return 0;
}

int cluster_token_check(const struct cluster_keys *keys, const struct cluster_claim *claim, int64_t now,
                        struct principal *ret_principal, struct cluster_use *ret_use, struct error *error)
{
    const char *text = claim->authorization + strlen(SCHEME), *mac = strrchr(text, '~');
    struct principal principal = {.kind = PRINCIPAL_INSTANCE, .user = (uid_t)-1};
    _cleanup_free_ char *copy = NULL;
    struct base16_decode_ctx decode;
    size_t size = sizeof ret_use->hash;
    int r;

    if (!cluster_keys_are_there(keys) || strlen(text) >= CLUSTER_TOKEN_SIZE || !mac ||
        strlen(mac + 1) != MAC_TEXT_SIZE || !is_signed(keys, text, (size_t)(mac - text), mac + 1))
        return error_set(error, ENOKEY,
                         "The other instance's token is not signed with the key of this cluster.");
    copy = strndup(text + strlen(PREFIX), (size_t)(mac - text) - strlen(PREFIX));
    if (!copy)
        return error_errno(error, ENOMEM, "The other instance's token could not be read");
    r = take_fields(copy, claim, now, &principal, &ret_use->until, error);
    if (r < 0)
        return r;
    base16_decode_init(&decode); /* it is hex, since it is the same as what we have made */
    if (!base16_decode_update(&decode, &size, ret_use->hash, 2 * size, mac + 1))
        return error_set(error, ENOKEY, "The other instance's token is malformed.");
    *ret_principal = principal;
    return 0;
}
