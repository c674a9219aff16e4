#include "ops/metrics_wish.h"

#include "ops/json_body.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

const char *const metrics_defaults[] = {"System.Runtime", "Microsoft.AspNetCore.Hosting",
                                        "Grpc.AspNetCore.Server", NULL};

/* What we tell without a runtime that is asked. */
static const char *const own[] = {"System.Runtime", METRICS_OWN_PROVIDER, METRICS_JAVA_PROVIDER, NULL};

static const struct wished_metrics *find(const struct metrics_wish *wish, const char *provider)
{
    for (size_t i = 0; i < wish->count; i++)
        if (strcasecmp(wish->providers[i].provider, provider) == 0)
            return &wish->providers[i];
    return NULL;
}

/* The runtime's own, which have none: to name one of them alone can cost the program much, as where its
 * threads are sampled a thousand times a second. */
static bool has_no_counters(const char *provider)
{
    static const char *const names[] = {"Microsoft-DotNETCore-", "Microsoft-Windows-DotNETRuntime"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncasecmp(provider, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int add_provider(const json_t *object, struct metrics_wish *wish, struct error *error)
{
    struct wished_metrics provider = {0};
    int r = json_body_string(object, "providerName", &provider.provider, error);

    if (r == 0 && (!provider.provider || !*provider.provider))
        r = error_set(error, EINVAL, "Each of the providers has a providerName.");
    if (r == 0 && has_no_counters(provider.provider))
        r = error_set(error, EINVAL, "'%.60s' has no counters; its events are had by a trace.",
                      provider.provider);
    if (r == 0)
        r = json_body_list(object, "counterNames", true, METRICS_NAMES_MAX, &provider.names, error);
    if (r == 0 && find(wish, provider.provider))
        r = error_set(error, EINVAL, "The provider '%.60s' is named twice.", provider.provider);
    if (r < 0)
        return r;
    if (json_array_size(provider.names) == 0)
        provider.names = NULL;
    wish->providers[wish->count++] = provider;
    return 0;
}

static int read_body(const char *body, struct metrics_wish *wish, struct error *error)
{
    const json_t *providers = NULL, *meters = NULL;
    int r = json_body_read(body, "What metrics are wanted", &wish->root, error);

    if (r == 0)
        r = json_body_bool(wish->root, "includeDefaultProviders", &wish->has_defaults, error);
    if (r == 0)
        r = json_body_list(wish->root, "meters", false, METRICS_PROVIDERS_MAX, &meters, error);
    if (r == 0 && json_array_size(meters) > 0)
        r = error_set(error, EINVAL,
                      "Meters of System.Diagnostics.Metrics can't be had here; providers of EventCounters "
                      "can.");
    if (r == 0)
        r = json_body_list(wish->root, "providers", false, METRICS_PROVIDERS_MAX, &providers, error);
    for (size_t i = 0; i < json_array_size(providers) && r == 0; i++)
        r = add_provider(json_array_get(providers, i), wish, error);
    if (r == 0 && !wish->has_defaults && wish->count == 0)
        r = error_set(error, EINVAL, "No metrics are wanted: name providers, or include the default ones.");
    return r;
}

int metrics_wish_read(const char *body, struct metrics_wish *ret_wish, struct error *error)
{
    struct metrics_wish wish = {.has_defaults = true};
    int r = body ? read_body(body, &wish, error) : 0;

    if (r < 0) {
        metrics_wish_release(&wish);
        return r;
    }
    *ret_wish = wish;
    return 0;
}

void metrics_wish_release(struct metrics_wish *wish)
{
    json_decref(wish->root); /* NULL is nothing to it */
    *wish = (struct metrics_wish){0};
}

static bool is_one_of(const char *const *names, const char *provider)
{
    for (; *names; names++)
        if (strcasecmp(*names, provider) == 0)
            return true;
    return false;
}

bool metrics_wish_has(const struct metrics_wish *wish, const char *provider, const char *name)
{
    const struct wished_metrics *wished = find(wish, provider);

    if (!wished)
        return wish->has_defaults && (is_one_of(metrics_defaults, provider) || is_one_of(own, provider));
    for (size_t i = 0; i < json_array_size(wished->names); i++)
        if (strcmp(json_string_value(json_array_get(wished->names, i)), name) == 0)
            return true;
    return !wished->names;
}

bool metrics_wish_needs_runtime(const struct metrics_wish *wish)
{
    for (size_t i = 0; i < wish->count; i++)
        if (!is_one_of(own, wish->providers[i].provider))
            return true;
    return false;
}

bool metrics_wish_names(const struct metrics_wish *wish, const char *provider)
{
    return find(wish, provider) != NULL;
}
