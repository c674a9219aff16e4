#include "access/token.h"

#include "access/credential.h"
#include "access/file.h"
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/base16.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>
#include <sys/random.h>

enum { SECRET_SIZE = 32, ID_BYTES = 4 };

void token_list_release(struct token_list *list)
{
    free(list->items);
    *list = (struct token_list){0};
}

static void hash(const uint8_t salt[TOKEN_SALT_SIZE], const char *text, uint8_t ret_hash[TOKEN_HASH_SIZE])
{
    struct hmac_sha256_ctx context;

    hmac_sha256_set_key(&context, TOKEN_SALT_SIZE, salt);
    hmac_sha256_update(&context, strlen(text), (const uint8_t *)text);
    hmac_sha256_digest(&context, TOKEN_HASH_SIZE, ret_hash);
}

static bool take_hex(const char *text, uint8_t *bytes, size_t size)
{
    struct base16_decode_ctx decode;
    size_t length = strlen(text), done = size;

    if (length != 2 * size)
        return false;
    base16_decode_init(&decode);
    return base16_decode_update(&decode, &done, bytes, length, text) && base16_decode_final(&decode) &&
           done == size;
}

static bool take_id(const char *text, char id[TOKEN_ID_SIZE])
{
    if (strlen(text) != TOKEN_ID_SIZE - 1 || text[strspn(text, "0123456789abcdef")])
        return false;
    memcpy(id, text, TOKEN_ID_SIZE);
    return true;
}

static bool take_name(const char *text, char name[TOKEN_NAME_SIZE])
{
    size_t size = strlen(text);

    if (size == 0 || size >= TOKEN_NAME_SIZE)
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return false;
    memcpy(name, text, size + 1);
    return true;
}

static bool take_line(char *line, struct token *token)
{
    enum { PARTS = 7 };
    char *parts[PARTS];

    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = strsep(&line, " ");
        if (!parts[i])
            return false;
    }
    return !line && take_id(parts[0], token->id) && role_parse(parts[1], &token->role) == 0 &&
           token->role != ROLE_NONE && parse_i64(parts[2], &token->created) == 0 &&
           parse_i64(parts[3], &token->expires) == 0 && token->expires >= 0 &&
           take_hex(parts[4], token->salt, sizeof token->salt) &&
           take_hex(parts[5], token->hash, sizeof token->hash) && take_name(parts[6], token->name);
}

static const struct token *find(const struct token_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].id, id) == 0)
            return &list->items[i];
    return NULL;
}

int token_list_parse(struct token_list *list, const char *path, char *text, struct error *error)
{
    unsigned number = 0;
    char *line;

    while ((line = access_file_line(&text, &number))) {
        struct token token = {0};
        int r = 0;

        if (!take_line(line, &token) || find(list, token.id))
            return error_set(error, EINVAL, "%.300s line %u is not as 'procscope token' writes it.", path,
                             number);
        r = ARRAY_RESERVE(list, 1, TOKENS_MAX);
        if (r < 0)
            return error_errno(error, -r, "The tokens of %.300s could not be read", path);
        list->items[list->count++] = token;
    }
    return 0;
}

int token_list_write(const struct token_list *list, struct buffer *out)
{
    int r = buffer_append_string(out, "# Tokens of procscope: ID ROLE CREATED EXPIRES SALT HASH NAME\n");

    for (size_t i = 0; r == 0 && i < list->count; i++) {
        const struct token *token = &list->items[i];
        char salt[BASE16_ENCODE_LENGTH(TOKEN_SALT_SIZE) + 1] = "",
                                                          digest[BASE16_ENCODE_LENGTH(TOKEN_HASH_SIZE) + 1] =
                                                              "";

        base16_encode_update(salt, sizeof token->salt, token->salt);
        base16_encode_update(digest, sizeof token->hash, token->hash);
        r = buffer_append_format(out, "%s %s %" PRId64 " %" PRId64 " %s %s %s\n", token->id,
                                 role_name(token->role), token->created, token->expires, salt, digest,
                                 token->name);
    }
    return r;
}

/* base64url without padding, so that it can stand in a URL, a header and a shell's word. */
static void encode_secret(const uint8_t secret[SECRET_SIZE], char *text)
{
    struct base64_encode_ctx encode;
    size_t size;

    base64url_encode_init(&encode);
    size = base64_encode_update(&encode, text, SECRET_SIZE, secret);
    size += base64_encode_final(&encode, text + size);
    while (size > 0 && text[size - 1] == '=')
        size--;
    text[size] = '\0';
}

int token_list_add(struct token_list *list, const char *name, enum role role, int64_t now, int64_t expires,
                   char ret_text[TOKEN_TEXT_SIZE], struct error *error)
{
    struct token token = {.role = role, .created = now, .expires = expires};
    char secret_text[BASE64_ENCODE_RAW_LENGTH(SECRET_SIZE) + 1];
    uint8_t random[ID_BYTES + SECRET_SIZE];
    int r = ARRAY_RESERVE(list, 1, TOKENS_MAX);

    if (r < 0)
        return r == -ENOBUFS ? error_set(error, ENOBUFS, "There are %d tokens already, which is the limit.",
                                         (int)TOKENS_MAX)
                             : error_errno(error, -r, "No token could be made");
    if (!take_name(name, token.name))
        return error_set(error, EINVAL, "'%.80s' is no name for a token: up to %d characters, no blanks.",
                         name, TOKEN_NAME_SIZE - 1);
    do {
        if (getrandom(random, sizeof random, 0) != sizeof random ||
            getrandom(token.salt, sizeof token.salt, 0) != sizeof token.salt)
            return error_errno(error, errno, "No token could be made");
        base16_encode_update(token.id, ID_BYTES, random);
        token.id[TOKEN_ID_SIZE - 1] = '\0';
    } while (find(list, token.id));
    encode_secret(random + ID_BYTES, secret_text);
    (void)snprintf(ret_text, TOKEN_TEXT_SIZE, TOKEN_PREFIX "%s_%s", token.id, secret_text); /* fits */
    explicit_bzero(random, sizeof random);
    explicit_bzero(secret_text, sizeof secret_text);
    hash(token.salt, ret_text, token.hash);
    list->items[list->count++] = token;
    return 0;
}

int token_list_check(const struct token_list *list, const char *text, int64_t now,
                     struct principal *ret_principal)
{
    static const struct token nobody; /* so that an id that is not there takes no less time */
    const struct token *token = NULL;
    uint8_t digest[TOKEN_HASH_SIZE];
    char id[TOKEN_ID_SIZE] = "";
    size_t prefix = strlen(TOKEN_PREFIX);
    bool same;

    if (strnlen(text, TOKEN_TEXT_SIZE) < TOKEN_TEXT_SIZE && strlen(text) > prefix + TOKEN_ID_SIZE) {
        memcpy(id, text + prefix, TOKEN_ID_SIZE - 1);
        token = find(list, id);
    }
    hash(token ? token->salt : nobody.salt, text, digest);
    same = memeql_sec(digest, token ? token->hash : nobody.hash, sizeof digest);
    if (!token || !same || (token->expires != 0 && token->expires <= now))
        return -ENOENT;
    *ret_principal = (struct principal){
        .role = token->role, .kind = PRINCIPAL_TOKEN, .user = (uid_t)-1, .expires = token->expires};
    principal_set_name(ret_principal, token->name);
    return 0;
}
