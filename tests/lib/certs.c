#include "lib/certs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/process.h"
#include "lib/wait.h"

/* A certificate database of the openssl command: the only way in OpenSSL 3.0 to
 * make a certificate with an end date in the past. */
static const char CA_CONFIG[] =
    "[ca]\ndefault_ca=c\n"
    "[c]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n"
    "policy=p\nunique_subject=no\nemail_in_dn=no\n"
    "[p]\ncommonName=supplied\n"
    "[own]\nsubjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n"
    "[other]\nsubjectAltName=DNS:other.example\nextendedKeyUsage=serverAuth\n"
    "[client]\nextendedKeyUsage=clientAuth\n";

#define LONG_AGO "20190101000000Z"
#define AGO "20200101000000Z"
#define BEFORE "20240101000000Z"
#define AHEAD "20481231235959Z"
#define FAR_AHEAD "20491231235959Z"

static bool openssl(const struct folder *folder, const char *const *arguments)
{
    const char *argv[40] = {"env", "-C", folder->path, "openssl"};
    char *err = NULL;
    size_t n = 4;
    for (; arguments[n - 4] != NULL && n < 39; n++) {
        argv[n] = arguments[n - 4];
    }
    argv[n] = NULL;
    int status = process_run(argv, NULL, WAIT_MS, NULL, &err);
    if (status != 0) {
        lib_say("openssl %s failed (%d): %s", arguments[0], status, err ? err : "");
    }
    free(err);
    return status == 0;
}

static bool names(const char *name, char pem[80], char key[80], char csr[80])
{
    int a = snprintf(pem, 80, "%s.pem", name);
    int b = snprintf(key, 80, "%s.key", name);
    int c = snprintf(csr, 80, "%s.csr", name);
    return a > 0 && a < 80 && b > 0 && b < 80 && c > 0 && c < 80;
}

bool certs_make_ca(const struct folder *folder, const char *name)
{
    char pem[80], key[80], csr[80], subject[120];
    if (!names(name, pem, key, csr)) {
        return false;
    }
    snprintf(subject, sizeof subject, "/CN=Gatehouse test CA %s", name);
    return openssl(folder, (const char *const[]){
                               "req", "-x509", "-newkey", "ec", "-pkeyopt",
                               "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                               subject, "-addext", "basicConstraints=critical,CA:TRUE", "-keyout",
                               key, "-out", pem, NULL});
}

static bool write_database(const struct folder *folder)
{
    return folder_write(folder, "ca.cnf", CA_CONFIG, 0600) &&
           folder_write(folder, "index.txt", "", 0600);
}

/* A key and what asks for a certificate: NAME.key, NAME.csr. */
static bool ask(const struct folder *folder, const char *name, const char *common_name)
{
    char pem[80], key[80], csr[80], subject[160];
    if (!names(name, pem, key, csr)) {
        return false;
    }
    size_t n = (size_t)snprintf(subject, sizeof subject, "/CN=");
    for (; *common_name && n + 3 < sizeof subject; common_name++) {
        if (strchr("/+\\", *common_name)) {
            subject[n++] = '\\';
        }
        subject[n++] = *common_name;
    }
    subject[n] = '\0';
    return openssl(folder, (const char *const[]){"req", "-newkey", "ec", "-pkeyopt",
                                                 "ec_paramgen_curve:P-256", "-nodes", "-subj",
                                                 subject, "-keyout", key, "-out", csr, NULL});
}

static bool sign(const struct folder *folder, const char *ca, const char *name,
                 const char *extensions, enum cert_kind kind)
{
    char pem[80], key[80], csr[80], ca_pem[80], ca_key[80], ca_csr[80];
    if (!names(name, pem, key, csr) || !names(ca, ca_pem, ca_key, ca_csr) ||
        !write_database(folder)) {
        return false;
    }
    const char *from = kind == CERT_EXPIRED ? LONG_AGO : kind == CERT_NOT_YET ? AHEAD : BEFORE;
    const char *until = kind == CERT_EXPIRED ? AGO : FAR_AHEAD;
    return openssl(folder, (const char *const[]){
                               "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", ca_pem,
                               "-keyfile", ca_key, "-extensions", extensions, "-startdate", from,
                               "-enddate", until, "-in", csr, "-out", pem, NULL});
}

bool certs_make_server(const struct folder *folder, const char *ca, const char *name,
                       enum cert_kind kind)
{
    return ask(folder, name, "gatehouse-test") &&
           sign(folder, ca, name, kind == CERT_OTHER_NAME ? "other" : "own", kind);
}

bool certs_make_client(const struct folder *folder, const char *ca, const char *name,
                       const char *common_name, enum cert_kind kind)
{
    return ask(folder, name, common_name) &&
           sign(folder, ca, name, kind == CERT_FOR_SERVERS ? "own" : "client", kind);
}

bool certs_make_list(const struct folder *folder, const char *ca, const char *name,
                     const char *revoked)
{
    char pem[80], key[80], csr[80], ca_pem[80], ca_key[80], ca_csr[80];
    return names(revoked, pem, key, csr) && names(ca, ca_pem, ca_key, ca_csr) &&
           write_database(folder) &&
           openssl(folder, (const char *const[]){"ca", "-config", "ca.cnf", "-cert", ca_pem,
                                                 "-keyfile", ca_key, "-revoke", pem, NULL}) &&
           openssl(folder, (const char *const[]){"ca", "-config", "ca.cnf", "-cert", ca_pem,
                                                 "-keyfile", ca_key, "-gencrl", "-crl_lastupdate",
                                                 BEFORE, "-crl_nextupdate", FAR_AHEAD, "-out",
                                                 name, NULL});
}
