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

/* Clocks of two machines differ. */
enum { GOOD_SECONDS = 30, LEEWAY_SECONDS = 30, PAGE_SIZE = 4096, MAC_TEXT_SIZE = 2 * SHA256_DIGEST_SIZE };

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

int cluster_token_make(const struct cluster_keys *keys, const struct principal *principal, const char *issuer,
                       const char *audience, int64_t now, char ret_text[CLUSTER_TOKEN_SIZE])
{
    char name[2 * PRINCIPAL_NAME_SIZE + 1], mac[MAC_TEXT_SIZE];
    size_t length = strnlen(principal->name, PRINCIPAL_NAME_SIZE - 1);
    int size;

    if (!cluster_keys_are_there(keys))
        return -ENOKEY;
    base16_encode_update(name, length, (const uint8_t *)principal->name);
    name[2 * length] = '\0';
    size =
        snprintf(ret_text, CLUSTER_TOKEN_SIZE, PREFIX "%" PRId64 "~%" PRId64 "~%s~%s~%s~%s",
                 now + GOOD_SECONDS, principal->expires, role_name(principal->role), audience, issuer, name);
    if (size < 0 || (size_t)size + 1 + MAC_TEXT_SIZE >= CLUSTER_TOKEN_SIZE)
        return -EINVAL;
    sign(keys->page->keys[0], ret_text, (size_t)size, mac);
    ret_text[size] = '~';
    memcpy(ret_text + size + 1, mac, MAC_TEXT_SIZE);
    ret_text[size + 1 + MAC_TEXT_SIZE] = '\0';
    return 0;
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

/* Of one whose signature is right. */
static bool take_fields(char *text, const char *audience, int64_t now, struct principal *principal,
                        bool *ret_is_old)
{
    char *fields[6], name[PRINCIPAL_NAME_SIZE];
    struct base16_decode_ctx decode;
    size_t length = sizeof name - 1;
    int64_t expires;

    for (size_t i = 0; i < ELEMENTS_OF(fields); i++)
        if (!(fields[i] = strsep(&text, "~")))
            return false;
    if (text || parse_i64(fields[0], &expires) < 0 || parse_i64(fields[1], &principal->expires) < 0 ||
        role_parse(fields[2], &principal->role) < 0 || strcasecmp(fields[3], audience) != 0)
        return false;
    base16_decode_init(&decode);
    if (strlen(fields[5]) > 2 * length ||
        !base16_decode_update(&decode, &length, (uint8_t *)name, strlen(fields[5]), fields[5]) ||
        !base16_decode_final(&decode))
        return false;
    name[length] = '\0';
    /* one that is good for longer was made by a clock that nobody should go by */
    *ret_is_old = expires < now - LEEWAY_SECONDS || expires > now + GOOD_SECONDS + LEEWAY_SECONDS;
    _cleanup_free_ char *through = NULL;
    if (asprintf(&through, "%s via %s", name, fields[4]) < 0) {
        through = NULL;
        return false;
    }
    principal_set_name(principal, through);
    return true;
}

int cluster_token_check(const struct cluster_keys *keys, const char *authorization, const char *audience,
                        int64_t now, struct principal *ret_principal, struct error *error)
{
    const char *text = authorization + strlen(SCHEME), *mac = strrchr(text, '~');
    struct principal principal = {.kind = PRINCIPAL_INSTANCE, .user = (uid_t)-1};
    _cleanup_free_ char *copy = NULL;
    bool is_old = false;

    if (!cluster_keys_are_there(keys) || strlen(text) >= CLUSTER_TOKEN_SIZE || !mac ||
        strlen(mac + 1) != MAC_TEXT_SIZE || !is_signed(keys, text, (size_t)(mac - text), mac + 1))
        return error_set(error, ENOKEY,
                         "The other instance's token is not signed with the key of this cluster.");
    copy = strndup(text + strlen(PREFIX), (size_t)(mac - text) - strlen(PREFIX));
    if (!copy)
        return error_errno(error, ENOMEM, "The other instance's token could not be read");
    if (!take_fields(copy, audience, now, &principal, &is_old))
        return error_set(error, ENOKEY, "The other instance's token is not for this instance.");
    if (is_old)
        return error_set(
            error, ENOKEY,
            "The other instance's token has expired, or is of another time: are the clocks of both "
            "right?");
    if (!principal_is_sound(&principal))
        return error_set(error, ENOKEY, "The other instance's token is malformed.");
    *ret_principal = principal;
    return 0;
}
