#include "chain.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "certificate.h"
#include "parts.h"

static void free_certificates(STACK_OF(X509) **all)
{
    sk_X509_pop_free(*all, X509_free);
}

#define CERTIFICATES __attribute__((cleanup(free_certificates))) STACK_OF(X509) *

static BIO *open_text(struct slice pem)
{
    return pem.len > 0 && pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
}

/* All certificates of a text, owned; NULL if there is none, there are too many, or one cannot
 * be read. */
static STACK_OF(X509) *read_all(struct slice pem)
{
    BIO *bio = open_text(pem);
    STACK_OF(X509) *all = bio ? sk_X509_new_null() : NULL;
    X509 *cert = NULL;
    bool good = all != NULL;
    while (good && (cert = PEM_read_bio_X509(bio, NULL, openssl_no_passphrase, NULL))) {
        good = sk_X509_num(all) < CHAIN_CERTIFICATES_MAX && sk_X509_push(all, cert) > 0;
        if (!good)
            X509_free(cert);
    }
    /* The end of the text is the one way to end well. */
    good = good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE &&
           sk_X509_num(all) > 0;
    BIO_free(bio);
    ERR_clear_error();
    if (good)
        return all;
    sk_X509_pop_free(all, X509_free);
    return NULL;
}

/* --- the checks ---------------------------------------------------------------------------- */

static bool is_for_key(X509 *cert, struct slice pem)
{
    BIO *bio = open_text(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, openssl_no_passphrase, NULL) : NULL;
    bool fits = key && X509_check_private_key(cert, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return fits;
}

/* One part of that kind, and this. */
static bool has_part(const X509_NAME *subject, int nid, const char *text)
{
    int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, nid, at) >= 0)
        return false;
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool same = len >= 0 && slice_is(slice_make(utf8, (size_t)len), text);
    OPENSSL_free(utf8);
    return same;
}

static enum chain_verdict check_signed(STACK_OF(X509) *chain, STACK_OF(X509) *authorities)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool good = store && context;
    for (int i = 0; good && i < sk_X509_num(authorities); i++)
        good = X509_STORE_add_cert(store, sk_X509_value(authorities, i)) == 1;
    good = good && X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0), chain) == 1;
    enum chain_verdict verdict = CHAIN_FAULT;
    if (good) {
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
        X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT);
        bool is_signed = X509_verify_cert(context) == 1;
        bool is_purpose = X509_STORE_CTX_get_error(context) == X509_V_ERR_INVALID_PURPOSE;
        verdict = is_signed ? CHAIN_GOOD : is_purpose ? CHAIN_NOT_CLIENT : CHAIN_OTHER_CA;
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return verdict;
}

enum chain_verdict chain_check(struct slice chain, struct slice key, struct slice authorities,
                               const char *organization, const char *name)
{
    CERTIFICATES certs = read_all(chain);
    CERTIFICATES above = read_all(authorities);
    if (!certs)
        return CHAIN_UNREADABLE;
    X509 *own = sk_X509_value(certs, 0);
    const X509_NAME *subject = X509_get_subject_name(own);
    if (!is_for_key(own, key))
        return CHAIN_OTHER_KEY;
    if (!has_part(subject, NID_organizationName, organization) ||
        !has_part(subject, NID_commonName, name))
        return CHAIN_OTHER_NAME;
    return above ? check_signed(certs, above) : CHAIN_OTHER_CA;
}

bool chain_fits(struct slice chain, struct slice key)
{
    X509 *cert = openssl_parse_certificate(chain);
    bool fits = cert && is_for_key(cert, key);
    X509_free(cert);
    return fits;
}

/* --- copies -------------------------------------------------------------------------------- */

static bool is_wanted(const X509 *cert, const char *only)
{
    unsigned char hash[(CERTIFICATE_HASH_TEXT - 1) / 2];
    char text[CERTIFICATE_HASH_TEXT];
    unsigned int len = 0;
    if (!only)
        return true;
    if (X509_digest(cert, EVP_sha256(), hash, &len) != 1 || len != sizeof hash)
        return false;
    openssl_hex(text, hash, sizeof hash);
    return strcmp(text, only) == 0;
}

enum gh_err chain_copy(char *out, size_t size, struct slice pem, const char *only)
{
    CERTIFICATES all = read_all(pem);
    if (!all)
        return GH_INVALID;
    BIO *bio = BIO_new(BIO_s_mem());
    bool good = bio != NULL;
    for (int i = 0; good && i < sk_X509_num(all); i++) {
        X509 *cert = sk_X509_value(all, i);
        good = !is_wanted(cert, only) || PEM_write_bio_X509(bio, cert) == 1;
    }
    char *text = NULL;
    long len = good ? BIO_get_mem_data(bio, &text) : 0;
    enum gh_err err = good ? GH_OK : GH_FULL;
    if (good && len <= 0)
        err = GH_NOT_FOUND;
    else if (good && (size_t)len >= size)
        err = GH_FULL;
    if (!err) {
        memcpy(out, text, (size_t)len);
        out[len] = '\0';
    }
    BIO_free(bio);
    ERR_clear_error();
    return err;
}
