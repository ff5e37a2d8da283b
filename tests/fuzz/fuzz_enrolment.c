/* Any bytes as the cloud's answer to an enrolment and to a renewal, and as the certificates in one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/openssl/chain.h"
#include "app/enrolment.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static char again[IDENTITY_CA_MAX], why[ENROLMENT_WHY_MAX];

/* What is taken is certificates and nothing else: written once more it is the same. */
static void check_certificates(const char *pem)
{
    assert(pem[0] && !strstr(pem, "PRIVATE KEY"));
    assert(chain_copy(again, sizeof again, slice_of(pem), NULL) == GH_OK && strcmp(again, pem) == 0);
}

/* A line of 64 hex digits for each key. */
static void check_keys(const char *text)
{
    size_t len = strlen(text), line = 2 * SIGN_KEY_LEN + 1;
    assert(len % line == 0 && len / line <= SIGN_KEYS_MAX);
    for (size_t i = 0; i < len; i++)
        assert(i % line == line - 1 ? text[i] == '\n' : strchr("0123456789abcdefABCDEF", text[i]) != NULL);
}

static void check_enrolment(struct slice answer)
{
    static struct enrolment e;
    why[0] = '\0';
    if (enrolment_parse(&e, answer, why) != GH_OK) {
        assert(why[0] && !strchr(why, '\n'));
        return;
    }
    assert(!id_is_none(&e.site) && !id_is_none(&e.gateway) && e.policy_keys[0]);
    check_certificates(e.certificate);
    check_certificates(e.ca);
    check_keys(e.policy_keys);
    check_keys(e.command_keys);
}

static void check_chain(struct slice pem)
{
    static struct request request;
    static char out[IDENTITY_PEM_MAX];
    struct certificate_facts facts;
    if (!request.key[0])
        assert(request_make(&request, "hq", "gw-1") == GH_OK);
    /* Nobody can guess a certificate for this key. */
    assert(chain_check(pem, slice_of(request.key), pem, "hq", "gw-1") != CHAIN_GOOD);
    assert(!chain_fits(pem, slice_of(request.key)));
    if (certificate_read(&facts, pem) == GH_OK)
        assert(strlen(facts.fingerprint) == CERTIFICATE_HASH_TEXT - 1);
    if (chain_copy(out, sizeof out, pem, NULL) == GH_OK)
        check_certificates(out);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static char renewed[IDENTITY_PEM_MAX];
    char *copy = malloc(size ? size : 1);
    assert(copy);
    memcpy(copy, data, size);
    struct slice bytes = slice_make(copy, size);
    check_enrolment(bytes);
    if (enrolment_parse_renewal(renewed, bytes, why) == GH_OK)
        check_certificates(renewed);
    check_chain(bytes);
    free(copy);
    return 0;
}
