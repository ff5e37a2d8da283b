/* The renewal: our certificate at the cloud gets a successor before it ends, for as long as syncd
 * runs; and whoever looks at the status hears when it did not.
 *
 * Less than a third of its life is left: a new key and a request for it go to the cloud over a link
 * of its own, under the present certificate. What comes back is checked like an enrolment, shown to
 * the cloud once, kept (identity_renew), and then used by the next connection of everybody. Until
 * then the present one serves; a try that fails is repeated in a rhythm, one that is refused after ten
 * minutes. While the clock is not
 * trusted no date is judged.
 *
 * A certificate that the configuration names is the installer's: it is watched, not renewed. */
#ifndef GATEHOUSE_APP_SYNCD_RENEWAL_H
#define GATEHOUSE_APP_SYNCD_RENEWAL_H

#include "adapters/linux/clock.h"
#include "app/enrolment.h"
#include "app/syncd/rhythm.h"
#include "app/syncd/sync.h"

struct renewal {
    struct sync *sync;          /* borrowed */
    struct https *const *https; /* borrowed: SYNC_ACTIVITIES; ours is that of SYNC_RENEWAL */
    struct identity *identity;  /* borrowed: what all of them show; NULL = the installer's */
    struct linux_clock clock;
    struct rhythm rhythm;
    struct mono rest; /* no try before: the last one succeeded just now, or was refused */
    char trouble[SYNC_TEXT_MAX]; /* why the last try came to nothing */
    char certificate[IDENTITY_PEM_MAX]; /* the one that is being looked at */
    char answer[ENROLMENT_ANSWER_MAX];
    size_t answer_len;
};

void renewal_init(struct renewal *r, struct sync *sync, struct https *const *https,
                  struct identity *identity, uint64_t seed);
/* A thread's body (struct renewal *): until sync_stop. */
void *renewal_run(void *renewal);

#endif
