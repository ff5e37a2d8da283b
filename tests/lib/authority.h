/* Who may do what at the broker: tries everything, and judges by what was delivered. (mosquitto
 * acknowledges also what it refuses.)
 *
 * What must be so is written down once more in rights.c, apart from the acl: the matrix of
 * principals, topics and ways is made from it. A cell is one attempt: it must be delivered, or
 * must not. Nothing waits for time to pass: before something counts as not delivered, a message
 * that was sent after it has arrived, or the broker has answered a ping that was sent after it. */
#ifndef TESTS_LIB_AUTHORITY_H
#define TESTS_LIB_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/secure_broker.h"

enum authority_role { ROLE_GATEWAY, ROLE_READER, ROLE_PANEL, ROLE_NOBODY };

/* Somebody who connects. */
struct principal {
    const char *label;
    enum authority_role role;
    const char *own;          /* the id of the reader or panel */
    const char *account;      /* its name at the broker; "" = none */
    enum secure_port port;
    const char *certificate;  /* file in broker/ without its ending; NULL = none is shown */
    const char *password;     /* NULL = none is sent */
    bool plain;               /* no TLS, whatever the port wants */
    int highest_tls;          /* as in wire_tls */
};

struct authority_options {
    const struct principal *admitted; /* ends with one whose label is NULL */
    const struct principal *refused;  /* the same */
    bool brief; /* one protocol version, fewer filters and ways; stops at the first that is wrong */
};

struct authority_tally {
    size_t cells, must; /* all; those of them that must be delivered */
    size_t leaks;       /* delivered, and must not be */
    size_t missing;     /* not delivered, and must be */
    size_t entered;     /* refused principals that came in, or did not end where they must */
    size_t taken;       /* sessions that somebody else got, or ended */
    char first[240];    /* what was wrong first */
};

/* False: the matrix could not be played (the broker is not there). */
bool authority_run(const struct secure_broker *broker, const struct authority_options *options,
                   struct authority_tally *out);
size_t authority_wrong(const struct authority_tally *tally);

#endif
