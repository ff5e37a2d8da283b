/* The authority's list of revoked certificates (CRL). */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "authority.h"
#include "authority_parts.h"

#define NEVER "99991231235959Z"

static ASN1_INTEGER *parse_serial(const char *hex)
{
    BIGNUM *n = NULL;
    size_t len = strlen(hex);
    bool good = len > 0 && len <= 40 && strspn(hex, "0123456789abcdef") == len && BN_hex2bn(&n, hex) > 0;
    ASN1_INTEGER *serial = good ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
    BN_free(n);
    return serial;
}

/* The list, if the authority has signed it; owned. */
static X509_CRL *parse_list(struct authority *a, struct slice pem)
{
    BIO *bio = pem.len > 0 && pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    X509_CRL *list = bio ? PEM_read_bio_X509_CRL(bio, NULL, openssl_no_passphrase, NULL) : NULL;
    BIO_free(bio);
    if (list && X509_CRL_verify(list, a->key) == 1)
        return list;
    X509_CRL_free(list);
    return NULL;
}

static bool holds(X509_CRL *list, ASN1_INTEGER *serial)
{
    X509_REVOKED *found = NULL;
    return X509_CRL_get0_by_serial(list, &found, serial) != 0;
}

static bool add(X509_CRL *list, const ASN1_INTEGER *serial, const ASN1_TIME *at)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *number = ASN1_INTEGER_dup(serial); /* both are copied once more */
    ASN1_TIME *time = ASN1_STRING_dup(at);
    bool good = entry && number && time && X509_REVOKED_set_serialNumber(entry, number) == 1 &&
                X509_REVOKED_set_revocationDate(entry, time) == 1 &&
                X509_CRL_add0_revoked(list, entry) == 1;
    if (!good)
        X509_REVOKED_free(entry);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(time);
    return good;
}

static bool copy_entries(X509_CRL *to, X509_CRL *from)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(from);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        if (!add(to, X509_REVOKED_get0_serialNumber(entry), X509_REVOKED_get0_revocationDate(entry)))
            return false;
    }
    return true;
}

/* One more than that of the list before it. */
static bool set_number(X509_CRL *list, X509_CRL *old)
{
    ASN1_INTEGER *number = old ? X509_CRL_get_ext_d2i(old, NID_crl_number, NULL, NULL) : NULL;
    int64_t last = 0;
    bool good = !number || ASN1_INTEGER_get_int64(&last, number) == 1;
    ASN1_INTEGER_free(number);
    number = ASN1_INTEGER_new();
    good = good && number && ASN1_INTEGER_set_int64(number, last + 1) == 1 &&
           X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_INTEGER_free(number);
    return good;
}

static bool set_issuer_key(X509_CRL *list, X509 *issuer)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, NULL, NULL, list, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_nconf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    bool good = extension && X509_CRL_add_ext(list, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

/* It began in 1970 and never ends (authority.h). */
static bool set_times(X509_CRL *list)
{
    ASN1_TIME *from = ASN1_TIME_new(), *until = ASN1_TIME_new();
    bool good = from && until && openssl_set_time(from, 0) && ASN1_TIME_set_string(until, NEVER) == 1 &&
                X509_CRL_set1_lastUpdate(list, from) == 1 &&
                X509_CRL_set1_nextUpdate(list, until) == 1;
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return good;
}

static X509_CRL *begin(struct authority *a, X509_CRL *old)
{
    X509_CRL *list = X509_CRL_new();
    if (list && X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(list, X509_get_subject_name(a->cert)) == 1 && set_times(list) &&
        (!old || copy_entries(list, old)) && set_issuer_key(list, a->cert) && set_number(list, old))
        return list;
    X509_CRL_free(list);
    return NULL;
}

static enum gh_err add_serials(X509_CRL *list, const char *const *serials, size_t n, int64_t now)
{
    ASN1_TIME *at = ASN1_TIME_new();
    enum gh_err err = at && openssl_set_time(at, now > 0 ? now : 0) ? GH_OK : GH_IO;
    for (size_t i = 0; i < n && !err; i++) {
        ASN1_INTEGER *serial = parse_serial(serials[i]);
        if (!serial)
            err = GH_INVALID;
        else if (!holds(list, serial) && !add(list, serial, at))
            err = GH_IO;
        ASN1_INTEGER_free(serial);
    }
    ASN1_TIME_free(at);
    return err;
}

static char *print(X509_CRL *list)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = bio && PEM_write_bio_X509_CRL(bio, list) == 1 ? openssl_take_text(bio) : NULL;
    BIO_free(bio);
    return text;
}

enum gh_err authority_revoke(struct authority *a, struct slice old_pem, const char *const *serials,
                             size_t n, int64_t now, char **out)
{
    X509_CRL *old = old_pem.len > 0 ? parse_list(a, old_pem) : NULL;
    if (old_pem.len > 0 && !old) {
        ERR_clear_error();
        return GH_INVALID;
    }
    X509_CRL *list = begin(a, old);
    enum gh_err err = list ? add_serials(list, serials, n, now) : GH_IO;
    char *text = NULL;
    if (!err && (X509_CRL_sort(list) != 1 || X509_CRL_sign(list, a->key, EVP_sha256()) <= 0 ||
                 (text = print(list)) == NULL))
        err = GH_IO;
    X509_CRL_free(list);
    X509_CRL_free(old);
    ERR_clear_error();
    if (!err)
        *out = text;
    return err;
}

enum gh_err authority_count_revoked(struct authority *a, struct slice pem,
                                    const char *const *serials, size_t n, size_t *held)
{
    X509_CRL *list = parse_list(a, pem);
    size_t count = 0;
    for (size_t i = 0; list && i < n; i++) {
        ASN1_INTEGER *serial = parse_serial(serials[i]);
        count += serial && holds(list, serial);
        ASN1_INTEGER_free(serial);
    }
    enum gh_err err = list ? GH_OK : GH_INVALID;
    X509_CRL_free(list);
    ERR_clear_error();
    if (!err)
        *held = count;
    return err;
}
