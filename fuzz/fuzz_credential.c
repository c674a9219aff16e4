/* The Authorization header as clients send it, through everything that looks at it: the scheme, the token,
 * the JWT. Of the keys here nobody has the private half, so nothing may ever be taken. */
#include "access/credential.h"
#include "access/jwt.h"
#include "access/token.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 7517, A.1 */
static const char set[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct jwt_demands demands = {.audience = "a", .role_claim = "roles", .name_claim = "sub"};
    static struct jwt_keys keys;
    static struct token_list tokens;
    _cleanup_credential_ struct credential credential = {0};
    _cleanup_free_ char *text = strndup((const char *)data, size);
    struct principal principal;
    struct error error;

    if (keys.count == 0) {
        char ours[TOKEN_TEXT_SIZE];
        if (jwt_keys_parse(&keys, "F", set, strlen(set), &error) < 0 ||
            token_list_add(&tokens, "x", ROLE_ADMIN, 0, 0, ours, &error) < 0)
            abort();
    }
    if (!text || credential_parse(text, &credential) < 0)
        return 0;
    if (strlen(credential.text) >= credential.storage_size)
        abort();
    if (token_list_check(&tokens, credential.text, 1, &principal) == 0 ||
        jwt_check(&keys, &demands, credential.text, 1, &principal, &error) == 0)
        abort();
    return 0;
}
