/* The desk where accounts are handed out and taken back: the broker's folder, locked, with its
 * index in memory. What all commands about accounts share. */
#ifndef GATEHOUSE_APP_CTL_DESK_H
#define GATEHOUSE_APP_CTL_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "adapters/openssl/authority.h"
#include "app/broker_folder.h"
#include "app/ctl/ctl.h"
#include "app/issued.h"

#define DESK_PASSWORD_MAX 32 /* of a password that we make, with its zero */

struct desk {
    const struct ctl *ctl;       /* borrowed */
    const struct config *config; /* borrowed */
    struct broker_folder folder; /* fd -1: not open */
    struct issued issued;
    int64_t now;
    char why[700]; /* what failed first */
};

/* Notes what failed, once; returns false. */
__attribute__((format(printf, 2, 3))) bool desk_fail(struct desk *d, const char *format, ...);

/* Opens a folder that setup has made, and reads its index; with make the folder is made if it
 * is missing, and the index is read by who calls. False: see why; close it all the same. */
bool desk_open(struct desk *d, const struct ctl *ctl, const struct config *config, bool make);
void desk_close(struct desk *d);

/* A file of the folder, owned. False also if it is missing. */
bool desk_read(struct desk *d, enum broker_file file, char **out, size_t *len);
bool desk_put(struct desk *d, enum broker_file file, struct slice bytes);
bool desk_read_issued(struct desk *d);
bool desk_put_issued(struct desk *d);
/* The rights of the panels in the index, below the base that is there. */
bool desk_put_acl(struct desk *d);
/* Takes every line of the account from the file of passwords. */
bool desk_remove_password(struct desk *d, const char *account);
/* NULL: see why. Owned. */
struct authority *desk_authority(struct desk *d);
/* Revokes serials beside those that the list has. */
bool desk_revoke(struct desk *d, const char *const *serials, size_t n);

/* 25 random characters in groups, 125 bits, none that looks like another. */
void desk_make_password(char out[DESK_PASSWORD_MAX]);

/* --- mosquitto is told ------------------------------------------------------------------------ */

enum desk_told {
    DESK_NEED_NOT, /* nothing changed for it */
    DESK_RELOADED,
    DESK_RESTARTED,
    DESK_IS_DOWN,  /* systemd does not run it now: it reads everything when it starts */
    DESK_NOT_TOLD, /* nobody here can be asked to do it, or it failed */
};
/* RELOADED or RESTARTED is what is wanted. */
enum desk_told desk_tell(enum desk_told wanted);
/* A word for programs, static storage. */
const char *desk_told_name(enum desk_told told);
/* A line for a person about it, static storage; NULL: nothing to say. wanted as to desk_tell. */
const char *desk_told_line(enum desk_told told, enum desk_told wanted);

#endif
