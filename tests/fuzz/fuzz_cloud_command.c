/* Any bytes as a command's line of the cloud: unsigned, and signed by the key that is pinned, so
 * that what stands behind the signature is reached, too. */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/gatehoused/cloud_command.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const struct id gateway = {"gw-1"};

static void check(const struct sign_keys *keys, struct slice line, bool is_signed)
{
    struct command c;
    char by[EVENT_TEXT_MAX] = "", why[200] = "";
    switch (cloud_command_parse(keys, &gateway, line, &c, by, why, sizeof why)) {
    case CLOUD_COMMAND_GOOD:
        assert(is_signed && !id_is_none(&c.id) && c.is_remote && by[0] && c.by == by);
        if (c.action == COMMAND_RELEASE || c.action == COMMAND_PRESENT)
            assert(c.not_after >= c.issued_at && c.not_after <= c.issued_at + CLOUD_COMMAND_OPENS_S);
        break;
    case CLOUD_COMMAND_FOREIGN: assert(is_signed); break;
    case CLOUD_COMMAND_FORGED: assert(why[0]); break;
    case CLOUD_COMMAND_WRONG: assert(is_signed && why[0] && !strchr(why, '\n')); break;
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const unsigned char seed[crypto_sign_SEEDBYTES] = {7};
    static char line[CLOUD_COMMAND_MAX + 200], message[CLOUD_COMMAND_MAX + 200];
    struct sign_keys keys = {.n = 1};
    unsigned char secret[crypto_sign_SECRETKEYBYTES], sig[crypto_sign_BYTES];
    char base64[SIGN_BASE64_LEN + 1];
    if (sodium_init() < 0)
        return 0;
    check(&keys, slice_make(data, size), false);
    if (size == 0 || size > CLOUD_COMMAND_MAX || data[size - 1] != '}')
        return 0;
    crypto_sign_seed_keypair(keys.key[0], secret, seed);
    int n = snprintf(message, sizeof message, "gatehouse-command\n");
    memcpy(message + n, data, size);
    crypto_sign_detached(sig, NULL, (const unsigned char *)message, (size_t)n + size, secret);
    sodium_bin2base64(base64, sizeof base64, sig, sizeof sig, sodium_base64_VARIANT_ORIGINAL);
    memcpy(line, data, size - 1);
    int m = snprintf(line + size - 1, sizeof line - size, ",\"sig\":\"%s\"}", base64);
    check(&keys, slice_make(line, size - 1 + (size_t)m), true);
    return 0;
}
