/* What Kudu has and this version has not: said plainly instead of being unknown. */
#include "ops/table.h"

#include <errno.h>

int operation_unsupported(const struct operation_context *context, const struct request *request,
                          struct answer *answer, struct error *error)
{
    (void)context;
    (void)request;
    (void)answer;
    return error_set(error, EOPNOTSUPP,
                     "A dump of the managed heap (gcdump) is not supported by this version of procscope.");
}
