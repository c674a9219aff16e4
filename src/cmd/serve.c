/* `procscope serve`: opens the sockets while it still may, then runs the service. */
#include "cmd/serve.h"

#include "access/authorities.h"
#include "api/front.h"
#include "base/log.h"
#include "cmd/exit_code.h"
#include "cmd/verb.h"
#include "instances/peer.h"
#include "instances/registry_config.h"
#include "service/config.h"
#include "service/gate.h"
#include "service/inspector.h"
#include "service/service.h"
#include "service/signals.h"

#include <errno.h>
#include <string.h>

static int print_help(void)
{
    _cleanup_buffer_ struct buffer text = {0};
    int r = config_help(&text);

    if (r < 0)
        return EXIT_FAILED;
    printf("usage: procscope serve [OPTION...]\n\n"
           "Serves the processes of this machine over HTTP, with Kudu's process API.\n\n"
           "  --config FILE\n      read this INI file first; options win over it\n"
           "  --print-config\n      print the configuration that results, as such a file\n"
           "  --help\n      print this\n%s",
           text.data);
    return EXIT_GOOD;
}

static int print_config(const struct config *config)
{
    _cleanup_buffer_ struct buffer text = {0};

    if (config_print(config, &text) < 0)
        return EXIT_FAILED;
    return fwrite(text.data, 1, text.size, stdout) == text.size && fflush(stdout) == 0 ? EXIT_GOOD
                                                                                       : EXIT_FAILED;
}

/* Sockets that systemd hands over stand in place of the configured ones. */
static int open_listeners(const struct config *config, struct listeners *listeners, struct error *error)
{
    int r = listeners_add_inherited(listeners, error);

    for (size_t i = 0; r == 0 && i < config->listen_count; i++)
        r = listeners_add(listeners, config->listen[i], error);
    return r < 0 ? r : 0;
}

/* Whoever can reach it could read the memory of processes. */
static int check_reach(const struct config *config, const struct listeners *listeners, struct error *error)
{
    if (*config->jwt_keys && !*config->jwt_audience)
        return error_set(error, EINVAL,
                         "jwt-keys needs jwt-audience: what a token's claim aud has to hold, so that a token "
                         "for somebody else is not good here.");
    for (size_t i = 0; i < listeners->count && !gate_can_identify(config); i++)
        if (!listeners->items[i].loopback && !listeners->items[i].is_unix)
            return error_set(error, EACCES,
                             "%s can be reached from other machines, so it takes authentication: 'procscope "
                             "token new --role admin --name NAME --file FILE' makes a token, and --tokens "
                             "FILE sets it up.",
                             listeners->items[i].url);
    return 0;
}

static int check_tls(const struct config *config, struct error *error)
{
    if (*config->tls_certificate && config->tls_self_signed)
        return error_set(
            error, EINVAL,
            "tls-self-signed makes a certificate, and tls-certificate gives one: only one of both.");
    if (*config->tls_client_ca && !*config->tls_certificate)
        return error_set(error, EINVAL,
                         "tls-client-ca needs tls-certificate, since only TLS has certificates.");
    if (*config->certificate_roles && !*config->tls_client_ca)
        return error_set(error, EINVAL,
                         "certificate-roles needs tls-client-ca: who signs the certificates of clients.");
    return 0;
}

static int announce(const struct config *config, const struct listeners *listeners, struct error *error)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->items[i];
        log_info("Listening on %s", listener->url);
    }
    return *config->url_file ? listeners_write_urls(listeners, config->url_file, error) : 0;
}

static void peer_setup_release(struct peer_setup *setup)
{
    buffer_release(&setup->peer_ca);
    buffer_release(&setup->registry_ca);
}

static int serve(const struct config *config, struct error *error)
{
    /* where users have roles, it is those that keep others out */
    _cleanup_listeners_ struct listeners listeners = {.for_all_users = *config->socket_roles};
    _cleanup_registry_config_ struct registry_config registry = {0};
    struct peer_setup setup = {.listeners = &listeners};
    int fds[LISTENERS_MAX];
    int r = inspector_check(config, error);

    if (r == 0)
        r = registry_config_check(config, &registry, error);
    if (r == 0)
        r = authorities_read("peer-ca", config->peer_ca, &setup.peer_ca, error);
    if (r == 0)
        r = authorities_read("registry-ca", config->registry_ca, &setup.registry_ca, error);
    signals_hold(); /* from here on there are files to be removed */
    if (r == 0)
        r = open_listeners(config, &listeners, error);
    if (r == 0)
        r = check_tls(config, error);
    if (r == 0 && (*config->tls_certificate || config->tls_self_signed))
        listeners_speak_tls(&listeners);
    if (r == 0)
        r = check_reach(config, &listeners, error);
    if (r == 0)
        r = announce(config, &listeners, error);
    if (r < 0) {
        peer_setup_release(&setup);
        listeners_remove_files(&listeners);
        return r;
    }
    for (size_t i = 0; i < listeners.count; i++)
        fds[i] = listeners.items[i].fd;
    r = service_run(config, fds, listeners.count, front_run, &listeners, peer_run, &setup, error);
    peer_setup_release(&setup);
    listeners_remove_files(&listeners);
    if (*config->url_file)
        (void)unlink(config->url_file); /* it names nothing any more; best effort */
    return r;
}

int cmd_serve(int argc, char **argv)
{
    _cleanup_config_ struct config config = {0};
    struct config_wishes wishes = {0};
    struct error error = {0};
    int r = config_init(&config);

    if (r == 0)
        r = config_read_arguments(&config, argc - 1, argv + 1, &wishes, &error);
    if (r < 0)
        return complain(&error);
    if (wishes.help)
        return print_help();
    r = config_settle(&config, &error);
    if (r < 0)
        return complain(&error);
    if (wishes.print_config)
        return print_config(&config);
    log_configure((enum log_level)config.log_level, "procscope");
    return serve(&config, &error) < 0 ? complain(&error) : EXIT_GOOD;
}

const struct verb verb_serve = {
    .name = "serve",
    .arguments = "[OPTION...]",
    .summary = "serve all of this over HTTP, with Kudu's process API",
    .description =
        "Listens on 127.0.0.1:7420 unless told otherwise; 'procscope serve --help' lists the options.",
    .run_raw = cmd_serve,
};
