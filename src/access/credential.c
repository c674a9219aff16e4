#include "access/credential.h"

#include <errno.h>
#include <nettle/base64.h>
#include <string.h>
#include <strings.h>

void credential_release(struct credential *credential)
{
    if (credential->storage)
        explicit_bzero(credential->storage, credential->storage_size);
    free(credential->storage);
    *credential = (struct credential){0};
}

/* What follows the scheme and its blanks; NULL: it is another one. */
static const char *after_scheme(const char *text, const char *scheme)
{
    size_t size = strlen(scheme);

    if (strncasecmp(text, scheme, size) != 0 || text[size] != ' ')
        return NULL;
    text += size;
    return text + strspn(text, " ");
}

bool credential_is_basic(const char *authorization)
{
    return after_scheme(authorization, "Basic") != NULL;
}

static bool is_token_of_ours(const char *text)
{
    return strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) == 0;
}

/* The characters of a token68: none of them is a blank or a control character. */
static bool is_token_text(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c <= 0x20 || *c >= 0x7f)
            return false;
    return *text != '\0';
}

static int split_basic(const char *encoded, struct credential *credential)
{
    struct base64_decode_ctx decode;
    size_t size = strlen(encoded), decoded = BASE64_DECODE_LENGTH(size);
    char *colon;

    base64_decode_init(&decode);
    if (!base64_decode_update(&decode, &decoded, (uint8_t *)credential->storage, size, encoded) ||
        !base64_decode_final(&decode))
        return -EINVAL;
    credential->storage[decoded] = '\0';
    colon = memchr(credential->storage, ':', decoded);
    if (!colon || strlen(credential->storage) != decoded) /* a NUL would hide what follows it */
        return -EINVAL;
    *colon = '\0';
    credential->name = credential->storage;
    credential->text = colon + 1;
    credential->kind = is_token_of_ours(credential->text) ? CREDENTIAL_TOKEN : CREDENTIAL_PASSWORD;
    return 0;
}

int credential_parse(const char *authorization, struct credential *ret_credential)
{
    _cleanup_credential_ struct credential credential = {0};
    const char *bearer = after_scheme(authorization, "Bearer"), *basic = after_scheme(authorization, "Basic");
    const char *text = bearer ? bearer : basic;
    size_t size = text ? strlen(text) : 0;

    if (!text || !is_token_text(text) || size > CREDENTIAL_MAX)
        return -EINVAL;
    /* decoded it is shorter; the decoder wants room for the most that it might write */
    credential.storage_size = size + BASE64_DECODE_LENGTH(1) + 1;
    credential.storage = calloc(1, credential.storage_size);
    if (!credential.storage)
        return -ENOMEM;
    if (bearer) {
        memcpy(credential.storage, bearer, size);
        credential.text = credential.storage;
        credential.kind = is_token_of_ours(bearer) ? CREDENTIAL_TOKEN : CREDENTIAL_JWT;
    } else {
        int r = split_basic(basic, &credential);
        if (r < 0)
            return r;
    }
    *ret_credential = credential;
    credential = (struct credential){0};
    return 0;
}
