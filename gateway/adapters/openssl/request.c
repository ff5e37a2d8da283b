#include "request.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* of a part of a subject (RFC 5280, upper bounds) */

static bool set_name(X509_REQ *csr, const char *organization, const char *name)
{
    X509_NAME *subject = X509_REQ_get_subject_name(csr);
    return subject &&
           X509_NAME_add_entry_by_NID(subject, NID_organizationName, MBSTRING_UTF8,
                                      (const unsigned char *)organization, -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)name, -1, -1, 0) == 1;
}

/* What was written to bio, closed by a zero. */
static bool take_text(char *out, size_t size, BIO *bio)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    if (len <= 0 || (size_t)len >= size)
        return false;
    memcpy(out, text, (size_t)len);
    out[len] = '\0';
    return true;
}

static bool write_key(char out[REQUEST_KEY_MAX], EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem()); /* it wipes what it held */
    bool good = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                take_text(out, REQUEST_KEY_MAX, bio);
    BIO_free(bio);
    return good;
}

static bool write_csr(char out[REQUEST_CSR_MAX], X509_REQ *csr)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool good = bio && PEM_write_bio_X509_REQ(bio, csr) == 1 && take_text(out, REQUEST_CSR_MAX, bio);
    BIO_free(bio);
    return good;
}

enum gh_err request_make(struct request *out, const char *organization, const char *name)
{
    if (strlen(organization) - 1 >= NAME_MAX_LEN || strlen(name) - 1 >= NAME_MAX_LEN)
        return GH_INVALID;
    struct request request = {0};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *csr = X509_REQ_new();
    bool good = key && csr && X509_REQ_set_version(csr, X509_REQ_VERSION_1) == 1 &&
                set_name(csr, organization, name) && X509_REQ_set_pubkey(csr, key) == 1 &&
                X509_REQ_sign(csr, key, EVP_sha256()) > 0 && write_key(request.key, key) &&
                write_csr(request.csr, csr);
    X509_REQ_free(csr);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (good)
        *out = request;
    request_forget(&request);
    return good ? GH_OK : GH_IO;
}

void request_forget(struct request *request)
{
    OPENSSL_cleanse(request, sizeof *request);
}
