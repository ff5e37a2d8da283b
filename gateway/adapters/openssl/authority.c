#include "authority.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "authority_parts.h"
#include "core/clock.h"
#include "news_date.h"

#define SERIAL_BITS 128
#define YEAR_S ((int64_t)31557600) /* 365.25 days */
#define SET_SINCE NEWS_DATE_S /* a clock before it was never set */

/* --- texts ------------------------------------------------------------------------------- */

char *openssl_take_text(BIO *bio)
{
    char *bytes, *text;
    long len = BIO_get_mem_data(bio, &bytes);
    if (len <= 0 || !(text = malloc((size_t)len + 1)))
        return NULL;
    memcpy(text, bytes, (size_t)len);
    text[len] = '\0';
    return text;
}

static char *print_certificate(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = bio && PEM_write_bio_X509(bio, cert) == 1 ? openssl_take_text(bio) : NULL;
    BIO_free(bio);
    return text;
}

static char *print_key(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem()); /* it wipes what it held */
    bool good = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    char *text = good ? openssl_take_text(bio) : NULL;
    BIO_free(bio);
    return text;
}

static EVP_PKEY *parse_key(struct slice pem)
{
    BIO *bio = pem.len > 0 && pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, openssl_no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

void authority_pair_free(struct authority_pair *pair)
{
    if (pair->key)
        OPENSSL_cleanse(pair->key, strlen(pair->key));
    free(pair->key);
    free(pair->certificate);
    *pair = (struct authority_pair){NULL, NULL};
}

/* --- parts of a certificate ---------------------------------------------------------------- */

static bool set_serial(X509 *cert)
{
    BIGNUM *n = BN_new();
    bool good = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return good;
}

static int64_t end_of(int64_t now, int years)
{
    return (now > SET_SINCE ? now : SET_SINCE) + years * YEAR_S;
}

bool openssl_set_time(ASN1_TIME *out, int64_t instant)
{
    char text[INSTANT_TEXT], digits[INSTANT_TEXT];
    size_t n = 0;
    instant_format(text, instant); /* 2025-01-31T08:00:00Z, there 20250131080000Z */
    for (const char *p = text; *p; p++)
        if (*p != '-' && *p != 'T' && *p != ':')
            digits[n++] = *p;
    digits[n] = '\0';
    return ASN1_TIME_set_string_X509(out, digits) == 1;
}

static bool set_times(X509 *cert, int64_t until)
{
    return openssl_set_time(X509_getm_notBefore(cert), 0) &&
           openssl_set_time(X509_getm_notAfter(cert), until);
}

static bool add_name(X509_NAME *to, int nid, const char *text)
{
    return X509_NAME_add_entry_by_NID(to, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1,
                                      0) == 1;
}

bool openssl_add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
    bool good = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool sign(X509 *cert, EVP_PKEY *key)
{
    return X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool fits(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= AUTHORITY_NAME_MAX;
}

/* --- the authority itself ------------------------------------------------------------------- */

static bool name_authority(X509 *cert, const char *site, const char *gateway)
{
    X509_NAME *name = X509_get_subject_name(cert);
    return add_name(name, NID_organizationName, site) &&
           add_name(name, NID_organizationalUnitName, gateway) &&
           add_name(name, NID_commonName, "Gatehouse site CA") &&
           X509_set_issuer_name(cert, name) == 1;
}

static X509 *certify(EVP_PKEY *key, const char *site, const char *gateway, int64_t now)
{
    X509 *cert = X509_new();
    if (cert && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
        set_times(cert, end_of(now, AUTHORITY_YEARS)) && name_authority(cert, site, gateway) &&
        X509_set_pubkey(cert, key) == 1 &&
        openssl_add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        openssl_add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        openssl_add_extension(cert, cert, NID_subject_key_identifier, "hash") && sign(cert, key))
        return cert;
    X509_free(cert);
    return NULL;
}

enum gh_err authority_certify(char **out, struct slice pem, const char *site, const char *gateway,
                              int64_t now)
{
    if (!fits(site) || !fits(gateway))
        return GH_INVALID;
    EVP_PKEY *key = parse_key(pem);
    X509 *cert = key ? certify(key, site, gateway, now) : NULL;
    char *text = cert ? print_certificate(cert) : NULL;
    enum gh_err err = text ? GH_OK : key ? GH_IO : GH_INVALID;
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (text)
        *out = text;
    return err;
}

enum gh_err authority_make(struct authority_pair *out, const char *site, const char *gateway,
                           int64_t now)
{
    struct authority_pair pair = {NULL, NULL};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    enum gh_err err = GH_IO;
    if (key && (pair.key = print_key(key)) != NULL)
        err = authority_certify(&pair.certificate, slice_of(pair.key), site, gateway, now);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (err)
        authority_pair_free(&pair);
    else
        *out = pair;
    return err;
}

enum gh_err authority_open(struct authority **out, struct slice certificate, struct slice key)
{
    struct authority *a = calloc(1, sizeof *a);
    if (!a)
        return GH_IO;
    a->cert = openssl_parse_certificate(certificate);
    a->key = parse_key(key);
    bool good = a->cert && a->key && X509_check_ca(a->cert) == 1 &&
                X509_check_private_key(a->cert, a->key) == 1;
    ERR_clear_error();
    if (!good) {
        authority_close(a);
        return GH_INVALID;
    }
    *out = a;
    return GH_OK;
}

void authority_close(struct authority *a)
{
    if (!a)
        return;
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
    free(a);
}

bool authority_has_issued(struct authority *a, struct slice certificate, struct slice key_pem)
{
    X509 *cert = openssl_parse_certificate(certificate);
    EVP_PKEY *key = parse_key(key_pem);
    bool has = cert && key && X509_check_issued(a->cert, cert) == X509_V_OK &&
               X509_verify(cert, a->key) == 1 && X509_check_private_key(cert, key) == 1;
    EVP_PKEY_free(key);
    X509_free(cert);
    ERR_clear_error();
    return has;
}

/* --- what it issues -------------------------------------------------------------------------- */

/* Not longer than the authority itself. */
static bool set_issued_times(struct authority *a, X509 *cert, int64_t now)
{
    int64_t until = end_of(now, AUTHORITY_ISSUED_YEARS);
    const ASN1_TIME *end = X509_get0_notAfter(a->cert);
    if (!set_times(cert, until))
        return false;
    return ASN1_TIME_compare(X509_get0_notAfter(cert), end) <= 0 || X509_set1_notAfter(cert, end) == 1;
}

/* All but names and use, and the signature. */
static X509 *begin_issue(struct authority *a, EVP_PKEY *key, const char *name, int64_t now)
{
    X509 *cert = X509_new();
    if (cert && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
        set_issued_times(a, cert, now) &&
        X509_set_issuer_name(cert, X509_get_subject_name(a->cert)) == 1 &&
        add_name(X509_get_subject_name(cert), NID_commonName, name) &&
        X509_set_pubkey(cert, key) == 1 &&
        openssl_add_extension(cert, a->cert, NID_basic_constraints, "critical,CA:FALSE") &&
        openssl_add_extension(cert, a->cert, NID_key_usage, "critical,digitalSignature") &&
        openssl_add_extension(cert, a->cert, NID_subject_key_identifier, "hash") &&
        openssl_add_extension(cert, a->cert, NID_authority_key_identifier, "keyid:always"))
        return cert;
    X509_free(cert);
    return NULL;
}

/* Takes cert and key. */
static enum gh_err end_issue(struct authority *a, X509 *cert, EVP_PKEY *key, bool good,
                             struct authority_pair *out)
{
    struct authority_pair pair = {NULL, NULL};
    if (good && sign(cert, a->key)) {
        pair.certificate = print_certificate(cert);
        pair.key = print_key(key);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!pair.certificate || !pair.key) {
        authority_pair_free(&pair);
        return GH_IO;
    }
    *out = pair;
    return GH_OK;
}

enum gh_err authority_issue_client(struct authority *a, const char *name, int64_t now,
                                   struct authority_pair *out)
{
    if (!fits(name))
        return GH_INVALID;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? begin_issue(a, key, name, now) : NULL;
    bool good = cert && openssl_add_extension(cert, a->cert, NID_ext_key_usage, "clientAuth");
    return end_issue(a, cert, key, good, out);
}

static bool add_host(GENERAL_NAMES *to, int type, const void *bytes, int len)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING
                                                             : V_ASN1_OCTET_STRING);
    if (name && text && ASN1_STRING_set(text, bytes, len) == 1) {
        GENERAL_NAME_set0_value(name, type, text);
        if (sk_GENERAL_NAME_push(to, name) > 0)
            return true;
        text = NULL; /* it is the name's */
    }
    ASN1_STRING_free(text);
    GENERAL_NAME_free(name);
    return false;
}

static bool add_address(GENERAL_NAMES *to, const char *address)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, address, bytes) == 1)
        return add_host(to, GEN_IPADD, bytes, 4);
    return inet_pton(AF_INET6, address, bytes) == 1 && add_host(to, GEN_IPADD, bytes, 16);
}

static bool add_hosts(X509 *cert, const struct authority_hosts *hosts)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool good = names != NULL;
    for (size_t i = 0; good && i < hosts->n_names; i++)
        good = add_host(names, GEN_DNS, hosts->name[i], (int)strlen(hosts->name[i]));
    for (size_t i = 0; good && i < hosts->n_addresses; i++)
        good = add_address(names, hosts->address[i]);
    good = good && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return good;
}

static bool are_addresses(const struct authority_hosts *hosts)
{
    unsigned char bytes[16];
    for (size_t i = 0; i < hosts->n_addresses; i++)
        if (inet_pton(AF_INET, hosts->address[i], bytes) != 1 &&
            inet_pton(AF_INET6, hosts->address[i], bytes) != 1)
            return false;
    return true;
}

enum gh_err authority_issue_server(struct authority *a, const struct authority_hosts *hosts,
                                   struct slice pem, int64_t now, struct authority_pair *out)
{
    if (hosts->n_names == 0 || !fits(hosts->name[0]) || !are_addresses(hosts))
        return GH_INVALID;
    EVP_PKEY *key = pem.len > 0 ? parse_key(pem) : EVP_EC_gen("P-256");
    if (!key) {
        ERR_clear_error();
        return pem.len > 0 ? GH_INVALID : GH_IO;
    }
    X509 *cert = begin_issue(a, key, hosts->name[0], now);
    bool good = cert && openssl_add_extension(cert, a->cert, NID_ext_key_usage, "serverAuth") &&
                add_hosts(cert, hosts);
    return end_issue(a, cert, key, good, out);
}
