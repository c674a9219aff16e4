/* The CORS protocol (Fetch Standard, "HTTP CORS protocol"), for pages of origins that are configured. Their
 * browsers send no cookies and no password that they remember: who asks is shown by the page, in
 * Authorization. */
#pragma once

#include "http/exchange.h"

/* Lets the page that sent this request read the answer, whatever it will be. Its origin has been checked. */
void cors_allow(struct http_exchange *exchange);

/* Answers what a browser asks before it sends a page's request. False: it is no such question. */
bool cors_answer_preflight(struct http_exchange *exchange);
