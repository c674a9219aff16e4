#include "ops/trace_wish.h"

#include "base/parse.h"
#include "ops/json_body.h"
#include "ops/metrics_wish.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { CPU = 1, HTTP = 2, LOGS = 4, METRICS = 8, GC_COLLECT = 16 };
enum { INFORMATIONAL = 4, VERBOSE = 5 };

static const struct {
    const char *name;
    unsigned bit;
} profile_names[] = {
    {"Cpu", CPU}, {"Http", HTTP}, {"Logs", LOGS}, {"Metrics", METRICS}, {"GcCollect", GC_COLLECT}};

/* Rundowns: the methods and modules that stacks are named by; and only the collector's. */
#define METHODS 0x80020139
#define COLLECTOR 1

/* What is to be told of a request that comes in (Microsoft.AspNetCore) and of one that goes out, in the words
 * of DiagnosticSourceEventSource: listener/event@its event's name:-field;name=*path. Readers of traces know
 * the names of events and fields. */
static const char http_specs[] =
    "FilterAndPayloadSpecs=\""
    "Microsoft.AspNetCore/Microsoft.AspNetCore.Hosting.HttpRequestIn.Start@Activity1Start:-"
    "Request.Method;Request.Scheme;Request.Host;Request.PathBase;Request.Path;Request.QueryString;"
    "ActivityId=*Activity.Id;ActivityParentId=*Activity.ParentId;ActivityStartTime=*Activity.StartTimeUtc."
    "Ticks\n"
    "Microsoft.AspNetCore/Microsoft.AspNetCore.Hosting.HttpRequestIn.Stop@Activity1Stop:-"
    "Request.Path;Response.StatusCode;ActivityId=*Activity.Id;ActivityDuration=*Activity.Duration.Ticks\n"
    "HttpHandlerDiagnosticListener/System.Net.Http.HttpRequestOut@Event:-\n" /* else nothing is told of it */
    "HttpHandlerDiagnosticListener/System.Net.Http.HttpRequestOut.Start@Activity2Start:-"
    "Request.Method;Request.RequestUri;"
    "ActivityId=*Activity.Id;ActivityParentId=*Activity.ParentId;ActivityStartTime=*Activity.StartTimeUtc."
    "Ticks\n"
    "HttpHandlerDiagnosticListener/System.Net.Http.HttpRequestOut.Stop@Activity2Stop:-"
    "Response.StatusCode;ActivityId=*Activity.Id;ActivityDuration=*Activity.Duration.Ticks\"";

/* As dotnet-monitor and dotnet-trace have them. */
static const struct {
    unsigned profile;
    const char *name;
    uint64_t keywords;
    uint32_t level;
    const char *arguments;
} parts[] = {
    {CPU, "Microsoft-DotNETCore-SampleProfiler", 0xf00000000000, INFORMATIONAL, NULL},
    {CPU, "Microsoft-Windows-DotNETRuntime", 0x14c14fccbd, INFORMATIONAL, NULL},
    {HTTP, "Microsoft-Diagnostics-DiagnosticSource", 3, VERBOSE, http_specs},
    /* messages as text and as JSON, of the categories and levels that the program has chosen */
    {LOGS, "Microsoft-Extensions-Logging", 4 | 8, VERBOSE, "FilterSpecs=UseAppFilters"},
    {LOGS, "System.Threading.Tasks.TplEventSource", 0x80, INFORMATIONAL, NULL}, /* whose they are */
    {GC_COLLECT, "Microsoft-Windows-DotNETRuntime", 1, INFORMATIONAL, NULL},
    {GC_COLLECT, "Microsoft-Windows-DotNETRuntimePrivate", 1, INFORMATIONAL, NULL},
};

/* A session enables a provider once. NULL: there are too many. */
static struct dotnet_provider *provider_of(struct trace_wish *wish, const char *name)
{
    struct dotnet_provider *provider;

    for (size_t i = 0; i < wish->count; i++)
        if (strcmp(wish->providers[i].name, name) == 0)
            return &wish->providers[i];
    if (wish->count == TRACE_PROVIDERS_MAX)
        return NULL;
    provider = &wish->providers[wish->count++];
    provider->name = name;
    if (wish->count > 1)
        provider[-1].also = provider;
    return provider;
}

static void add(struct trace_wish *wish, const char *name, uint64_t keywords, uint32_t level,
                const char *arguments)
{
    struct dotnet_provider *provider = provider_of(wish, name); /* there is room for all profiles */

    provider->keywords |= keywords;
    provider->level = level > provider->level ? level : provider->level;
    provider->arguments = arguments ? arguments : provider->arguments;
}

static int read_profiles(const char *profiles, unsigned *ret_profiles, struct error *error)
{
    unsigned found = 0;

    while (profiles && *(profiles += strspn(profiles, ", "))) {
        size_t size = strcspn(profiles, ", "), which = 0;

        while (which < ELEMENTS_OF(profile_names) &&
               (strlen(profile_names[which].name) != size ||
                strncasecmp(profile_names[which].name, profiles, size) != 0))
            which++;
        if (which == ELEMENTS_OF(profile_names))
            return error_set(
                error, EINVAL,
                "There is no trace profile '%.*s'; there are Cpu, Http, Logs, Metrics and GcCollect.",
                size < 60 ? (int)size : 60, profiles);
        found |= profile_names[which].bit;
        profiles += size;
    }
    *ret_profiles = found ? found : CPU | HTTP | METRICS | GC_COLLECT;
    return 0;
}

static int take_profiles(unsigned profiles, uint64_t interval_ms, struct trace_wish *wish)
{
    for (size_t i = 0; i < ELEMENTS_OF(parts); i++)
        if (profiles & parts[i].profile)
            add(wish, parts[i].name, parts[i].keywords, parts[i].level, parts[i].arguments);
    if (profiles & METRICS &&
        asprintf(&wish->arguments[0], "EventCounterIntervalSec=%llu.%03u",
                 (unsigned long long)(interval_ms / 1000), (unsigned)(interval_ms % 1000)) < 0) {
        wish->arguments[0] = NULL;
        return -ENOMEM;
    }
    for (const char *const *name = metrics_defaults; profiles & METRICS && *name; name++)
        add(wish, *name, 0, INFORMATIONAL, wish->arguments[0]);
    wish->has_cpu = profiles & CPU;
    wish->is_cpu_alone = profiles == CPU;
    wish->providers[0].with_stacks = true;
    wish->providers[0].buffer_mib = TRACE_BUFFER_MIB;
    wish->providers[0].tells = profiles & (CPU | HTTP) ? METHODS : profiles & GC_COLLECT ? COLLECTOR : 0;
    return 0;
}

/* "0x1f" or "31"; not given: all. */
static int read_keywords(const json_t *object, uint64_t *ret_keywords, struct error *error)
{
    const char *text = NULL;
    int r = json_body_string(object, "keywords", &text, error);

    *ret_keywords = UINT64_MAX;
    if (r < 0 || !text)
        return r;
    if (strncasecmp(text, "0x", 2) == 0 ? parse_hex(text + 2, ret_keywords) < 0
                                        : parse_u64(text, ret_keywords) < 0)
        return error_set(error, EINVAL, "keywords are a number, or hexadecimal behind 0x, not '%.60s'.",
                         text);
    return 0;
}

static int read_level(const json_t *object, uint32_t *ret_level, struct error *error)
{
    static const char *const levels[] = {"LogAlways", "Critical",      "Error",
                                         "Warning",   "Informational", "Verbose"};
    const json_t *member = json_body_member(object, "eventLevel");

    *ret_level = VERBOSE;
    if (!member)
        return 0;
    for (uint32_t i = 0; i < ELEMENTS_OF(levels); i++)
        if ((json_is_string(member) && strcasecmp(json_string_value(member), levels[i]) == 0) ||
            (json_is_integer(member) && json_integer_value(member) == i)) {
            *ret_level = i;
            return 0;
        }
    return error_set(error, EINVAL,
                     "eventLevel is LogAlways, Critical, Error, Warning, Informational or Verbose.");
}

/* In quotes where it would end otherwise. The runtime knows no way to write a quote itself. */
static int append_word(struct buffer *out, const char *word)
{
    const char *quote = strpbrk(word, ";=") ? "\"" : "";

    return buffer_append_format(out, "%s%s%s", quote, word, quote);
}

/* An object of strings -> "key=value;...", NULL where there is none. */
static int read_arguments(const json_t *object, char **ret_text, struct error *error)
{
    const json_t *member = json_body_member(object, "arguments"), *value;
    json_t *members = (json_t *)(uintptr_t)member; /* jansson's iterators are not const */
    struct buffer text = BUFFER_INIT(64 * 1024);
    int r = 0;

    if (member && (!json_is_object(member) || json_object_size(member) > TRACE_ARGUMENTS_MAX))
        return error_set(error, EINVAL, "arguments are an object of at most %d strings.",
                         TRACE_ARGUMENTS_MAX);
    for (void *at = json_object_iter(members); at && r == 0; at = json_object_iter_next(members, at)) {
        value = json_object_iter_value(at);
        if (!json_is_string(value))
            r = error_set(error, EINVAL, "arguments are an object of strings.");
        if (r == 0 && text.size > 0)
            r = buffer_append_string(&text, ";");
        if (r == 0)
            r = append_word(&text, json_object_iter_key(at));
        if (r == 0)
            r = buffer_append_string(&text, "=");
        if (r == 0)
            r = append_word(&text, json_string_value(value));
    }
    if (r < 0) {
        buffer_release(&text);
        return r;
    }
    *ret_text = text.data; /* handed on; NULL: none */
    return 0;
}

static int add_provider(const json_t *object, struct trace_wish *wish, struct error *error)
{
    struct dotnet_provider *provider;
    const char *name = NULL;
    size_t before = wish->count;
    uint64_t keywords = 0;
    uint32_t level = 0;
    int r = json_body_string(object, "name", &name, error);

    if (r == 0 && (!name || !*name))
        r = error_set(error, EINVAL, "Each of the providers has a name.");
    if (r == 0)
        r = read_keywords(object, &keywords, error);
    if (r == 0)
        r = read_level(object, &level, error);
    if (r < 0)
        return r;
    provider = provider_of(wish, name);
    if (!provider || wish->count == before)
        return error_set(error, EINVAL, "The provider '%.60s' is named twice.", name);
    provider->keywords = keywords;
    provider->level = level;
    r = read_arguments(object, &wish->arguments[before], error);
    provider->arguments = wish->arguments[before];
    return r;
}

static int take_body(const char *body, struct trace_wish *wish, struct error *error)
{
    const json_t *providers = NULL;
    uint64_t mib = TRACE_BUFFER_MIB;
    bool rundown = true;
    int r = json_body_read(body, "What is to be traced", &wish->root, error);

    if (r == 0)
        r = json_body_list(wish->root, "providers", false, TRACE_PROVIDERS_MAX, &providers, error);
    if (r == 0 && json_array_size(providers) == 0)
        r = error_set(error, EINVAL, "No events are wanted: name providers.");
    if (r == 0 && json_body_member(wish->root, "stoppingEvent"))
        r = error_set(error, EINVAL,
                      "A trace ends after durationSeconds, not by a stoppingEvent: leave that out.");
    if (r == 0)
        r = json_body_bool(wish->root, "requestRundown", &rundown, error);
    if (r == 0)
        r = json_body_number(wish->root, "bufferSizeInMB", 1, 1024, &mib, error);
    for (size_t i = 0; i < json_array_size(providers) && r == 0; i++)
        r = add_provider(json_array_get(providers, i), wish, error);
    wish->is_own = true;
    wish->providers[0].with_stacks = true;
    wish->providers[0].buffer_mib = (uint32_t)mib;
    wish->providers[0].tells = rundown ? METHODS : 0;
    return r;
}

int trace_wish_read(const char *body, const char *profiles, uint64_t interval_ms, struct trace_wish *wish,
                    struct error *error)
{
    unsigned found = 0;
    int r;

    *wish = (struct trace_wish){0};
    if (body && profiles)
        return error_set(error, EINVAL, "What is to be traced is said by a body or by profile, not by both.");
    if (body)
        return error_ensure(error, take_body(body, wish, error), "What is to be traced could not be read");
    r = read_profiles(profiles, &found, error);
    if (r == 0)
        r = take_profiles(found, interval_ms, wish);
    return error_ensure(error, r, "What is to be traced could not be read");
}

void trace_wish_release(struct trace_wish *wish)
{
    json_decref(wish->root); /* NULL is nothing to it */
    for (size_t i = 0; i < TRACE_PROVIDERS_MAX; i++)
        free(wish->arguments[i]);
    *wish = (struct trace_wish){0};
}
