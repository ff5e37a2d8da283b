/* Any bytes as a certificate, a key, and a list of revoked certificates. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/openssl/authority.h"
#include "adapters/openssl/broker_password.h"
#include "adapters/openssl/certificate.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct authority_pair own;
static struct authority *authority;

static void see(void *context, const char *host, bool is_address)
{
    (void)context;
    (void)is_address;
    assert(host[0] && strlen(host) < CERTIFICATE_HOST_MAX);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct certificate_facts facts;
    struct authority *other = NULL;
    const char *const serial[] = {"0a"};
    size_t held;
    char *list = NULL;
    if (!authority)
        assert(authority_make(&own, "hq", "gw-1", 0) == GH_OK &&
               authority_open(&authority, slice_of(own.certificate), slice_of(own.key)) == GH_OK);
    struct slice bytes = slice_make(data, size);
    if (certificate_read(&facts, bytes) == GH_OK) {
        assert(strlen(facts.fingerprint) == 64 && strlen(facts.serial) < CERTIFICATE_SERIAL_TEXT);
        assert(certificate_each_host(bytes, see, NULL) == GH_OK);
        assert(!authority_has_issued(authority, bytes, slice_of(own.key)));
    }
    /* Nobody else's list is ever taken for ours. */
    assert(authority_count_revoked(authority, bytes, serial, 1, &held) == GH_INVALID);
    assert(size == 0 || authority_revoke(authority, bytes, serial, 1, 0, &list) == GH_INVALID);
    assert(authority_open(&other, slice_of(own.certificate), bytes) == GH_INVALID);
    assert(!broker_password_is(bytes, slice_of("secret")));
    return 0;
}
