#include "access/authorities.h"

#include "access/file.h"

#include <errno.h>
#include <gnutls/x509.h>

static int append(gnutls_x509_crt_t certificate, struct buffer *text)
{
    gnutls_datum_t pem = {0};
    int r;

    if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem) < 0)
        return -ENOMEM;
    r = buffer_append(text, pem.data, pem.size);
    gnutls_free(pem.data);
    return r;
}

static int append_all(const gnutls_datum_t *pem, struct buffer *text, int *ret_problem)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int r = 0;

    *ret_problem = gnutls_x509_crt_list_import2(&list, &count, pem, GNUTLS_X509_FMT_PEM, 0);
    if (*ret_problem < 0)
        return -EINVAL;
    for (unsigned i = 0; i < count; i++) {
        if (r == 0 && i < AUTHORITIES_MAX)
            r = append(list[i], text);
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return count > AUTHORITIES_MAX ? -EFBIG : r;
}

int authorities_read(const char *key, const char *path, struct buffer *text, struct error *error)
{
    _cleanup_buffer_ struct buffer file = {0};
    int problem = 0, r = *path ? access_file_read(path, false, &file, NULL, error) : 0;

    if (r < 0 || !*path)
        return r;
    r = append_all(&(gnutls_datum_t){.data = (unsigned char *)file.data, .size = (unsigned)file.size}, text,
                   &problem);
    if (r == -EINVAL)
        return error_set(error, EINVAL, "%s = %.300s holds no certificates in PEM that can be read: %s.", key,
                         path, gnutls_strerror(problem));
    if (r == -EFBIG)
        return error_set(error, EFBIG, "%s = %.300s holds more than %d certificates.", key, path,
                         AUTHORITIES_MAX);
    return error_ensure(error, r, "The certificates could not be kept");
}
