/* What the cloud answers to an enrolment and to a renewal, taken apart and checked: nothing of it
 * is believed for having come. Source: cloud contract, enrol and renew.
 *
 * Both requests are {"csr"}, that of an enrolment with "token", "site" and "gateway" as well.
 * Enrolment: {"site","gateway","certificate","ca","policy_keys":[HEX,...],"command_keys":[...]?}
 * Renewal:   {"certificate"}
 * certificate, ca: PEM. Members that we do not know are passed over. */
#ifndef GATEHOUSE_APP_ENROLMENT_H
#define GATEHOUSE_APP_ENROLMENT_H

#include "adapters/crypto/sign.h"
#include "app/identity.h"

#define ENROLMENT_ANSWER_MAX (160 * 1024) /* bytes of either answer */
#define ENROLMENT_WHY_MAX 300
/* So far may our clock be behind the cloud's, which has just made the certificate. */
#define ENROLMENT_SKEW_S 60
#define ENROLMENT_KEYS_MAX (SIGN_KEYS_MAX * (2 * SIGN_KEY_LEN + 1) + 1)

struct enrolment {
    struct id site, gateway;
    char certificate[IDENTITY_PEM_MAX]; /* PEM, written anew: nothing else stands in it */
    char ca[IDENTITY_CA_MAX];           /* the same */
    char policy_keys[ENROLMENT_KEYS_MAX], command_keys[ENROLMENT_KEYS_MAX]; /* as sign_keys_load
                                           reads them; command_keys may be "" */
};

/* Takes the answer to an enrolment apart. GH_INVALID with one line in why. */
GH_MUST_CHECK enum gh_err enrolment_parse(struct enrolment *out, struct slice answer,
                                          char why[ENROLMENT_WHY_MAX]);
/* The same for a renewal. */
GH_MUST_CHECK enum gh_err enrolment_parse_renewal(char certificate[IDENTITY_PEM_MAX],
                                                  struct slice answer, char why[ENROLMENT_WHY_MAX]);

/* Is this certificate (PEM) for our key, under our names, by one of the authorities, for clients,
 * and valid at this instant? GH_INVALID with one line in why; GH_IO: out of memory. */
GH_MUST_CHECK enum gh_err enrolment_check(const char *certificate, const char *key, const char *ca,
                                          const struct config *config, int64_t now_s,
                                          char why[ENROLMENT_WHY_MAX]);

/* The answer to a first call with a new certificate (GET .../checkpoint): is it taken? */
static inline bool enrolment_is_taken(int status)
{
    return status == 200 || status == 304 || status == 404 || status == 429 || status >= 500;
}

/* The request's body, owned, to be wiped before it is freed; NULL without memory. token NULL: of a
 * renewal. */
char *enrolment_request(const char *token, const char *csr, const struct config *config,
                        size_t *len);

#endif
