#include "bench/loading.h"

#include <stdio.h>

#include "lib/wait.h"

static bool put_change(struct play *p)
{
    char row[256];
    play_person(row, sizeof row, 0, true);
    return site_put_rows(&p->site, row);
}

bool loading_order(struct loading *l)
{
    char id[65];
    l->rev = site_status_number(&l->play->site, "policy", "rev");
    l->is_begun = false;
    l->ordered_ns = wait_now_ns();
    return site_command(&l->play->site, "{\"action\":\"resync\"}", id);
}

/* A change that comes while the rows load waits until they are in force, so its revision tells
 * their end. Each load has a revision of its own, by which syncd's log names it. */
bool loading_look(struct loading *l, bool *is_over)
{
    struct site *site = &l->play->site;
    char line[64];
    *is_over = false;
    if (!l->is_begun) {
        snprintf(line, sizeof line, "loading snapshot 1/%lld,", (long long)l->rev);
        l->is_begun = process_has_said(&site->syncd, line);
        return !l->is_begun || put_change(l->play);
    }
    *is_over = site_status_number(site, "policy", "rev") > l->rev;
    if (*is_over && l->times != NULL)
        series_add_us(l->times, (double)(wait_now_ns() - l->ordered_ns) / 1e6);
    l->loaded += *is_over;
    return true;
}

bool loading_wait(struct loading *l)
{
    int64_t end = wait_now_ns() + PLAY_SYNC_MS * 1000000LL;
    bool is_over = false;
    while (loading_look(l, &is_over) && !is_over && wait_now_ns() < end)
        wait_pause_ms(5);
    if (!is_over)
        lib_say("bench: a snapshot that was ordered is not in force");
    return is_over;
}
