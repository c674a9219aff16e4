#include "http/connection.h"

#include <string.h>
#include <strings.h>

struct header_counts {
    unsigned hosts, lengths, encodings, authorizations;
    bool is_coded; /* a Transfer-Encoding that we can't read */
};

static enum MHD_Result count_header(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct header_counts *counts = context;

    (void)kind;
    counts->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    counts->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    counts->authorizations += strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0;
    if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        counts->encodings++;
        counts->is_coded |= !value || strcasecmp(value, "chunked") != 0;
    }
    return MHD_YES;
}

/* What is wrong with the head where a proxy before us might have read it otherwise: where its body ends, whom
 * it is for, who asks. NULL: nothing. */
static const char *ambiguity(const struct http_exchange *exchange, const char *version)
{
    struct header_counts counts = {0};

    (void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_header,
                                    &counts); /* their number */
    if (counts.hosts > 1 || counts.lengths + counts.encodings > 1 || counts.authorizations > 1)
        return "A header stands twice of which there may be one, or there are a Content-Length and a "
               "Transfer-Encoding.";
    if (counts.hosts == 0 && strcasecmp(version, MHD_HTTP_VERSION_1_1) == 0)
        return "A request of HTTP/1.1 needs a Host header.";
    return counts.is_coded ? "The only Transfer-Encoding that is understood here is 'chunked'." : NULL;
}

bool exchange_answer_early(struct http_exchange *exchange, const char *version)
{
    const char *length = http_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const struct http_connection *connection = connection_of(exchange->connection);
    const char *wrong;

    if (connection && connection->is_refused) {
        exchange->is_refused = true;
        http_answer_problem(exchange, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "There are too many connections; try again in a moment.");
        return true;
    }
    wrong = ambiguity(exchange, version);
    if (wrong) {
        exchange->is_refused = true;
        http_answer_problem(exchange, MHD_HTTP_BAD_REQUEST, wrong);
        return true;
    }
    /* by the digits, since any number this long is too large */
    if (length && (strlen(length) > 5 || (strlen(length) == 5 && strcmp(length, "65536") > 0))) {
        http_answer_problem(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "The request's body is too large.");
        return true;
    }
    return false;
}
