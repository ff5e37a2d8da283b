/* Passwords as mosquitto keeps them in its password_file, by libcrypto. */
#ifndef GATEHOUSE_ADAPTERS_OPENSSL_BROKER_PASSWORD_H
#define GATEHOUSE_ADAPTERS_OPENSSL_BROKER_PASSWORD_H

#include <stdbool.h>

#include "core/err.h"
#include "core/slice.h"

#define BROKER_HASH_MAX 128 /* of a hash with its zero */

/* "$7$" ITERATIONS "$" SALT "$" HASH: PBKDF2 with HMAC-SHA-512, a salt of 12 random bytes, a
 * hash of 64 bytes, both in base64 (mosquitto 2.0). As few iterations as mosquitto_passwd takes
 * (101): our passwords have 125 random bits, and a flood of wrong ones must not cost the
 * broker more than it has to. GH_IO: the library cannot. */
GH_MUST_CHECK enum gh_err broker_password_hash(char out[BROKER_HASH_MAX], struct slice password);

/* True if the hash is one of that form, and the password's. */
bool broker_password_is(struct slice hash, struct slice password);

#endif
