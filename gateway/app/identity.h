/* Who this gateway is to the cloud, once it was enrolled.
 *
 * The folder [cloud] dir, made by gatehousectl enrol, whole or not at all, and read by the daemons:
 *   ca.pem       the authorities that sign the cloud's certificate and those of its gateways
 *   gateway.pem  our certificate, and those above it
 *   gateway.key  its key, for the daemons alone
 *   policy.pub, command.pub   whose policy is believed, whose commands are done (sign_keys_load);
 *                             without command.pub the cloud commands nothing
 * In the state folder, by gatehouse-syncd:
 *   renewed.pem  "renews SHA256\n", the fingerprint of the certificate in gateway.pem whose place
 *                it takes; then the new key and certificates. Of another enrolment: it is ignored.
 *
 * What enrolment pinned is out of the daemons' reach: no renewal changes it. */
#ifndef GATEHOUSE_APP_IDENTITY_H
#define GATEHOUSE_APP_IDENTITY_H

#include "adapters/openssl/certificate.h"
#include "adapters/openssl/request.h"
#include "app/config.h"

#define IDENTITY_RENEWED_FILE "renewed.pem"
#define IDENTITY_PEM_MAX 32768 /* of our certificate and those above it */
#define IDENTITY_CA_MAX 65536
#define IDENTITY_WHY_MAX 400

struct identity {
    char ca[IDENTITY_CA_MAX];           /* PEM */
    char certificate[IDENTITY_PEM_MAX]; /* PEM, ours first */
    char key[REQUEST_KEY_MAX];
    char enrolled[CERTIFICATE_HASH_TEXT]; /* fingerprint of the certificate of the enrolment */
};

/* The pinned authorities, our certificate and its key as they are now, of a configuration that is_enrolled; forget it with
 * crypto_forget. GH_NOT_FOUND: not enrolled. GH_INVALID: the files make no pair; GH_IO. Then why
 * says which; on GH_OK it is "", or why renewed.pem is not used. */
GH_MUST_CHECK enum gh_err identity_load(struct identity *out, const struct config *config,
                                        char why[IDENTITY_WHY_MAX]);

/* Makes a renewed pair the one that is used, durably; a kill leaves the one or the other. GH_FULL,
 * GH_IO. */
GH_MUST_CHECK enum gh_err identity_renew(const struct identity *now, const char *state_dir,
                                         const char *certificate, const char *key);

/* What an enrolment brought, each a text. */
struct identity_files {
    const char *ca, *certificate, *key, *policy_keys;
    const char *command_keys; /* NULL = none */
};
/* Makes the folder the identity, durably, in place of an older one; a kill leaves the one or the
 * other. The files belong to us and the group of the state folder, and the key to its owner. False
 * with one line in why: nothing was changed. */
bool identity_store(const struct identity_files *files, const struct config *config,
                    char why[IDENTITY_WHY_MAX]);

/* The names of the files in the folder, from 0; NULL behind the last. */
const char *identity_file_name(size_t i);

/* Removes what an enrolment that was cut off has left, a key maybe. */
void identity_sweep(const struct config *config);

#endif
