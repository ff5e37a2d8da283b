/* How far a certificate's life has come: when to renew it, and when to sound the alarm. Pure. */
#ifndef GATEHOUSE_APP_SYNCD_LIFETIME_H
#define GATEHOUSE_APP_SYNCD_LIFETIME_H

#include "core/clock.h"

enum lifetime_phase {
    LIFETIME_UNKNOWN, /* the clock is not trusted: no date is judged */
    LIFETIME_GOOD,
    LIFETIME_DUE,     /* less than a third is left */
    LIFETIME_LOW,     /* less than a tenth: renewal has failed for long */
    LIFETIME_OVER,
};

enum lifetime_phase lifetime_phase(int64_t not_before, int64_t not_after, struct wall now);

/* Seconds until the phase is another one; INT64_MAX: it stays. */
int64_t lifetime_left_s(int64_t not_before, int64_t not_after, struct wall now);

#endif
