/* Faults that a test switches on while the cloud runs. They touch gateway calls
 * only, live in memory, and are all off at the start.
 *
 * A count says how many of the next fitting calls are hit; -1 (or true) means
 * every one until it is switched off with 0 (or false). */
#ifndef CLOUD_FAULTS_H
#define CLOUD_FAULTS_H

#include <stdint.h>

#include "text.h"

enum fault {
    FAULT_ANSWER_503,               /* count: 503 with Retry-After, nothing else done */
    FAULT_RETRY_AFTER_S,            /* seconds in that Retry-After */
    FAULT_DROP_CONNECTIONS,         /* count: closed without an answer (some clients, libcurl
                                       among them, then try again by themselves once) */
    FAULT_GARBAGE,                  /* count: 200 with a body that is no JSON */
    FAULT_STALL_MS,                 /* each call waits that long before anything is done */
    FAULT_EVENTS_FAIL_BEFORE_COMMIT, /* count: 500, nothing stored */
    FAULT_EVENTS_FAIL_AFTER_COMMIT, /* count: stored, then the answer breaks off */
    FAULT_EXPECT_AHEAD,             /* count: 409 with a number far ahead, nothing stored */
    FAULT_WRONG_DIGEST,             /* count: checkpoints with a digest that is not true */
    FAULT_NO_CHECKPOINT,            /* count: change sets without one, that say there is more */
    FAULT_INVALID_ROW,              /* count: change sets with a row no gateway may accept */
    FAULT_WRONG_SIGNATURE,         /* count: checkpoints whose signature does not fit */
    FAULT_UNSIGNED,                /* count: checkpoints without one */
    FAULT_OLDER_REV,               /* count: checkpoints of the rev before, signed */
    FAULT_OLDER_EPOCH,             /* count: the same of the epoch */
    FAULT_WRONG_COMMAND_SIGNATURE, /* count: commands whose signature does not fit */
    FAULT_UNSIGNED_COMMAND,        /* count: commands without one */
    FAULT_REPLAY_COMMANDS,         /* count: change sets with all commands that ever were */
    FAULT_DRIP,                    /* count: bodies that go out one byte a second */
    FAULT_DRIP_SNAPSHOT,           /* count: snapshots that do */
    FAULT_REDIRECT,                /* count: 302 to another path */
    FAULT_ENDLESS_BODY,            /* count: checkpoints, change sets and acknowledgements that
                                      never end */
    FAULT_TRUNCATE_GZIP,           /* count: packed bodies without their last 8 bytes, in an
                                      answer that ends properly */
    FAULT_ENROL_OTHER_KEY,         /* count: certificates (of enrolment and renewal) for a key
                                      that is not the request's */
    FAULT_ENROL_OTHER_NAME,        /* count: certificates for another gateway */
    FAULT_ENROL_EXPIRED,           /* count: certificates that ended a day ago */
    FAULT_ENROL_NOT_YET,           /* count: certificates that begin in a day */
    FAULT_ENROL_OTHER_CA,          /* count: certificates that another authority signed */
    FAULT_ENROL_NO_POLICY_KEY,     /* count: enrolments without a policy key to pin */
    FAULT_REFUSE_CERTIFICATE,      /* count: calls by a certificate that count as nobody's */
    FAULT_TRUNCATE_SNAPSHOT_AT,     /* one snapshot breaks off at this byte of it; 0 = off */
    FAULT_TRUNCATE_CHANGES_AT,      /* one change set breaks off at this byte; 0 = off */
    FAULT_COUNT
};

struct faults {
    int64_t value[FAULT_COUNT];
};

/* For counts: is this call hit? Uses one up. */
bool fault_take(struct faults *f, enum fault fault);
/* For values that hit once: returns it and switches it off. */
int64_t fault_take_value(struct faults *f, enum fault fault);
/* Sets what the JSON object names. All or nothing; false with one line in why. */
bool faults_set(struct faults *f, struct bytes json, char why[256]);
/* Adds all of them as a JSON object. */
void faults_write(const struct faults *f, struct text *out);

#endif
