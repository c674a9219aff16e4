/* What Kudu has and this version has not: said plainly instead of being unknown. */
#include "ops/table.h"

#include <errno.h>
#include <string.h>

int operation_unsupported(const struct operation_context *context, const struct request *request,
                          struct answer *answer, struct error *error)
{
    const char *what =
        strcmp(request->operation, "gcdump") == 0 ? "A dump of the managed heap (gcdump)" : "A CPU profile";
    (void)context;
    (void)answer;
    return error_set(error, EOPNOTSUPP, "%s is not supported by this version of procscope.", what);
}
