#include "service/front_files.h"

#include "access/file.h"
#include "base/io.h"
#include "service/channel.h"

#include <errno.h>
#include <string.h>

enum { CERTIFICATE, KEY, CLIENT_CA, FILES };

static const char message[] = "tls";

int front_files_send(const struct config *config, int channel, struct error *error)
{
    const char *const paths[FILES] = {config->tls_certificate,
                                      *config->tls_key ? config->tls_key : config->tls_certificate,
                                      config->tls_client_ca};
    int fds[FILES] = {-1, -1, -1}, r = 0;
    size_t count = *config->tls_client_ca ? FILES : CLIENT_CA;

    if (!*config->tls_certificate)
        return 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = access_file_open(paths[i], i == KEY, &fds[i], error);
    if (r == 0) {
        r = channel_send_several(channel, message, sizeof message, fds, count);
        if (r < 0)
            (void)error_errno(error, -r, "The files of TLS could not be passed on"); /* r stays */
    }
    for (size_t i = 0; i < FILES; i++)
        fds[i] = fd_close(fds[i]);
    return r;
}

void front_files_release(struct front_files *files)
{
    if (files->key.data)
        explicit_bzero(files->key.data, files->key.size);
    if (files->certificate.data) /* the key may stand in it */
        explicit_bzero(files->certificate.data, files->certificate.size);
    buffer_release(&files->certificate);
    buffer_release(&files->key);
    buffer_release(&files->client_ca);
}

/* From its begin: both of one file share the position where one descriptor was sent twice. */
static int read_all(int fd, struct buffer *text)
{
    ssize_t n;
    int r = buffer_reserve(text, ACCESS_FILE_MAX);

    if (r < 0)
        return r;
    n = io_pread_full(fd, text->data, ACCESS_FILE_MAX, 0);
    if (n < 0)
        return (int)n;
    text->size = (size_t)n;
    text->data[n] = '\0';
    return 0;
}

int front_files_receive(int channel, struct front_files *ret_files, struct error *error)
{
    struct front_files files = {0};
    struct buffer *const texts[FILES] = {&files.certificate, &files.key, &files.client_ca};
    char bytes[sizeof message];
    int fds[FILES], r = 0;
    ssize_t n = channel_receive_several(channel, bytes, sizeof bytes, fds, FILES);

    if (n == -EAGAIN)
        return -EAGAIN;
    if (n <= 0)
        return -EPIPE;
    for (size_t i = 0; i < FILES; i++) {
        texts[i]->limit = ACCESS_FILE_MAX;
        if (r == 0 && fds[i] >= 0)
            r = read_all(fds[i], texts[i]);
        fds[i] = fd_close(fds[i]);
    }
    if (r < 0) {
        front_files_release(&files);
        return error_errno(error, -r, "The files of TLS could not be read");
    }
    *ret_files = files;
    return 0;
}
