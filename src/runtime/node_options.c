/* What a Node process was told about its inspector, by its command line and $NODE_OPTIONS. */
#include "runtime/node_parts.h"

#include "base/limits.h"
#include "base/parse.h"
#include "proc/environ.h"

#include <errno.h>
#include <string.h>

enum { PORT_USUAL = 9229 };

/* The value behind NAME= or, as with Node, NAME_= : NULL where the option is another. */
static const char *value_of(const char *option, const char *name)
{
    size_t size = strlen(name);

    return strncmp(option, name, size) == 0 && option[size] == '=' ? option + size + 1 : NULL;
}

/* "9230", "host:9230", "[::1]:9230"; a host alone says nothing. */
static void take_port(const char *value, struct node_options *options)
{
    const char *colon = strrchr(value, ':');
    uint64_t port;

    if (parse_u64(colon ? colon + 1 : value, &port) == 0 && port <= UINT16_MAX)
        options->port = (uint16_t)port;
}

/* Whether its value is the next argument. */
static bool take_option(const char *option, struct node_options *options)
{
    static const char *const listening[] = {"--inspect", "--inspect-brk", "--inspect-wait"};
    static const char *const ports[] = {"--inspect-port", "--debug-port"};
    static const char *const others[] = {"-r", "--require",   "--import", "--loader", "--experimental-loader",
                                         "-C", "--conditions"};
    const char *value;

    for (size_t i = 0; i < ELEMENTS_OF(listening); i++) {
        value = value_of(option, listening[i]);
        if (value)
            take_port(value, options);
        options->is_told = options->is_told || value || strcmp(option, listening[i]) == 0;
    }
    for (size_t i = 0; i < ELEMENTS_OF(ports); i++) {
        value = value_of(option, ports[i]);
        if (value)
            take_port(value, options);
        if (strcmp(option, ports[i]) == 0)
            return true;
    }
    value = value_of(option, "--inspect-publish-uid");
    if (value)
        options->is_secret = !strstr(value, "http");
    if (strcmp(option, "--permission") == 0 || strcmp(option, "--experimental-permission") == 0)
        options->is_restricted = true;
    for (size_t i = 0; i < ELEMENTS_OF(others); i++)
        if (strcmp(option, others[i]) == 0)
            return true;
    return false;
}

/* What stands behind the program's name is the program's own. */
static void take_arguments(const struct buffer *arguments, struct node_options *options)
{
    const char *pending = NULL;
    size_t at = arguments->size ? strlen(arguments->data) + 1 : 0;

    for (; at < arguments->size; at += strlen(arguments->data + at) + 1) {
        const char *argument = arguments->data + at;

        if (pending) {
            if (strstr(pending, "-port"))
                take_port(argument, options);
            pending = NULL;
        } else if (argument[0] != '-' || strcmp(argument, "--") == 0) {
            return;
        } else if (take_option(argument, options)) {
            pending = argument;
        }
    }
}

void node_options_parse(const struct buffer *arguments, const char *environment,
                        struct node_options *ret_options)
{
    struct node_options options = {.port = PORT_USUAL};

    while (environment && *environment) {
        char option[256];
        size_t size = strcspn(environment, " ");

        (void)snprintf(option, sizeof option, "%.*s", size < sizeof option ? (int)size : 0, environment);
        (void)take_option(option, &options); /* a value of its own is the next word, which is none */
        environment += size + strspn(environment + size, " ");
    }
    take_arguments(arguments, &options);
    *ret_options = options;
}

int node_options_read(const struct pidref *process, struct node_options *ret_options)
{
    _cleanup_buffer_ struct buffer environment = BUFFER_INIT(LIMIT_ENVIRON),
                                   arguments = BUFFER_INIT(LIMIT_ENVIRON);
    int r = proc_environ_read(process->dir_fd, &environment);

    if (r == 0)
        r = proc_cmdline_read(process->dir_fd, &arguments);
    if (r == 0)
        node_options_parse(&arguments, environ_get(&environment, "NODE_OPTIONS"), ret_options);
    return r;
}
