#include "x509.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SERIAL = 16, KEY_ID = 20, PEM_ROOM = 16 * 1024 };
static const int64_t CA_LIFE_S = 20LL * 365 * 86400;

struct gateway_ca {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    char pem[PEM_ROOM];
};

static bool good(int result)
{
    return result >= 0;
}

/* Writes what GnuTLS exports as PEM, closed by a zero. */
#define EXPORT(export, object, out)                                                                \
    do {                                                                                           \
        size_t export_len = PEM_ROOM - 1;                                                          \
        (out)[0] = '\0';                                                                           \
        if (good(export(object, GNUTLS_X509_FMT_PEM, out, &export_len)))                           \
            (out)[export_len] = '\0';                                                              \
    } while (0)

/* --- the authority ----------------------------------------------------------------------- */

static bool new_key(gnutls_x509_privkey_t *key)
{
    return good(gnutls_x509_privkey_init(key)) &&
           good(gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA,
                                             GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
}

static bool set_serial(gnutls_x509_crt_t crt, char text[SERIAL_TEXT])
{
    unsigned char serial[SERIAL];
    randombytes_buf(serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40); /* positive, and always as long */
    sodium_bin2hex(text, SERIAL_TEXT, serial, sizeof serial);
    return good(gnutls_x509_crt_set_serial(crt, serial, sizeof serial));
}

static bool set_key_id(gnutls_x509_crt_t crt)
{
    unsigned char id[KEY_ID];
    size_t len = sizeof id;
    return good(gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, id, &len)) &&
           good(gnutls_x509_crt_set_subject_key_id(crt, id, len));
}

static bool set_life(gnutls_x509_crt_t crt, int64_t from_s, int64_t until_s)
{
    return good(gnutls_x509_crt_set_version(crt, 3)) &&
           good(gnutls_x509_crt_set_activation_time(crt, (time_t)from_s)) &&
           good(gnutls_x509_crt_set_expiration_time(crt, (time_t)until_s));
}

static bool set_name(gnutls_x509_crt_t crt, const char *oid, const char *name)
{
    return good(gnutls_x509_crt_set_dn_by_oid(crt, oid, 0, name, (unsigned)strlen(name)));
}

static bool make_ca(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    char serial[SERIAL_TEXT];
    int64_t now_s = (int64_t)time(NULL);
    return set_life(crt, now_s - 3600, now_s + CA_LIFE_S) && set_serial(crt, serial) &&
           set_name(crt, GNUTLS_OID_X520_COMMON_NAME, "Gatehouse gateways") &&
           good(gnutls_x509_crt_set_key(crt, key)) && set_key_id(crt) &&
           good(gnutls_x509_crt_set_basic_constraints(crt, 1, 0)) &&
           good(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN)) &&
           good(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
}

/* Whole or not at all. */
static bool write_text(const char *path, const char *text)
{
    char next[4200];
    snprintf(next, sizeof next, "%s.next", path);
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t len = (ssize_t)strlen(text);
    bool written = fd >= 0 && len > 0 && write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    if (fd >= 0)
        written = close(fd) == 0 && written;
    return written && rename(next, path) == 0;
}

static bool read_text(const char *path, char out[PEM_ROOM])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out, PEM_ROOM - 1) : -1;
    if (fd >= 0)
        close(fd);
    out[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Key and certificate in one file, so that there are both or none. */
static bool create(struct gateway_ca *ca, const char *path)
{
    char text[2 * PEM_ROOM], key[PEM_ROOM];
    if (!new_key(&ca->key) || !make_ca(ca->crt, ca->key))
        return false;
    EXPORT(gnutls_x509_privkey_export, ca->key, key);
    EXPORT(gnutls_x509_crt_export, ca->crt, ca->pem);
    snprintf(text, sizeof text, "%s%s", key, ca->pem);
    bool written = key[0] && ca->pem[0] && write_text(path, text);
    sodium_memzero(text, sizeof text);
    sodium_memzero(key, sizeof key);
    return written;
}

static bool load(struct gateway_ca *ca, const char *path)
{
    char text[PEM_ROOM];
    bool loaded = read_text(path, text);
    gnutls_datum_t datum = {(unsigned char *)text, (unsigned)strlen(text)};
    loaded = loaded && good(gnutls_x509_privkey_init(&ca->key)) &&
             good(gnutls_x509_privkey_import(ca->key, &datum, GNUTLS_X509_FMT_PEM)) &&
             good(gnutls_x509_crt_import(ca->crt, &datum, GNUTLS_X509_FMT_PEM));
    sodium_memzero(text, sizeof text);
    if (loaded)
        EXPORT(gnutls_x509_crt_export, ca->crt, ca->pem);
    return loaded && ca->pem[0];
}

struct gateway_ca *gateway_ca_open(const char *dir, char why[256])
{
    char path[4096];
    struct stat st;
    struct gateway_ca *ca = calloc(1, sizeof *ca);
    snprintf(path, sizeof path, "%s/gateway-ca", dir);
    if (ca && good(gnutls_x509_crt_init(&ca->crt)) &&
        (stat(path, &st) == 0 ? load(ca, path) : create(ca, path)))
        return ca;
    snprintf(why, 256, "%.200s: the gateways' CA cannot be loaded or made", path);
    gateway_ca_close(ca);
    return NULL;
}

void gateway_ca_close(struct gateway_ca *ca)
{
    if (!ca)
        return;
    if (ca->crt)
        gnutls_x509_crt_deinit(ca->crt);
    if (ca->key)
        gnutls_x509_privkey_deinit(ca->key);
    free(ca);
}

const char *gateway_ca_pem(const struct gateway_ca *ca)
{
    return ca->pem;
}

/* --- requests and certificates ----------------------------------------------------------- */

/* The key of a good request; to be freed, also on failure. */
static bool read_request(gnutls_pubkey_t *key, struct bytes csr)
{
    gnutls_x509_crq_t crq = NULL;
    gnutls_datum_t datum = {(unsigned char *)(uintptr_t)csr.at, (unsigned)csr.len};
    gnutls_datum_t x = {0}, y = {0};
    gnutls_ecc_curve_t curve;
    *key = NULL;
    bool read = good(gnutls_x509_crq_init(&crq)) &&
                good(gnutls_x509_crq_import(crq, &datum, GNUTLS_X509_FMT_PEM)) &&
                good(gnutls_x509_crq_verify(crq, 0)) && good(gnutls_pubkey_init(key)) &&
                good(gnutls_pubkey_import_x509_crq(*key, crq, 0)) &&
                good(gnutls_pubkey_export_ecc_raw(*key, &curve, &x, &y)) &&
                curve == GNUTLS_ECC_CURVE_SECP256R1;
    gnutls_free(x.data);
    gnutls_free(y.data);
    if (crq)
        gnutls_x509_crq_deinit(crq);
    return read;
}

bool request_is_good(struct bytes csr)
{
    gnutls_pubkey_t key;
    bool is_good = read_request(&key, csr);
    if (key)
        gnutls_pubkey_deinit(key);
    return is_good;
}

static bool set_subject(gnutls_x509_crt_t crt, const struct certificate_wish *wish,
                        char serial[SERIAL_TEXT])
{
    return set_life(crt, wish->from_s, wish->until_s) && set_serial(crt, serial) &&
           set_name(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, wish->site) &&
           set_name(crt, GNUTLS_OID_X520_COMMON_NAME, wish->gateway) &&
           good(gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) &&
           good(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) &&
           good(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
}

bool gateway_ca_sign(const struct gateway_ca *ca, struct bytes csr,
                     const struct certificate_wish *wish, struct text *pem,
                     char serial[SERIAL_TEXT])
{
    gnutls_pubkey_t key;
    gnutls_x509_crt_t crt = NULL;
    gnutls_x509_privkey_t strange = NULL;
    char text[PEM_ROOM] = "";
    bool made = read_request(&key, csr) && new_key(&strange) &&
                good(gnutls_x509_crt_init(&crt)) && set_subject(crt, wish, serial) &&
                good(wish->other_key ? gnutls_x509_crt_set_key(crt, strange)
                                     : gnutls_x509_crt_set_pubkey(crt, key)) &&
                set_key_id(crt) &&
                good(gnutls_x509_crt_sign2(crt, ca->crt, wish->other_ca ? strange : ca->key,
                                           GNUTLS_DIG_SHA256, 0));
    if (made)
        EXPORT(gnutls_x509_crt_export, crt, text);
    text_add(pem, text, strlen(text));
    if (crt)
        gnutls_x509_crt_deinit(crt);
    if (key)
        gnutls_pubkey_deinit(key);
    if (strange)
        gnutls_x509_privkey_deinit(strange);
    return made && text[0];
}

/* --- whose it is --------------------------------------------------------------------------- */

/* The one value of that kind in the subject. */
static bool get_name(gnutls_x509_crt_t crt, const char *oid, char out[NAME_TEXT])
{
    char other[NAME_TEXT];
    size_t len = NAME_TEXT, other_len = sizeof other;
    return good(gnutls_x509_crt_get_dn_by_oid(crt, oid, 0, 0, out, &len)) && is_identifier(out) &&
           gnutls_x509_crt_get_dn_by_oid(crt, oid, 1, 0, other, &other_len) ==
               GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

static bool read_owner(const gnutls_datum_t *der, struct certificate_owner *out)
{
    gnutls_x509_crt_t crt = NULL;
    unsigned char serial[SERIAL];
    size_t len = sizeof serial;
    bool read = good(gnutls_x509_crt_init(&crt)) &&
                good(gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER)) &&
                get_name(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, out->site) &&
                get_name(crt, GNUTLS_OID_X520_COMMON_NAME, out->gateway) &&
                good(gnutls_x509_crt_get_serial(crt, serial, &len));
    if (read)
        sodium_bin2hex(out->serial, sizeof out->serial, serial, len);
    if (crt)
        gnutls_x509_crt_deinit(crt);
    return read;
}

enum certificate_verdict certificate_judge(gnutls_session_t session, struct certificate_owner *out)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = 0, n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    if (!chain || n == 0)
        return CERTIFICATE_NONE;
    if (!good(gnutls_certificate_verify_peers(session, &purpose, 1, &status)))
        return CERTIFICATE_WRONG;
    if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED))
        return CERTIFICATE_OVER;
    return status == 0 && read_owner(&chain[0], out) ? CERTIFICATE_GOOD : CERTIFICATE_WRONG;
}

bool certificate_fingerprint(const char *pem, char out[SHA256_TEXT])
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_datum_t datum = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
    unsigned char hash[32];
    size_t len = sizeof hash;
    bool made = good(gnutls_x509_crt_init(&crt)) &&
                good(gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_PEM)) &&
                good(gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, hash, &len));
    if (made)
        sodium_bin2hex(out, SHA256_TEXT, hash, len);
    if (crt)
        gnutls_x509_crt_deinit(crt);
    return made;
}
