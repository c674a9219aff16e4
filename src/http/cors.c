#include "http/cors.h"

#include "http/exchange_private.h"

void cors_allow(struct http_exchange *exchange)
{
    exchange->is_of_allowed_origin = true;
}

void cors_add_headers(const struct http_exchange *exchange, struct MHD_Response *response)
{
    static const char *const given[][2] = {
        /* by its whole name, so that no cache gives the answer to another one's page */
        {MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ORIGIN},
        {MHD_HTTP_HEADER_ACCESS_CONTROL_EXPOSE_HEADERS, "*"},
    };
    const char *origin = http_exchange_header(exchange, MHD_HTTP_HEADER_ORIGIN);

    if (!exchange->is_of_allowed_origin || !origin)
        return;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN,
                                  origin); /* fit: it is a configured one */
    for (size_t i = 0; i < ELEMENTS_OF(given); i++)
        (void)MHD_add_response_header(response, given[i][0], given[i][1]); /* likewise */
}

bool cors_answer_preflight(struct http_exchange *exchange)
{
    static const char *const given[][2] = {
        {MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, DELETE"},
        /* * leaves Authorization out */
        {MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, *"},
        {MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE, "600"},
    };

    if (exchange->method != HTTP_OPTIONS || !exchange->is_of_allowed_origin ||
        !http_exchange_header(exchange, MHD_HTTP_HEADER_ACCESS_CONTROL_REQUEST_METHOD))
        return false;
    for (size_t i = 0; i < ELEMENTS_OF(given); i++)
        http_header(exchange, given[i][0], given[i][1]);
    /* a page of the internet asks for what listens on loopback (Private Network Access) */
    if (http_exchange_header(exchange, "Access-Control-Request-Private-Network"))
        http_header(exchange, "Access-Control-Allow-Private-Network", "true");
    http_answer_empty(exchange, 204);
    return true;
}
