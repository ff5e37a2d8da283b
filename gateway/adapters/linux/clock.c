#include "adapters/linux/clock.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

void linux_clock_init(struct linux_clock *clock, bool is_kept)
{
    *clock = (struct linux_clock){
        .floor_s = CLOCK_FLOOR_BUILT_IN, .is_kept = is_kept, .next_ask = {INT64_MIN}};
}

static bool has_set_the_clock(const char *rtc_folder, const char *name)
{
    char path[512];
    int n = snprintf(path, sizeof path, "%s/%s/hctosys", rtc_folder, name);
    FILE *file = n > 0 && n < (int)sizeof path ? fopen(path, "re") : NULL;
    bool has = file && fgetc(file) == '1';
    if (file)
        fclose(file);
    return has;
}

bool clock_is_set_by_battery(const char *rtc_folder)
{
    DIR *folder = opendir(rtc_folder);
    bool is_set = false;
    const struct dirent *entry;
    while (folder && !is_set && (entry = readdir(folder)))
        is_set = has_set_the_clock(rtc_folder, entry->d_name);
    if (folder)
        closedir(folder);
    return is_set;
}

void linux_clock_raise_floor(struct linux_clock *clock, int64_t instant)
{
    int64_t floor_s = instant < INT64_MIN + CLOCK_FLOOR_SLACK_S ? INT64_MIN
                                                                : instant - CLOCK_FLOOR_SLACK_S;
    if (floor_s > clock->floor_s)
        clock->floor_s = floor_s;
}

enum clock_trust clock_trust_judge(bool kernel_synced, int64_t wall_s, int64_t floor_s)
{
    if (wall_s < floor_s)
        return CLOCK_UNSET;
    return kernel_synced ? CLOCK_SYNCED : CLOCK_HOLDOVER;
}

bool clock_is_kernel_synced(int state, int status)
{
    return state >= 0 && state != TIME_ERROR && (status & STA_UNSYNC) == 0;
}

/* A system call, where reading a clock is none: not for each reading. */
static void ask_kernel(struct linux_clock *clock, struct mono now)
{
    struct timex kernel = {.modes = 0}; /* only asks */
    int state = adjtimex(&kernel);
    clock->is_kernel_synced = clock_is_kernel_synced(state, kernel.status);
    clock->next_ask = mono_add_ms(now, CLOCK_ASK_MS);
}

static int64_t offset_of(struct mono mono, int64_t wall_s)
{
    return wall_s - mono.ms / 1000;
}

bool clock_has_jumped(const struct linux_clock *clock, struct mono mono, int64_t wall_s)
{
    int64_t moved = offset_of(mono, wall_s) - clock->offset_s;
    return clock->has_offset && (moved > CLOCK_STEP_S || moved < -CLOCK_STEP_S);
}

enum clock_trust clock_take(struct linux_clock *clock, bool kernel_synced, struct mono mono,
                            int64_t wall_s)
{
    if (kernel_synced) {
        clock->is_stepped = false;
        clock->is_kept = true;
    } else if (clock_has_jumped(clock, mono, wall_s)) {
        clock->is_stepped = true;
    }
    clock->has_offset = true;
    clock->offset_s = offset_of(mono, wall_s);
    enum clock_trust trust = clock->is_stepped || !clock->is_kept
                                 ? CLOCK_UNSET
                                 : clock_trust_judge(kernel_synced, wall_s, clock->floor_s);
    if (trust != CLOCK_UNSET)
        linux_clock_raise_floor(clock, wall_s);
    return trust;
}

struct now linux_clock_now(struct linux_clock *clock)
{
    struct timespec boot, wall;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &wall);
    struct mono mono = {(int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000};
    if (mono.ms >= clock->next_ask.ms || clock_has_jumped(clock, mono, wall.tv_sec))
        ask_kernel(clock, mono);
    return (struct now){
        .mono = mono,
        .wall.s = wall.tv_sec,
        .wall.trust = clock_take(clock, clock->is_kernel_synced, mono, wall.tv_sec),
    };
}
