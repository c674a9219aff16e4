#include "service/config_text.h"

#include "access/role.h"
#include "base/log.h"
#include "base/networks.h"
#include "base/origins.h"
#include "base/parse.h"
#include "service/instance_id.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define KEY(member) offsetof(struct config, member)
#define MINUTES(count) ((count)*60ull * 1000)
#define HOURS(count) ((count)*3600ull * 1000)
#define MEBIBYTES(count) ((count)*1024ull * 1024)

const struct config_key config_keys[] = {
    {"listen", "server", CONFIG_LISTEN, KEY(listen), "127.0.0.1:7420", 0, 0, "ADDR:PORT|unix:PATH",
     "where to listen; repeatable; port 0 takes a free one"},
    {"url-file", "server", CONFIG_STRING, KEY(url_file), "", 0, 0, "FILE",
     "write the URLs there once it listens"},
    {"path-prefix", "server", CONFIG_PREFIX, KEY(path_prefix), "", 0, 0, "/PREFIX",
     "a path that stands before all routes"},
    {"user", "server", CONFIG_STRING, KEY(user), "nobody", 0, 0, "NAME",
     "the account of the network side, where started as root"},
    {"front-ends", "server", CONFIG_NETWORKS, KEY(front_ends), "", 0, 0, "NETWORK[,...]",
     "whose X-MS-CLIENT-... headers may make clients readers: addresses, networks, unix"},
    {"dotnet-monitor", "server", CONFIG_NUMBER, KEY(dotnet_monitor), "1", 0, 1, "N",
     "0: without the routes of dotnet-monitor (/processes, /dump, ...)"},
    {"connections", "server", CONFIG_NUMBER, KEY(connections), "256", 1, 65536, "N",
     "connections at the same time"},
    {"client-connections", "server", CONFIG_NUMBER, KEY(client_connections), "128", 0, 65536, "N",
     "of them from one address, but for this machine's; 0: no limit of its own"},
    {"head-timeout", "server", CONFIG_DURATION, KEY(head_timeout), "20s", 100, HOURS(1), "TIME",
     "a connection whose next request has not come by then is closed"},
    {"body-timeout", "server", CONFIG_DURATION, KEY(body_timeout), "20s", 100, HOURS(1), "TIME",
     "the same, for the body of a request"},
    {"answer-timeout", "server", CONFIG_DURATION, KEY(answer_timeout), "1m", 100, HOURS(1), "TIME",
     "an answer of up to 256 KiB has to be taken by then"},
    {"stall-timeout", "server", CONFIG_DURATION, KEY(stall_timeout), "10s", 100, HOURS(1), "TIME",
     "a client that takes nothing for so long is cut off"},
    {"stop-timeout", "server", CONFIG_DURATION, KEY(stop_timeout), "30s", 0, HOURS(1), "TIME",
     "running answers get so long at shutdown"},
    {"log-level", "server", CONFIG_LOG_LEVEL, KEY(log_level), "info", 0, 0, "LEVEL",
     "error, warning, info or debug"},
    {"tls-certificate", "tls", CONFIG_STRING, KEY(tls_certificate), "", 0, 0, "FILE",
     "serve HTTPS over TCP with this certificate and its chain, PEM"},
    {"tls-key", "tls", CONFIG_STRING, KEY(tls_key), "", 0, 0, "FILE",
     "its private key, PEM; otherwise it stands in the same file"},
    {"tls-client-ca", "tls", CONFIG_STRING, KEY(tls_client_ca), "", 0, 0, "FILE",
     "ask clients for a certificate that one of these has signed, PEM (certificate-roles)"},
    {"tls-self-signed", "tls", CONFIG_SWITCH, KEY(tls_self_signed), "0", 0, 1, "",
     "serve HTTPS with a certificate made at the start, whose fingerprint is printed"},
    {"anonymous-role", "access", CONFIG_STRING, KEY(anonymous_role), "", 0, 0, "ROLE",
     "what those of this machine may do who show nothing, over loopback: none, reader, operator, dumper or "
     "admin; else admin, and none where anything else says who asks"},
    {"socket-roles", "access", CONFIG_STRING, KEY(socket_roles), "", 0, 0, "USER:ROLE[,...]",
     "what users of this machine may do over a Unix socket, * for all others; root and the service's own "
     "user may all"},
    {"certificate-roles", "access", CONFIG_STRING, KEY(certificate_roles), "", 0, 0, "NAME:ROLE[,...]",
     "what clients with a certificate may do, by its common name, * for all others"},
    {"rule", "access", CONFIG_RULE, KEY(rules), "", 0, 0, "RULE",
     "narrows roles, as 'deny dump name=vault'; repeatable, the first that fits decides"},
    {"cors-origins", "access", CONFIG_ORIGINS, KEY(cors_origins), "", 0, 0, "ORIGIN[,...]",
     "web pages of other origins that may use this service, such as https://portal.example.com"},
    {"audit", "access", CONFIG_STRING, KEY(audit), "off", 0, 0, "journal|FILE|off",
     "where it is written who has taken or changed what"},
    {"redact", "access", CONFIG_REDACT, KEY(redact), "", 0, 0, "environ",
     "dumps are made without the environment's own stream; what stands in memory stays"},
    {"secrets", "access", CONFIG_STRING, KEY(secrets),
     "KEY,TOKEN,SECRET,PASSWORD,PASSWD,PASSPHRASE,CREDENTIAL,CONNSTR,CONNECTIONSTRING,CONNECTION_STRING,"
     "AUTHORIZATION,COOKIE",
     0, 0, "PART[,...]",
     "values of environment variables and arguments whose names hold one of these are masked"},
    {"secrets-role", "access", CONFIG_ROLE, KEY(secrets_role), "operator", 0, 0, "ROLE",
     "from this role on they are shown"},
    {"tokens", "access", CONFIG_STRING, KEY(tokens), "", 0, 0, "FILE",
     "bearer tokens, as 'procscope token' writes them"},
    {"passwords", "access", CONFIG_STRING, KEY(passwords), "", 0, 0, "FILE",
     "names with passwords, lines of NAME:ROLE:HASH with a hash of crypt(3)"},
    {"jwt-keys", "access", CONFIG_STRING, KEY(jwt_keys), "", 0, 0, "FILE",
     "public keys of who signs JWTs, PEM or a JWK set; RS256 and ES256"},
    {"jwt-issuer", "access", CONFIG_STRING, KEY(jwt_issuer), "", 0, 0, "TEXT",
     "what their claim iss has to say; empty: anything"},
    {"jwt-audience", "access", CONFIG_STRING, KEY(jwt_audience), "", 0, 0, "TEXT",
     "what their claim aud has to hold; must be given with jwt-keys"},
    {"jwt-role-claim", "access", CONFIG_STRING, KEY(jwt_role_claim), "roles", 0, 0, "NAME",
     "their claim that names the role, or an array with roles in it"},
    {"jwt-name-claim", "access", CONFIG_STRING, KEY(jwt_name_claim), "sub", 0, 0, "NAME",
     "their claim that names who it is"},
    {"main-pid", "main", CONFIG_NUMBER, KEY(main_pid), "0", 0, INT_MAX, "PID",
     "the main process (id -1); 0: by name, file, or found out in a container"},
    {"main-name", "main", CONFIG_STRING, KEY(main_name), "", 0, 0, "NAME", "the main process by its name"},
    {"main-pid-file", "main", CONFIG_STRING, KEY(main_pid_file), "", 0, 0, "FILE",
     "the main process by its pid file"},
    {"instance-id", "instance", CONFIG_STRING, KEY(instance_id), "", 0, 0, "ID",
     "name of this instance; default WEBSITE_INSTANCE_ID, else made from machine id and host name"},
    {"machine-name", "instance", CONFIG_STRING, KEY(machine_name), "", 0, 0, "NAME",
     "name of this machine in answers; default the host name"},
    {"site-name", "instance", CONFIG_STRING, KEY(site_name), "", 0, 0, "NAME",
     "the only site in ARM's paths; default WEBSITE_SITE_NAME, else any"},
    {"slot-name", "instance", CONFIG_STRING, KEY(slot_name), "", 0, 0, "NAME",
     "the only slot in them; default WEBSITE_SLOT_NAME, else any"},
    {"instance-url", "instance", CONFIG_STRING, KEY(instance_url), "", 0, 0, "URL",
     "where other instances reach this one; default an address that it listens on"},
    {"registry", "instance", CONFIG_STRING, KEY(registry), "", 0, 0,
     "static:URL[,URL...]|dns:NAME:PORT|etcd:URL[,URL...]/PREFIX",
     "where the other instances are learned from; empty: there are none"},
    {"cluster-key", "instance", CONFIG_STRING, KEY(cluster_key), "", 0, 0, "FILE",
     "a secret that all instances have, with which they sign who asks"},
    {"peer-ca", "instance", CONFIG_STRING, KEY(peer_ca), "", 0, 0, "FILE",
     "who has signed the other instances' certificates (PEM); default whom this machine trusts"},
    {"peer-plain-text", "instance", CONFIG_NUMBER, KEY(peer_plain_text), "0", 0, 1, "N",
     "1: other instances are also asked by http, over a network that is trusted"},
    {"registry-ca", "instance", CONFIG_STRING, KEY(registry_ca), "", 0, 0, "FILE",
     "who has signed etcd's certificate"},
    {"registry-interval", "instance", CONFIG_DURATION, KEY(registry_interval), "3s", 100, MINUTES(5), "TIME",
     "so often they are looked at"},
    {"registry-ttl", "instance", CONFIG_DURATION, KEY(registry_ttl), "15s", 2000, HOURS(1), "TIME",
     "etcd drops an instance that was not heard of for so long"},
    {"workers", "limits", CONFIG_NUMBER, KEY(workers), "2", 1, 256, "N", "kept workers for light operations"},
    {"queue", "limits", CONFIG_NUMBER, KEY(queue), "128", 0, 4096, "N",
     "light operations that may wait for a worker"},
    {"dumps", "limits", CONFIG_NUMBER, KEY(dumps), "2", 1, 256, "N", "dumps at the same time"},
    {"dumps-per-target", "limits", CONFIG_NUMBER, KEY(dumps_per_target), "1", 1, 256, "N",
     "dumps of one process at the same time"},
    {"profiles", "limits", CONFIG_NUMBER, KEY(profiles), "8", 1, 256, "N",
     "profiles at the same time, of both kinds"},
    {"stops", "limits", CONFIG_NUMBER, KEY(stops), "16", 1, 256, "N",
     "processes that are being ended at the same time; with a grace it may take long"},
    {"viewers", "limits", CONFIG_NUMBER, KEY(viewers), "32", 0, 4096, "N",
     "viewers of events at the same time"},
    {"forwards", "limits", CONFIG_NUMBER, KEY(forwards), "64", 1, 4096, "N",
     "requests that are with other instances at the same time"},
    {"operation-timeout", "limits", CONFIG_DURATION, KEY(operation_timeout), "10s", 10, HOURS(1), "TIME",
     "deadline of a light operation"},
    {"dump-timeout", "limits", CONFIG_DURATION, KEY(dump_timeout), "10m", 10, HOURS(24), "TIME",
     "deadline of a dump"},
    {"worker-memory", "limits", CONFIG_SIZE, KEY(worker_memory), "256M", MEBIBYTES(8), MEBIBYTES(1 << 20),
     "SIZE", "memory of a worker for light operations"},
    {"dump-memory", "limits", CONFIG_SIZE, KEY(dump_memory), "64M", MEBIBYTES(8), MEBIBYTES(1 << 20), "SIZE",
     "memory of a worker for a dump"},
    {"heap-memory", "limits", CONFIG_SIZE, KEY(heap_memory), "1G", MEBIBYTES(8), MEBIBYTES(1 << 20), "SIZE",
     "memory of a worker for a dump of a managed heap, near 40 bytes an object"},
    {"min-rate", "limits", CONFIG_SIZE, KEY(min_rate), "64K", 0, MEBIBYTES(1 << 20), "SIZE",
     "bytes a second that a client has to take of a dump while its process is held, averaged over "
     "stall-timeout"},
    {"max-dump-bytes", "limits", CONFIG_SIZE, KEY(max_dump_bytes), "0", 0, MEBIBYTES(1ull << 40), "SIZE",
     "no dump may be larger, before it is compressed; 0: no limit"},
    {"read-seccomp", "limits", CONFIG_NUMBER, KEY(read_seccomp), "0", 0, 1, "N",
     "1: workers for dumps keep CAP_SYS_ADMIN, to see whether seccomp filters allow snapshots "
     "(containers)"},
    {"debug-directories", "symbols", CONFIG_DIRECTORIES, KEY(debug_directories), "/usr/lib/debug", 0, 0,
     "PATH[:PATH...]", "where separate debug files are"},
    {"debuginfod-urls", "symbols", CONFIG_URLS, KEY(debuginfod_urls), "", 0, 0, "URL[ URL...]",
     "debuginfod servers to ask for debug files that are not there; empty: nobody is asked"},
    {"debuginfod-cache", "symbols", CONFIG_STRING, KEY(debuginfod_cache), "", 0, 0, "DIRECTORY",
     "keep there what they send; the user must be able to write to it. Empty: it is not kept"},
    {"debuginfod-timeout", "symbols", CONFIG_DURATION, KEY(debuginfod_timeout), "5s", 1, MINUTES(10), "TIME",
     "so long an answer waits for them in all"},
    {0},
};

static const struct {
    const char *name;
    enum log_level level;
} log_levels[] = {{"error", LOG_LEVEL_ERROR},
                  {"warning", LOG_LEVEL_WARNING},
                  {"info", LOG_LEVEL_INFO},
                  {"debug", LOG_LEVEL_DEBUG}};

enum source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_FLAG };

static char **string_of(struct config *config, const struct config_key *key)
{
    return (char **)((char *)config + key->offset);
}

static uint64_t *number_of(struct config *config, const struct config_key *key)
{
    return (uint64_t *)((char *)config + key->offset);
}

static void clear_listen(struct config *config)
{
    for (size_t i = 0; i < config->listen_count; i++)
        free(config->listen[i]);
    config->listen_count = 0;
}

void config_release(struct config *config)
{
    if (!config)
        return;
    for (const struct config_key *key = config_keys; key->name; key++)
        if (key->type == CONFIG_STRING || key->type == CONFIG_PREFIX || key->type == CONFIG_DIRECTORIES ||
            key->type == CONFIG_RULE || key->type == CONFIG_REDACT || key->type == CONFIG_URLS ||
            key->type == CONFIG_NETWORKS || key->type == CONFIG_ORIGINS)
            free(*string_of(config, key));
    clear_listen(config);
    *config = (struct config){0};
}

int config_set_string(char **place, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        return -ENOMEM;
    free(*place);
    *place = copy;
    return 0;
}

static int set_listen(struct config *config, const char *value, enum source source)
{
    if (!value[0])
        return -EINVAL;
    if (config->listen_source != source)
        clear_listen(config);
    config->listen_source = source;
    if (config->listen_count == CONFIG_LISTEN_MAX)
        return -ENOBUFS;
    config->listen[config->listen_count] = NULL;
    int r = config_set_string(&config->listen[config->listen_count], value);
    if (r == 0)
        config->listen_count++;
    return r;
}

static int set_prefix(char **place, const char *value)
{
    size_t size = strlen(value);
    if (size > 0 && (value[0] != '/' || value[size - 1] == '/' || strpbrk(value, "?# \t\r\n\"<>%")))
        return -EINVAL;
    return config_set_string(place, value);
}

int config_set_directories(char **place, const char *value)
{
    size_t count = 0;

    for (const char *at = value; *at; at += strcspn(at, ":")) {
        at += strspn(at, ":");
        if (*at && (*at != '/' || ++count > CONFIG_DIRECTORIES_MAX))
            return -EINVAL;
    }
    return config_set_string(place, value);
}

int config_set_urls(char **place, const char *value)
{
    static const char *const schemes[] = {"http://", "https://",
                                          "file://"}; /* debuginfod_find_debuginfo(3) */

    for (const char *at = value + strspn(value, " "); *at; at += strcspn(at, " "), at += strspn(at, " ")) {
        bool is_known = false;
        for (size_t i = 0; i < ELEMENTS_OF(schemes); i++)
            is_known |= strncmp(at, schemes[i], strlen(schemes[i])) == 0;
        if (!is_known)
            return -EINVAL;
    }
    return config_set_string(place, value);
}

static int set_networks(char **place, const char *value)
{
    struct networks networks;
    int r = networks_parse(value, &networks);

    return r < 0 ? -EINVAL : config_set_string(place, value);
}

static int set_origins(char **place, const char *value)
{
    return origins_are_valid(value) ? config_set_string(place, value) : -EINVAL;
}

static int set_log_level(uint64_t *place, const char *value)
{
    for (size_t i = 0; i < ELEMENTS_OF(log_levels); i++) {
        if (strcmp(log_levels[i].name, value) == 0) {
            *place = log_levels[i].level;
            return 0;
        }
    }
    return -EINVAL;
}

/* Only its form: users are looked for when it is used. */
static int set_rule(struct config *config, const char *value, enum source source)
{
    _cleanup_free_ char *all = NULL;

    if (source == SOURCE_DEFAULT)
        return config_set_string(&config->rules, "");
    if (strncmp(value, "allow ", 6) != 0 && strncmp(value, "deny ", 5) != 0)
        return -EINVAL;
    if (config->rules_source != source) {
        config->rules_source = source;
        return config_set_string(&config->rules, value);
    }
    if (asprintf(&all, "%s\n%s", config->rules, value) < 0) {
        all = NULL;
        return -ENOMEM;
    }
    return config_set_string(&config->rules, all);
}

static int set_role(uint64_t *place, const char *value)
{
    enum role role;

    if (role_parse(value, &role) < 0 || role == ROLE_NONE)
        return -EINVAL;
    *place = role;
    return 0;
}

static int set_number(uint64_t *place, const struct config_key *key, const char *value)
{
    uint64_t number;
    int r = key->type == CONFIG_DURATION ? parse_duration_ms(value, &number)
            : key->type == CONFIG_SIZE   ? parse_size(value, &number)
                                         : parse_u64(value, &number);
    if (r < 0)
        return r;
    if (number < key->minimum || number > key->maximum)
        return -ERANGE;
    *place = number;
    return 0;
}

/* 0, -EINVAL not of the form, -ERANGE out of range, -ENOBUFS too often, -ENOMEM. */
static int set_key(struct config *config, const struct config_key *key, const char *value, enum source source)
{
    switch (key->type) {
    case CONFIG_STRING:
        return config_set_string(string_of(config, key), value);
    case CONFIG_LISTEN:
        return set_listen(config, value, source);
    case CONFIG_PREFIX:
        return set_prefix(string_of(config, key), value);
    case CONFIG_DIRECTORIES:
        return config_set_directories(string_of(config, key), value);
    case CONFIG_URLS:
        return config_set_urls(string_of(config, key), value);
    case CONFIG_NETWORKS:
        return set_networks(string_of(config, key), value);
    case CONFIG_ORIGINS:
        return set_origins(string_of(config, key), value);
    case CONFIG_LOG_LEVEL:
        return set_log_level(number_of(config, key), value);
    case CONFIG_RULE:
        return set_rule(config, value, source);
    case CONFIG_REDACT:
        if (*value && strcmp(value, "environ") != 0)
            return -EINVAL;
        return config_set_string(string_of(config, key), value);
    case CONFIG_ROLE:
        return set_role(number_of(config, key), value);
    case CONFIG_SWITCH:
    case CONFIG_NUMBER:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        return set_number(number_of(config, key), key, value);
    }
    return -EINVAL;
}

static const char *form_of(enum config_type type)
{
    switch (type) {
    case CONFIG_LISTEN:
        return "an address such as 127.0.0.1:7420 or unix:/run/procscope.sock";
    case CONFIG_PREFIX:
        return "a path such as /diag, without a / at its end";
    case CONFIG_DIRECTORIES:
        return "up to 16 absolute paths with : between";
    case CONFIG_URLS:
        return "URLs with blanks between, which begin with http://, https:// or file://";
    case CONFIG_NETWORKS:
        return "up to 32 addresses, networks such as 10.0.0.0/8, and unix, with commas or blanks between";
    case CONFIG_ORIGINS:
        return "up to 32 origins such as https://portal.example.com, without a path, with commas or blanks "
               "between";
    case CONFIG_SWITCH:
    case CONFIG_NUMBER:
        return "a number";
    case CONFIG_DURATION:
        return "a duration such as 250ms, 10s or 5m";
    case CONFIG_SIZE:
        return "a size such as 64M";
    case CONFIG_LOG_LEVEL:
        return "error, warning, info or debug";
    case CONFIG_RULE:
        return "a rule such as 'deny dump name=vault'";
    case CONFIG_REDACT:
        return "environ";
    case CONFIG_ROLE:
        return "reader, operator, dumper or admin";
    case CONFIG_STRING:
        break;
    }
    return "a text";
}

int config_set(struct config *config, const struct config_key *key, const char *value, bool is_flag,
               const char *where, struct error *error)
{
    int r = set_key(config, key, value, is_flag ? SOURCE_FLAG : SOURCE_FILE);

    if (r == -EINVAL)
        return error_set(error, EINVAL, "%s: %s = '%.100s' is not %s.", where, key->name, value,
                         form_of(key->type));
    if (r == -ERANGE)
        return error_set(error, EINVAL, "%s: %s = '%.100s' is not between %" PRIu64 " and %" PRIu64 "%s.",
                         where, key->name, value, key->minimum, key->maximum,
                         key->type == CONFIG_DURATION ? " ms"
                         : key->type == CONFIG_SIZE   ? " bytes"
                                                      : "");
    if (r == -ENOBUFS)
        return error_set(error, EINVAL, "%s: %s = '%.100s' is one too many: %d are allowed.", where,
                         key->name, value, CONFIG_LISTEN_MAX);
    if (r < 0)
        return error_errno(error, -r, "%s: %s", where, key->name);
    return 0;
}

int config_init(struct config *config)
{
    *config = (struct config){0};
    for (const struct config_key *key = config_keys; key->name; key++) {
        int r = set_key(config, key, key->otherwise, SOURCE_DEFAULT);
        if (r < 0) {
            config_release(config);
            return r;
        }
    }
    return 0;
}

int config_settle(struct config *config, struct error *error)
{
    const char *instance = getenv("WEBSITE_INSTANCE_ID"), *site = getenv("WEBSITE_SITE_NAME");
    const char *slot = getenv("WEBSITE_SLOT_NAME");
    char name[HOST_NAME_MAX + 1] = "";
    int r = 0;

    if (gethostname(name, sizeof name - 1) < 0 || !name[0])
        (void)snprintf(name, sizeof name, "localhost"); /* fits */
    if (!config->machine_name[0])
        r = config_set_string(&config->machine_name, name);
    if (r == 0 && !config->instance_id[0]) {
        char derived[INSTANCE_ID_SIZE];
        if (!instance || !instance[0])
            instance_id_derive("/etc/machine-id", name, derived);
        r = config_set_string(&config->instance_id, instance && instance[0] ? instance : derived);
    }
    if (r == 0 && !config->site_name[0] && site)
        r = config_set_string(&config->site_name, site);
    if (r == 0 && !config->slot_name[0] && slot)
        r = config_set_string(&config->slot_name, slot);
    instance_run_make(config->run);
    return error_ensure(error, r, "The configuration could not be completed");
}
