/* The address of a request: taken apart, routed, and put together again as a request for the inspector. */
#include "api/arm.h"
#include "api/kudu.h"
#include "api/monitor.h"
#include "http/origin.h"
#include "ops/operation.h"

#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken for a GUID is one, and is written as it was read. */
static void check_guid(const char *text)
{
    uint8_t guid[GUID_SIZE];
    char again[GUID_TEXT_SIZE];

    if (guid_parse(text, guid) < 0)
        return;
    guid_text(guid, again);
    if (strcasecmp(text, again) != 0)
        abort();
}

/* What must hold of a target that was taken: no NUL or slash got in by decoding, nothing points outside. */
static void check(const struct target *target)
{
    for (size_t i = 0; i < target->segment_count; i++) {
        if (strchr(target->segments[i], '/'))
            abort();
    }
    for (size_t i = 0; i < target->query_count; i++) {
        check_guid(target->query[i].value);
        if (strlen(target->query[i].name) + strlen(target->query[i].value) > TARGET_SIZE_MAX)
            abort();
    }
}

static void check_match(const struct route_match *match)
{
    if (match->route && (!match->allowed || strlen(match->route->name) >= 32))
        abort();
}

static void route(const struct target *target)
{
    static const enum http_method methods[] = {HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_DELETE, HTTP_OTHER};

    for (size_t first = 0; first <= target->segment_count; first++) {
        for (size_t i = 0; i < ELEMENTS_OF(methods); i++) {
            struct route_match match;
            route_find(kudu_routes, target, first, methods[i], &match);
            check_match(&match);
            route_find(arm_routes, target, first, methods[i], &match);
            check_match(&match);
            route_find(monitor_routes, target, first, methods[i], &match);
            check_match(&match);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = malloc(size + 1);
    _cleanup_target_ struct target target = {0};
    struct networks networks;
    struct error error;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    (void)host_is_local(text, "machine"); /* only that it reads no further than it may */
    (void)host_is_valid(text);
    (void)!networks_parse(text, &networks); /* likewise */
    if (target_parse(text, &target, &error) < 0)
        return 0;
    check(&target);
    route(&target);
    return 0;
}
