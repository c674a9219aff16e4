#include "api/ask.h"

#include "access/cluster.h"
#include "access/credential.h"

#include <errno.h>
#include <string.h>

int ask_inspector(int channel, const struct http_exchange *exchange, struct request *request,
                  int *ret_answer_fd, struct error *error)
{
    const char *authorization = http_exchange_header(exchange, "Authorization");
    const char *certificate = http_exchange_certificate(exchange, &request->certificate_expires);

    if (authorization && strlen(authorization) > CREDENTIAL_MAX)
        return error_set(error, ENOKEY, "The Authorization header is longer than %d bytes.", CREDENTIAL_MAX);
    if (authorization && !(request->authorization = strdup(authorization)))
        return error_errno(error, ENOMEM, "The request could not be passed on");
    if (certificate && !(request->certificate = strdup(certificate)))
        return error_errno(error, ENOMEM, "The request could not be passed on");
    if (authorization && cluster_token_is(authorization) &&
        asprintf(&request->asked, "%s %s", http_method_name(http_exchange_method(exchange)),
                 http_exchange_target(exchange)) < 0) {
        request->asked = NULL;
        return error_errno(error, ENOMEM, "The request could not be passed on");
    }
    return inspector_call(channel, request, http_exchange_socket(exchange), ret_answer_fd, error);
}
