/* The files of tokens, passwords and keys: what is read must be written so that it is read the same. */
#include "access/jwt_keys.h"
#include "access/password.h"
#include "access/token.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_token_list_ struct token_list tokens = {0}, again = {0};
    _cleanup_password_list_ struct password_list passwords = {0};
    _cleanup_buffer_ struct buffer out = {0};
    _cleanup_free_ char *one = strndup((const char *)data, size), *two = strndup((const char *)data, size);
    struct jwt_keys keys = {0};
    struct error error;

    if (!one || !two)
        return 0;
    (void)!password_list_parse(&passwords, "F", two, &error); /* only that nothing breaks */
    (void)!jwt_keys_parse(&keys, "F", one, strlen(one), &error);
    jwt_keys_release(&keys);
    if (token_list_parse(&tokens, "F", one, &error) < 0)
        return 0;
    if (token_list_write(&tokens, &out) < 0 || token_list_parse(&again, "F", out.data, &error) < 0 ||
        again.count != tokens.count)
        abort();
    return 0;
}
