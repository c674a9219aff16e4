#include "api/front_tls.h"

#include "base/log.h"
#include "http/listen.h"
#include "http/tls.h"
#include "service/front_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { NAMES_MAX = 4 + LISTENERS_MAX, NAME_SIZE = 64 };

static int use_files(const struct front_files *files, struct error *error)
{
    struct tls *tls;
    int r = tls_new(&files->certificate, &files->key, files->client_ca.size > 0 ? &files->client_ca : NULL,
                    &tls, error);

    return r < 0 ? r : tls_use(tls, error);
}

/* The address of https://ADDRESS:PORT or https://[ADDRESS]:PORT. */
static void take_address(const char *url, char address[NAME_SIZE])
{
    const char *begin = strstr(url, "://");
    size_t size;

    begin = begin ? begin + 3 : url;
    begin += *begin == '[';
    size = strcspn(begin, url[strlen("https://")] == '[' ? "]" : ":");
    (void)snprintf(address, NAME_SIZE, "%.*s", (int)size, begin); /* addresses are shorter */
}

static int use_self_signed(const struct config *config, const struct listeners *listeners,
                           struct error *error)
{
    const char *names[NAMES_MAX] = {"localhost", config->machine_name, "127.0.0.1", "::1"};
    char addresses[LISTENERS_MAX][NAME_SIZE], fingerprint[TLS_FINGERPRINT_SIZE], pin[TLS_PIN_SIZE];
    size_t count = 4;
    struct tls *tls;
    int r;

    for (size_t i = 0; i < listeners->count; i++) {
        if (!listeners->items[i].tls)
            continue;
        take_address(listeners->items[i].url, addresses[i]);
        names[count++] = addresses[i];
    }
    r = tls_new_self_signed(names, count, &tls, fingerprint, pin, error);
    if (r == 0)
        r = tls_use(tls, error);
    if (r == 0)
        log_info("The certificate is self-signed, SHA-256 %s (curl --insecure --pinnedpubkey %s)",
                 fingerprint, pin);
    return r;
}

int front_tls_begin(const struct front_start *start, struct error *error)
{
    _cleanup_front_files_ struct front_files files = {0};
    int r = 0;

    if (start->config->tls_self_signed)
        r = use_self_signed(start->config, start->data, error);
    else if (*start->config->tls_certificate)
        r = front_files_receive(start->channel, &files, error);
    if (r == -EPIPE)
        return error_set(error, EPIPE, "The inspector sent no files of TLS.");
    if (r == 0 && *start->config->tls_certificate)
        r = use_files(&files, error);
    if (r == 0 && fcntl(start->channel, F_SETFL, O_NONBLOCK) < 0)
        r = error_errno(error, errno, "The channel could not be set up");
    return r;
}

int front_tls_renew(int channel)
{
    _cleanup_front_files_ struct front_files files = {0};
    struct error error = {0};
    int r = front_files_receive(channel, &files, &error);

    if (r == -EPIPE || r == -EAGAIN)
        return r == -EPIPE ? r : 0;
    if (r == 0)
        r = use_files(&files, &error);
    if (r < 0)
        log_error("%s TLS goes on with what it has.", error.text);
    else
        log_info("The certificate of TLS was read again.");
    return 0;
}
