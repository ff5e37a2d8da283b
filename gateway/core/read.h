/* A read: what a reader saw, as the gateway understands it. */
#ifndef GATEHOUSE_CORE_READ_H
#define GATEHOUSE_CORE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/id.h"
#include "core/slice.h"

/* Largest payload of a read, bytes (MQTT contract). */
#define READ_PAYLOAD_MAX 4096

enum credential_type {
    CREDENTIAL_CARD,
    CREDENTIAL_UHF,
    CREDENTIAL_PIN,
    CREDENTIAL_PLATE,
    CREDENTIAL_QR,
    CREDENTIAL_FACE,
    CREDENTIAL_FINGERPRINT,
    CREDENTIAL_MOBILE,
};
#define CREDENTIAL_TYPES 8

/* "card", "uhf", ...; static storage. */
const char *credential_type_name(enum credential_type type);
/* GH_INVALID for a word that is no type. */
GH_MUST_CHECK enum gh_err credential_type_parse(enum credential_type *out, struct slice word);

#define CREDENTIAL_VALUE_MAX 256

/* A value in canonical form. It is a secret: never logged, stored or sent. */
struct credential_value {
    uint16_t len; /* bytes, 1..CREDENTIAL_VALUE_MAX */
    char text[CREDENTIAL_VALUE_MAX];
};

/* Puts a value into the canonical form of its type (decision contract, policy
 * rows): card, uhf: hex, separators ": - space" dropped, upper case, leading
 * zeros dropped (one digit stays), then 1-16 digits; pin: 2-8 digits; plate:
 * upper case, spaces and hyphens dropped, 1-256 bytes left; the others as they
 * are, 1-256 bytes. GH_INVALID when that cannot be done. */
GH_MUST_CHECK enum gh_err credential_value_set(struct credential_value *out,
                                               enum credential_type type, struct slice value);

struct read_location {
    bool present;
    double lat;        /* degrees, -90..90 */
    double lon;        /* degrees, -180..180 */
    double accuracy_m; /* metres, >= 0 */
};

/* The gateway's tick that a reader saw last when the card was presented. */
struct read_tick {
    bool present;
    struct id session;
    uint64_t n;
};

struct read {
    struct id reader;  /* from the topic, never from the payload */
    struct id read_id; /* unique per reader; empty if the payload named none */
    enum credential_type type;
    struct credential_value value;
    int bits; /* 0 = not given */
    bool has_pin;
    struct credential_value pin;
    struct read_tick tick;
    int64_t age_ms; /* by the reader's own clock; -1 = not given */
    struct read_location location;
};

/* How a reader proves that a read is fresh (MQTT contract). */
enum freshness_mode { FRESHNESS_AGE, FRESHNESS_TICK, FRESHNESS_ARRIVAL };

struct freshness {
    enum freshness_mode mode;
    int64_t max_age_ms;       /* site's read_max_age_s */
    int64_t waited_ms;        /* time in the gateway before it was looked at */
    const struct id *session; /* this gateway's tick session */
    uint64_t tick_now;        /* the tick sent last; one a second */
    bool retained;
};

/* True if a read is too old, or cannot prove its age, or was retained.
 * A tick is a second: k ticks behind is an age between k - 1 and k + 1 seconds,
 * and counts as k. The greater of the ages that are known counts. */
bool read_is_stale(const struct read *read, const struct freshness *how);

#endif
