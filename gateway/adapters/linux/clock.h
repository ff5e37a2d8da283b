/* The kernel's clocks, and how far the wall clock can be believed. */
#ifndef GATEHOUSE_ADAPTERS_LINUX_CLOCK_H
#define GATEHOUSE_ADAPTERS_LINUX_CLOCK_H

#include <stdbool.h>

#include "core/clock.h"
#include "news_date.h"

/* A clock without a battery starts at some date of the past. No box ran this program before the
 * newest date in NEWS. */
#define CLOCK_FLOOR_BUILT_IN NEWS_DATE_S
/* How far a right clock may be set back, by a time server or a leap second,
 * behind an event that it has stamped itself. */
#define CLOCK_FLOOR_SLACK_S 60

/* A jump of the wall clock against the other by more than this is a step. */
#define CLOCK_STEP_S 2

/* How long an answer of the kernel about synchronisation is used. */
#define CLOCK_ASK_MS 1000

/* Where the kernel shows the clocks that run on a battery. */
#define CLOCK_RTC_FOLDER "/sys/class/rtc"

/* Belongs to one thread. */
struct linux_clock {
    int64_t floor_s;       /* the wall clock was at least here once */
    bool is_kept;          /* right since this boot: from a battery, or synchronised once */
    bool is_kernel_synced; /* as the kernel said when it was asked last */
    struct mono next_ask;  /* from here on it is asked again */
    bool has_offset;
    int64_t offset_s; /* wall less mono, at the reading before */
    bool is_stepped;  /* it jumped, and no time server has confirmed it since */
};

/* is_kept: a battery set the wall clock at this boot, or a time server has since. Otherwise
 * it stands where the last power cut left it, which looks right and is not: it is not
 * believed before the kernel says that it is synchronised. */
void linux_clock_init(struct linux_clock *clock, bool is_kept);

/* True if the kernel set the wall clock from one of the battery clocks in this folder
 * (CLOCK_RTC_FOLDER; its `hctosys`). A battery that is empty shows a date below the floor. */
bool clock_is_set_by_battery(const char *rtc_folder);

/* An event happened at this instant, stamped by a clock that was believed then
 * (not CLOCK_UNSET: a wild date would take the trust from every later, right
 * one). The floor only rises. */
void linux_clock_raise_floor(struct linux_clock *clock, int64_t instant);

/* Both clocks, read together: mono is CLOCK_BOOTTIME. Times and the floor are
 * looked at in each call; that the kernel lost or found its synchronisation is
 * seen up to CLOCK_ASK_MS late. */
struct now linux_clock_now(struct linux_clock *clock);

/* The decision alone. Below the floor nothing is believed, not even a kernel
 * that says it is synchronised: one of the two readings is wrong, and a clock
 * that was turned back revives expired rights. At or above it: synced if the
 * kernel says so, else holdover (synchronised earlier, or kept by the battery). */
enum clock_trust clock_trust_judge(bool kernel_synced, int64_t wall_s, int64_t floor_s);

/* True if the wall clock jumped since the reading before; false at the first. */
bool clock_has_jumped(const struct linux_clock *clock, struct mono mono, int64_t wall_s);

/* Takes a reading. A clock that was set by hand, or by who knows what, is not
 * believed until the kernel says that it is synchronised: a date of the future
 * would let in who may come one day, one of the past who might come once. While
 * it is believed, the floor follows it. */
enum clock_trust clock_take(struct linux_clock *clock, bool kernel_synced, struct mono mono,
                            int64_t wall_s);

/* Whether a reading of adjtimex(2) means synchronised: its return value (-1
 * included: where the call is forbidden, nothing is known) and status. */
bool clock_is_kernel_synced(int state, int status);

#endif
