/* A command of the cloud, as its line came down: signed with a key that was pinned, for this
 * gateway, and not too old. Source: cloud contract, Commands.
 *
 *   {"t":"command","id","gateway","action","door"?,"args"?,"issued_at","not_after"?,"by","sig"}
 *
 * sig is the last member: base64 of Ed25519 over "gatehouse-command\n" and the line as it was
 * before sig was added. gatehoused checks it itself: who brings the line is not believed. */
#ifndef GATEHOUSE_APP_GATEHOUSED_CLOUD_COMMAND_H
#define GATEHOUSE_APP_GATEHOUSED_CLOUD_COMMAND_H

#include "adapters/crypto/sign.h"
#include "app/gatehoused/command_json.h"

#define CLOUD_COMMAND_MAX 3000 /* bytes of a line */
/* What opens must not be possible for longer after it was asked for. */
#define CLOUD_COMMAND_OPENS_S 60

enum cloud_command_fault {
    CLOUD_COMMAND_GOOD,
    CLOUD_COMMAND_FOREIGN, /* for another gateway: nothing is to be done */
    CLOUD_COMMAND_FORGED,  /* not signed by a key that is believed */
    CLOUD_COMMAND_WRONG,   /* signed, and makes no sense */
};

/* keys NULL: none is believed. out->by is by, of EVENT_TEXT_MAX bytes. Except for GOOD and
 * FOREIGN, why holds one line. */
enum cloud_command_fault cloud_command_parse(const struct sign_keys *keys,
                                             const struct id *gateway, struct slice line,
                                             struct command *out, char *by, char *why,
                                             size_t why_size);

#endif
