/* Command lines and values in which secrets are masked: whatever stands before, what a secret's name says is
 * one is not shown, and without a list nothing is changed. */
#include "access/mask.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "q7XvT0secretvalue9Zk"

static void expect_masked(const char *text, size_t size, const char *behind)
{
    const struct mask mask = {.secrets = "KEY,TOKEN,SECRET,PASSWORD,AUTHORIZATION"};
    _cleanup_buffer_ struct buffer whole = {0}, shown = {0};

    if (buffer_append(&whole, text, size) < 0 || buffer_append_string(&whole, behind) < 0 ||
        mask_append(&mask, buffer_string(&whole), whole.size, &shown) < 0)
        return;
    if (shown.size > 0 && memmem(shown.data, shown.size, SECRET, strlen(SECRET)))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const planted[] = {" --password " SECRET,       " --password=" SECRET " x",
                                          " PASSWORD:" SECRET,         ";AccountKey=" SECRET ";x=y",
                                          " --api-key -" SECRET " -v", " https://joe:" SECRET "@host/",
                                          " https://" SECRET "@host/", "\nAuthorization: Bearer " SECRET};
    const struct mask none = {0};
    _cleanup_buffer_ struct buffer shown = {0};

    if (size > 0 && memmem(data, size, SECRET, strlen(SECRET))) /* it stands where it may be shown */
        return 0;
    if (mask_append(&none, (const char *)data, size, &shown) < 0)
        return 0;
    if (shown.size != size || (size > 0 && memcmp(shown.data, data, size) != 0))
        __builtin_trap();
    for (size_t i = 0; i < ELEMENTS_OF(planted); i++)
        expect_masked((const char *)data, size, planted[i]);
    return 0;
}
