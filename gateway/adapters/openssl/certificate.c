#include "certificate.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "parts.h"

X509 *openssl_parse_certificate(struct slice pem)
{
    BIO *bio = pem.len > 0 && pem.len <= INT_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, openssl_no_passphrase, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return cert;
}

int openssl_no_passphrase(char *out, int size, int is_new, void *context)
{
    (void)out;
    (void)size;
    (void)is_new;
    (void)context;
    return -1;
}

void openssl_hex(char *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

static bool read_name(char out[CERTIFICATE_NAME_MAX], const X509 *cert)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    out[0] = '\0';
    if (at < 0)
        return true;
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool good = len >= 0 && len < CERTIFICATE_NAME_MAX && !memchr(text, '\0', (size_t)len);
    if (good) {
        memcpy(out, text, (size_t)len);
        out[len] = '\0';
    }
    OPENSSL_free(text);
    return good;
}

static bool read_serial(char out[CERTIFICATE_SERIAL_TEXT], const X509 *cert)
{
    unsigned char bytes[(CERTIFICATE_SERIAL_TEXT - 1) / 2] = {0};
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    BIGNUM *n = serial ? ASN1_INTEGER_to_BN(serial, NULL) : NULL;
    bool good = n && !BN_is_negative(n) && BN_num_bytes(n) <= (int)sizeof bytes;
    if (good)
        openssl_hex(out, bytes, (size_t)BN_bn2bin(n, bytes));
    BN_free(n);
    return good;
}

static bool read_time(int64_t *out, const ASN1_TIME *time)
{
    struct tm tm;
    if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

static bool read_fingerprint(char out[CERTIFICATE_HASH_TEXT], const X509 *cert)
{
    unsigned char hash[(CERTIFICATE_HASH_TEXT - 1) / 2];
    unsigned int len = 0;
    if (X509_digest(cert, EVP_sha256(), hash, &len) != 1 || len != sizeof hash)
        return false;
    openssl_hex(out, hash, sizeof hash);
    return true;
}

enum gh_err certificate_read(struct certificate_facts *out, struct slice pem)
{
    struct certificate_facts facts = {0};
    X509 *cert = openssl_parse_certificate(pem);
    bool good = cert && read_name(facts.name, cert) && read_serial(facts.serial, cert) &&
                read_time(&facts.not_before, X509_get0_notBefore(cert)) &&
                read_time(&facts.not_after, X509_get0_notAfter(cert)) &&
                read_fingerprint(facts.fingerprint, cert);
    if (good)
        facts.is_authority = X509_check_ca(cert) == 1;
    X509_free(cert);
    ERR_clear_error();
    if (!good)
        return GH_INVALID;
    *out = facts;
    return GH_OK;
}

/* --- hosts ------------------------------------------------------------------------------- */

static bool host_text(char out[CERTIFICATE_HOST_MAX], const GENERAL_NAME *name, int type)
{
    const ASN1_STRING *value = type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    size_t len = (size_t)ASN1_STRING_length(value);
    if (type == GEN_IPADD)
        return (len == 4 && inet_ntop(AF_INET, bytes, out, CERTIFICATE_HOST_MAX)) ||
               (len == 16 && inet_ntop(AF_INET6, bytes, out, CERTIFICATE_HOST_MAX));
    if (len == 0 || len >= CERTIFICATE_HOST_MAX || memchr(bytes, '\0', len))
        return false;
    memcpy(out, bytes, len);
    out[len] = '\0';
    return true;
}

static void each_of_type(const GENERAL_NAMES *names, int type,
                         void (*each)(void *context, const char *host, bool is_address),
                         void *context)
{
    char text[CERTIFICATE_HOST_MAX];
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == type && host_text(text, name, type))
            each(context, text, type == GEN_IPADD);
    }
}

enum gh_err certificate_each_host(struct slice pem,
                                  void (*each)(void *context, const char *host, bool is_address),
                                  void *context)
{
    X509 *cert = openssl_parse_certificate(pem);
    if (!cert)
        return GH_INVALID;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (names) {
        each_of_type(names, GEN_DNS, each, context);
        each_of_type(names, GEN_IPADD, each, context);
    }
    GENERAL_NAMES_free(names);
    X509_free(cert);
    ERR_clear_error();
    return GH_OK;
}
