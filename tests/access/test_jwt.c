/* Tokens of others, signed here by GnuTLS; test_access.py has some that the openssl command has signed. */
#include "access/base64url.h"
#include "access/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <gnutls/crypto.h>
#include <nettle/base64.h>
#include <string.h>

static gnutls_privkey_t ec_key, rsa_key, other_key;
static struct jwt_keys keys;
static char ec_pem[2000];

static size_t encode(const void *bytes, size_t size, char *text)
{
    struct base64_encode_ctx context;
    size_t done;

    base64url_encode_init(&context);
    done = base64_encode_update(&context, text, size, bytes);
    done += base64_encode_final(&context, text + done);
    while (done > 0 && text[done - 1] == '=')
        done--;
    text[done] = '\0';
    return done;
}

/* header and claims as JSON; key NULL: no signature. */
static const char *sign(const char *header, const char *claims, gnutls_privkey_t key)
{
    static char text[8192];
    size_t size = encode(header, strlen(header), text);
    gnutls_datum_t signature, data;
    bool is_ec = key && gnutls_privkey_get_pk_algorithm(key, NULL) == GNUTLS_PK_ECDSA;

    text[size++] = '.';
    size += encode(claims, strlen(claims), text + size);
    data = (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)size};
    text[size] = '.';
    text[size + 1] = '\0';
    if (!key)
        return text;
    assert_int_equal(gnutls_privkey_sign_data2(key, is_ec ? GNUTLS_SIGN_ECDSA_SHA256 : GNUTLS_SIGN_RSA_SHA256,
                                               0, &data, &signature),
                     0);
    if (is_ec) {
        gnutls_datum_t r, s;
        unsigned char raw[64] = {0};
        assert_int_equal(gnutls_decode_rs_value(&signature, &r, &s), 0);
        /* as DER has them: with a zero in front, or with fewer bytes */
        size_t skip_r = r.size > 32 ? r.size - 32 : 0, skip_s = s.size > 32 ? s.size - 32 : 0;
        memcpy(raw + 32 - (r.size - skip_r), r.data + skip_r, r.size - skip_r);
        memcpy(raw + 64 - (s.size - skip_s), s.data + skip_s, s.size - skip_s);
        (void)encode(raw, sizeof raw, text + size + 1);
        gnutls_free(r.data);
        gnutls_free(s.data);
    } else {
        (void)encode(signature.data, signature.size, text + size + 1);
    }
    gnutls_free(signature.data);
    return text;
}

static const struct jwt_demands demands = {
    .issuer = "https://issuer", .audience = "procscope", .role_claim = "roles", .name_claim = "sub"};

enum { NOW = 1000000 };

static int check(const char *text, struct principal *principal)
{
    struct error error = {0};
    int r = jwt_check(&keys, &demands, text, NOW, principal, &error);

    if (r == -ENOENT)
        assert_true(error.text[0]);
    return r;
}

#define ES "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"
#define RS "{\"alg\":\"RS256\"}"
#define GOOD                                                                                                 \
    "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":1000100,\"nbf\":1000010,\"sub\":\"joe\","     \
    "\"roles\":[\"x\",\"operator\",\"reader\"]}"

static void good_ones_are_taken(void **state)
{
    struct principal principal;
    (void)state;

    assert_int_equal(check(sign(ES, GOOD, ec_key), &principal), 0);
    assert_int_equal(principal.role, ROLE_OPERATOR);
    assert_int_equal(principal.kind, PRINCIPAL_JWT);
    assert_int_equal(principal.expires, 1000100);
    assert_string_equal(principal.name, "joe");
    assert_int_equal(check(sign(RS, GOOD, rsa_key), &principal), 0);
    /* one audience of several, a role as a text, a time with a fraction */
    assert_int_equal(
        check(sign(ES,
                   "{\"iss\":\"https://issuer\",\"aud\":[\"a\",\"procscope\"],\"exp\":1000000.5e0,"
                   "\"roles\":\"admin\"}",
                   ec_key),
              &principal),
        -ENOENT); /* it has just expired */
    assert_int_equal(check(sign(ES,
                                "{\"iss\":\"https://issuer\",\"aud\":[\"a\",\"procscope\"],\"exp\":1000001.5,"
                                "\"roles\":\"admin\"}",
                                ec_key),
                           &principal),
                     0);
    assert_int_equal(principal.role, ROLE_ADMIN);
    /* without a role it is somebody, who may nothing */
    assert_int_equal(
        check(sign(ES, "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":1000100}", ec_key),
              &principal),
        0);
    assert_int_equal(principal.role, ROLE_NONE);
}

static void bad_claims_are_refused(void **state)
{
    static const char *const bad[] = {
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"roles\":\"admin\"}",
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":\"1000100\"}",
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":1000000}",
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":-1}",
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":1e300}",
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":1000100,\"nbf\":1000031}",
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":1000100,\"iat\":1000031}",
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":1000100,\"nbf\":\"x\"}",
        "{\"iss\":\"https://other\",\"aud\":\"procscope\",\"exp\":1000100}",
        "{\"iss\":[\"https://issuer\"],\"aud\":\"procscope\",\"exp\":1000100}",
        "{\"aud\":\"procscope\",\"exp\":1000100}",
        "{\"iss\":\"https://issuer\",\"aud\":\"other\",\"exp\":1000100}",
        "{\"iss\":\"https://issuer\",\"aud\":[],\"exp\":1000100}",
        "{\"iss\":\"https://issuer\",\"aud\":{\"procscope\":1},\"exp\":1000100}",
        "{\"iss\":\"https://issuer\",\"exp\":1000100}",
        "{\"iss\":\"https://issuer\",\"aud\":\"procscope\",\"exp\":1000100,\"exp\":1}",
        "[]",
        "\"x\"",
        "",
    };
    struct principal principal;
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        if (check(sign(ES, bad[i], ec_key), &principal) != -ENOENT)
            fail_msg("the claims %s were taken", bad[i]);
}

static void algorithms_are_not_the_tokens_to_choose(void **state)
{
    static const char *const headers[] = {"{\"alg\":\"none\"}",
                                          "{\"alg\":\"None\"}",
                                          "{\"alg\":\"HS256\"}",
                                          "{\"alg\":\"ES384\"}",
                                          "{\"alg\":\"PS256\"}",
                                          "{\"alg\":\"es256\"}",
                                          "{}",
                                          "{\"alg\":null}",
                                          "{\"alg\":[\"ES256\"]}",
                                          "{\"alg\":\"RS256\"}", /* with a signature by the other key */
                                          "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}",
                                          "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
                                          "rubbish",
                                          ""};
    struct principal principal;
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(headers); i++)
        if (check(sign(headers[i], GOOD, ec_key), &principal) != -ENOENT)
            fail_msg("the header %s was taken", headers[i]);
    assert_int_equal(check(sign("{\"alg\":\"none\"}", GOOD, NULL), &principal), -ENOENT);
    assert_int_equal(check(sign(ES, GOOD, NULL), &principal), -ENOENT);
    assert_int_equal(check(sign(ES, GOOD, other_key), &principal), -ENOENT);
    assert_int_equal(check(sign(ES, GOOD, rsa_key), &principal), -ENOENT);
}

/* The classic: the public key, which everybody has, taken as a secret for HS256. */
static void a_public_key_is_no_secret(void **state)
{
    char text[8192];
    unsigned char digest[32];
    struct principal principal;
    size_t size;
    (void)state;

    (void)snprintf(text, sizeof text, "%s", sign("{\"alg\":\"HS256\"}", GOOD, NULL)); /* fits */
    size = strlen(text) - 1;
    assert_int_equal(gnutls_hmac_fast(GNUTLS_MAC_SHA256, ec_pem, strlen(ec_pem), text, size, digest), 0);
    (void)encode(digest, sizeof digest, text + size + 1);
    assert_int_equal(check(text, &principal), -ENOENT);
}

static void each_byte_counts(void **state)
{
    char text[8192];
    struct principal principal;
    (void)state;

    (void)snprintf(text, sizeof text, "%s", sign(ES, GOOD, ec_key)); /* fits */
    for (size_t i = 0; i < strlen(text); i++) {
        char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        if (check(text, &principal) != -ENOENT)
            fail_msg("it was taken with its byte %zu changed", i);
        text[i] = was;
    }
    assert_int_equal(check(text, &principal), 0);
    for (size_t i = strlen(text); i > 0; i--) {
        text[i - 1] = '\0';
        assert_int_equal(check(text, &principal), -ENOENT);
    }
}

static void keys_come_as_pem_or_as_a_set(void **state)
{
    /* RFC 7517, A.1, with a key for encryption before it and a small RSA one behind */
    static const char set[] =
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"enc\",\"x\":\"AA\",\"y\":\"AA\"},"
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
        "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"kid\":\"1\"},"
        "{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},7]}";
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"keys\":{}}",
                                      "{\"keys\":[]}",
                                      "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
                                      "-----BEGIN PUBLIC KEY-----\n",
                                      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                                      "nothing at all"};
    struct jwt_keys list = {0};
    struct error error = {0};
    char two[4100];
    (void)state;

    if (jwt_keys_parse(&list, "F", set, strlen(set), &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, "1");
    (void)snprintf(two, sizeof two, "text before\n%s\n%s", ec_pem, ec_pem);
    assert_int_equal(jwt_keys_parse(&list, "F", two, strlen(two), &error), 0);
    assert_int_equal(list.count, 3);
    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        if (jwt_keys_parse(&list, "F", bad[i], strlen(bad[i]), &error) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
    jwt_keys_release(&list);
}

static void base64url_is_strict(void **state)
{
    static const struct {
        const char *text;
        int r;
        size_t size;
    } cases[] = {{"", 0, 0},          {"AA", 0, 1},         {"AAA", 0, 2},         {"AAAA", 0, 3},
                 {"_-8", 0, 2},       {"A", -EINVAL, 0},    {"AB", -EINVAL, 0},    {"AA==", -EINVAL, 0},
                 {"A A", -EINVAL, 0}, {"+/AA", -EINVAL, 0}, {"AAAAA", -EINVAL, 0}, {"AAAAAAAA", -ENOBUFS, 0}};
    uint8_t bytes[4];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        size_t size = sizeof bytes;
        assert_int_equal(base64url_decode(cases[i].text, strlen(cases[i].text), bytes, &size), cases[i].r);
        if (cases[i].r == 0)
            assert_int_equal(size, cases[i].size);
    }
}

static gnutls_privkey_t make_key(gnutls_pk_algorithm_t algorithm, unsigned bits)
{
    gnutls_privkey_t key;

    assert_int_equal(gnutls_privkey_init(&key), 0);
    assert_int_equal(gnutls_privkey_generate(key, algorithm, bits, 0), 0);
    return key;
}

static void add_public(gnutls_privkey_t key, char *ret_pem, size_t pem_size)
{
    struct error error = {0};
    gnutls_pubkey_t public;
    gnutls_datum_t pem;

    assert_int_equal(gnutls_pubkey_init(&public), 0);
    assert_int_equal(gnutls_pubkey_import_privkey(public, key, 0, 0), 0);
    assert_int_equal(gnutls_pubkey_export2(public, GNUTLS_X509_FMT_PEM, &pem), 0);
    if (jwt_keys_parse(&keys, "F", (char *)pem.data, pem.size, &error) < 0)
        fail_msg("%s", error.text);
    if (ret_pem)
        (void)snprintf(ret_pem, pem_size, "%s", (char *)pem.data);
    gnutls_free(pem.data);
    gnutls_pubkey_deinit(public);
}

static int set_up(void **state)
{
    (void)state;
    ec_key = make_key(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
    other_key = make_key(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
    rsa_key = make_key(GNUTLS_PK_RSA, 2048);
    add_public(ec_key, ec_pem, sizeof ec_pem);
    add_public(rsa_key, NULL, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gnutls_privkey_deinit(ec_key);
    gnutls_privkey_deinit(other_key);
    gnutls_privkey_deinit(rsa_key);
    jwt_keys_release(&keys);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_taken),
        cmocka_unit_test(bad_claims_are_refused),
        cmocka_unit_test(algorithms_are_not_the_tokens_to_choose),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(each_byte_counts),
        cmocka_unit_test(keys_come_as_pem_or_as_a_set),
        cmocka_unit_test(base64url_is_strict),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
