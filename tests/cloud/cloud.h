/* What every handler of the cloud works with. */
#ifndef CLOUD_CLOUD_H
#define CLOUD_CLOUD_H

#include "auth.h"
#include "db.h"
#include "faults.h"
#include "sign.h"

struct gateway_ca;

enum {
    CLOUD_SCHEMA = 1,         /* of the policy rows */
    CHECKPOINT_EVERY_S = 600, /* a fresh checkpoint at least that often */
    COMMAND_AGAIN_S = 10,     /* a command without a result is sent again after that */
};

struct cloud {
    sqlite3 *db;
    char *snapshot_dir; /* no trailing slash */
    struct secret gateway_token;
    struct secret admin_token;
    struct faults faults;
    struct signer policy_key, command_key;
    char *ca_pem; /* of the authority that signed our own certificate; NULL = nobody is enrolled */
    struct gateway_ca *gateway_ca;
    int64_t gateway_cert_s, gateway_cert_age_s; /* a gateway's certificate: its life, and how
                                                   much of it is over when it is made */
    int64_t checkpoint_every_s; /* 1 to CHECKPOINT_EVERY_S */
    int64_t command_again_s;    /* 1 to COMMAND_AGAIN_S */
    int64_t waiting;            /* calls that wait now */
};

/* Unix time, and the time since some start that no clock step touches. */
int64_t now_wall_ms(void);
int64_t now_wall_us(void);
int64_t now_mono_ms(void);

#endif
