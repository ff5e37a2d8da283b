/* What the parts of the replica share: its layout, and hashes at rest.
 * The tables and the meaning of their numbers: sql/replica.sql. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_REPLICA_SCHEMA_H
#define GATEHOUSE_ADAPTERS_SQLITE_REPLICA_SCHEMA_H

#include "db.h"
#include "replica_writer.h"

#define REPLICA_APPLICATION_ID 0x47485250
#define REPLICA_LAYOUT 4

#define REPLICA_BUCKETS 4096
#define REPLICA_HASH 32
#define REPLICA_NONCE 16
#define REPLICA_SEALED (REPLICA_NONCE + REPLICA_HASH)

/* Numbers of sql/replica.sql. */
enum subject_kind {
    SUBJECT_EVERYONE,
    SUBJECT_PERSON,
    SUBJECT_CREDENTIAL,
    SUBJECT_GROUP,
    SUBJECT_TAG,
    SUBJECT_TYPE,
    SUBJECT_TYPE_STATUS,
};
enum place_kind { PLACE_ALL, PLACE_DOOR, PLACE_DOOR_GROUP };
#define REPLICA_WINDOW_BYTES 5 /* one schedule_window in schedule.windows */
#define REPLICA_SPAN_BYTES 4   /* one day_span in holiday.working */
#define REPLICA_BETWEEN_TEXTS '\x1f'
#define REPLICA_BETWEEN_TYPES '\x1e'

_Static_assert(ROW_SITE == 0 && ROW_DOOR == 1 && ROW_READER == 2 && ROW_DOOR_GROUP == 3 &&
                   ROW_GROUP == 4 && ROW_PERSON == 5 && ROW_CREDENTIAL == 6 &&
                   ROW_SCHEDULE == 7 && ROW_ENTITLEMENT == 8 && ROW_HOLIDAY == 9 &&
                   ROW_ACCESS_RULES == 10 && ROW_GEOFENCE == 11 && ROW_DOOR_MODE == 12 &&
                   ROW_LOCKDOWN == 13 && ROW_AREA == 14 && ROW_INTERLOCK == 15,
               "the numbers of row kinds are stored: map them if these change");
_Static_assert(CREDENTIAL_CARD == 0 && CREDENTIAL_UHF == 1 && CREDENTIAL_PIN == 2 &&
                   CREDENTIAL_PLATE == 3 && CREDENTIAL_QR == 4 && CREDENTIAL_FACE == 5 &&
                   CREDENTIAL_FINGERPRINT == 6 && CREDENTIAL_MOBILE == 7,
               "the numbers of credential types are stored: map them if these change");
_Static_assert(ENTITLEMENT_ROLE == 0 && ENTITLEMENT_ACCESS_GROUP == 1 && ENTITLEMENT_GRANT == 2 &&
                   ENTITLEMENT_RESERVATION == 3 && ENTITLEMENT_TEMP_KEY == 4 &&
                   ENTITLEMENT_DELIVERY == 5,
               "the numbers of entitlement kinds are stored: map them if these change");

_Static_assert(HOLIDAY_IGNORE == 0 && HOLIDAY_INTERSECT == 1 && HOLIDAY_REPLACE == 2 &&
                   CLASS_PERSONAL == 0 && CLASS_VISITOR == 1 && CLASS_DELIVERY == 2 &&
                   CLASS_ADMIN == 3,
               "the numbers of holiday rules and classes are stored: map them if these change");
_Static_assert(DIALECT_NATIVE == 0 && DIALECT_ONVIF == 5 && RELOCK_ON_CLOSE == 0 &&
                   RELOCK_TIMER == 2 && MAINTENANCE_NORMAL == 0 && MAINTENANCE_FORCE_CLOSED == 2 &&
                   FACTORS_SINGLE == 0 && FACTORS_TWO_PERSON == 2 && REX_RELEASE == 0 &&
                   REX_OFF == 2 && LEVEL_SITE == 0 && LEVEL_DOOR == 2 && TIER_QUICK == 0 &&
                   TIER_ROUTINE == 2 && WISH_UNLOCKED == 0 && WISH_LOCKED_DOWN == 3 &&
                   ANTIPASSBACK_OFF == 0 && ANTIPASSBACK_DENY == 2,
               "the numbers of these enums are stored: map them if these change");

/* Whether the file has tables of ours. *fresh: it is empty. GH_CORRUPT: of
 * another program or another version of the layout. */
GH_MUST_CHECK enum gh_err replica_schema_check(sqlite3 *db, bool *fresh);
/* Makes the tables in one that is empty. What it fails to undo goes with the connection. */
GH_MUST_CHECK enum gh_err replica_schema_create(sqlite3 *db, const struct replica_crypto *crypto);

/* The subject of a type and a status. */
void replica_type_status(char out[2 * POLICY_WORD_MAX + 2], const char *type, const char *status);

/* A hash as it may lie in a file, under a new nonce each time: two versions of
 * one line must not share a mask, or their difference would give it away. */
void replica_seal(const struct replica_crypto *crypto, unsigned char out[REPLICA_SEALED],
                  const unsigned char hash[REPLICA_HASH]);
/* GH_CORRUPT when sealed has another length. */
GH_MUST_CHECK enum gh_err replica_unseal(const struct replica_crypto *crypto,
                                         unsigned char out[REPLICA_HASH], struct slice sealed);

#endif
