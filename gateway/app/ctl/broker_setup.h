/* What the parts of broker setup share. */
#ifndef GATEHOUSE_APP_CTL_BROKER_SETUP_H
#define GATEHOUSE_APP_CTL_BROKER_SETUP_H

#include "app/ctl/broker_hosts.h"
#include "app/ctl/desk.h"

#define SETUP_GATEWAY_GROUP "gatehouse" /* may read the gateway's password */

struct setup {
    struct desk desk;
    struct authority *authority; /* once setup_authority has run */
    struct broker_hosts hosts;   /* what this box is called */
    bool is_first; /* no index: no account was ever handed out from here */
    char password_file[CONFIG_PATH_MAX]; /* of the gateway's own account */
    char *password;                      /* owned; once it was read */
    size_t password_len;
    int done;         /* what was made or put right */
    struct json *out; /* for programs; NULL: for people */
};

/* A line of what was done, or a note. */
__attribute__((format(printf, 2, 3))) void setup_done(struct setup *s, const char *format, ...);
__attribute__((format(printf, 2, 3))) void setup_note(struct setup *s, const char *format, ...);

bool setup_has(const struct setup *s, enum broker_file file);
/* Writes a file of the folder, and says what was done to it. */
bool setup_put(struct setup *s, enum broker_file file, const char *text, const char *what);

/* Each makes what is missing and looks at what is there; false: see desk.why. */
bool setup_authority(struct setup *s); /* ca.key, ca.pem */
bool setup_server(struct setup *s);    /* server.key, server.pem */
bool setup_password(struct setup *s);  /* the gateway's password, beside the folder */
bool setup_accounts(struct setup *s);  /* accounts */
bool setup_acl(struct setup *s);       /* acl */
/* True if setup_acl will find what it needs. */
bool setup_can_make_acl(struct setup *s);

/* Its number; as broker_group(). */
gid_t setup_gateway_group(void);

#endif
