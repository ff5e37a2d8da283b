#include "bench/big.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/floors.h"
#include "bench/loading.h"
#include "bench/play.h"
#include "lib/wait.h"

/* Between two looks at whether a snapshot is in force by now. */
#define READS_A_LOOK 50

/* The floor: the sqlite3 shell reads a file of statements that hold the rows, into the same
 * tables; indexes come last, as is quickest. */
static bool measure_import(struct big *out, const struct play *p)
{
    char dump[FOLDER_PATH_MAX], copy[FOLDER_PATH_MAX], replica[FOLDER_PATH_MAX + 16];
    snprintf(replica, sizeof replica, "%s/replica.db", p->site.state_dir);
    if (!folder_file(&p->site.folder, "dump.sql", dump) ||
        !folder_file(&p->site.folder, "import.db", copy) ||
        !process_shell(PLAY_SYNC_MS, "sqlite3 '%s' .dump > '%s'", replica, dump))
        return false;
    int64_t before = wait_now_ns();
    bool good = process_shell(PLAY_SYNC_MS, "sqlite3 '%s' < '%s'", copy, dump);
    series_add_us(&out->import, (double)(wait_now_ns() - before) / 1e6);
    remove(dump);
    remove(copy);
    return good;
}

static bool measure_while_loading(struct big *out, struct play *p)
{
    struct series feedback = {0};
    const struct play_times times = {&out->meanwhile, &feedback};
    struct loading l = {.play = p};
    bool is_over = false;
    int64_t end = wait_now_ns() + PLAY_SYNC_MS * 1000000LL;
    bool good = loading_order(&l);
    while (good && !is_over && wait_now_ns() < end)
        good = play_round(p, 1, READS_A_LOOK, &times) && loading_look(&l, &is_over);
    series_free(&feedback);
    return good && is_over;
}

static bool measure_meanwhile(struct big *out, struct play *p)
{
    struct series waste = {0};
    const struct play_times idle = {&out->idle, &waste};
    bool good = play_round(p, 1, 50, &(struct play_times){&waste, &waste});
    for (int i = 0; good && i < 5; i++)
        good = play_round(p, 1, 200, &idle);
    series_free(&waste);
    return good && measure_while_loading(out, p);
}

/* --- revocation behind a lot of rows ------------------------------------------------------------ */

struct asking {
    const struct play *play;
    const char *reason;
};

static bool is_said(void *context)
{
    const struct asking *a = context;
    char *answer = site_ask(&a->play->site, "{\"call\":\"explain\",\"reader\":\"r000\",\"type\":"
                                            "\"card\",\"value\":\"10000001\"}");
    bool said = answer != NULL && strstr(answer, a->reason) != NULL;
    free(answer);
    return said;
}

static char *queue_rows(int queued, bool enabled)
{
    char *rows = NULL;
    size_t len = 0;
    char row[256];
    FILE *f = open_memstream(&rows, &len);
    for (int i = 2; f != NULL && i < queued + 2; i++) {
        play_person(row, sizeof row, i, true);
        fputs(row, f);
    }
    play_person(row, sizeof row, 1, enabled);
    if (f != NULL)
        fputs(row, f);
    return f != NULL && fclose(f) == 0 ? rows : NULL;
}

static bool revoke_behind(struct big *out, struct play *p, int queued)
{
    struct asking denied = {p, "person_disabled"}, granted = {p, "\"granted\""};
    char *rows = queue_rows(queued, false), row[256];
    bool good = rows != NULL && site_put_rows(&p->site, rows);
    int64_t committed = wait_now_ns();
    free(rows);
    good = good && wait_until(is_said, &denied, WAIT_MS);
    series_add_ns(&out->revoked, committed, wait_now_ns());
    play_person(row, sizeof row, 1, true);
    return good && site_put_rows(&p->site, row) && site_wait_policy(&p->site, PLAY_SYNC_MS) &&
           wait_until(is_said, &granted, WAIT_MS);
}

/* --- all of it ------------------------------------------------------------------------------------ */

/* The first comes with syncd's start. */
static bool measure_snapshots(struct big *out, struct play *p, int loads)
{
    double first_s = 0;
    struct loading l = {.play = p, .times = &out->snapshot};
    bool good = play_sync(p, &first_s) && measure_import(out, p);
    series_add_us(&out->snapshot, first_s * 1e3);
    for (int i = 1; good && i < loads; i++)
        good = loading_order(&l) && loading_wait(&l) && measure_import(out, p);
    return good;
}

bool big_measure(struct big *out, const struct big_amount *a)
{
    struct play p;
    *out = (struct big){.queued = a->queued};
    bool good = play_open(&p, a->people, BIG_CARDS) && measure_snapshots(out, &p, a->loads);
    out->rows = play_rows(&p);
    good = good && measure_meanwhile(out, &p);
    for (int i = 0; good && i < a->revocations; i++) {
        good = revoke_behind(out, &p, a->queued);
        series_end_round(&out->revoked);
    }
    if (good) {
        out->syncd_mib = floors_peak_mib(p.site.syncd.pid);
        out->daemon_mib = floors_peak_mib(p.site.gatehoused.pid);
    }
    for (int i = 0; good && i < 5; i++)
        good = play_settle(&p) && play_restart(&p, &out->restart);
    play_close(&p);
    return good;
}
