#include "bench/table.h"

#include <errno.h>
#include <string.h>

#define NAME_WIDTH 44

bool table_open(struct table *t, const char *json_path, const char *machine, const char *started)
{
    *t = (struct table){.json = fopen(json_path, "we")};
    if (t->json == NULL) {
        fprintf(stderr, "bench: cannot write %s: %s\n", json_path, strerror(errno));
        return false;
    }
    fprintf(t->json, "{\"machine\":\"%s\",\"started\":\"%s\"}\n", machine, started);
    return true;
}

bool table_close(struct table *t)
{
    bool good = ferror(t->json) == 0;
    good = fclose(t->json) == 0 && good;
    t->json = NULL;
    if (!good) {
        fprintf(stderr, "bench: the figures could not be written whole\n");
    }
    return good;
}

void table_heading(const struct table *t, const char *text)
{
    (void)t;
    printf("\n%-*s %10s %10s %10s %21s %10s %6s  %s\n", NAME_WIDTH, text, "p50", "p99", "p99.9",
           "p50 of the rounds", "floor", "ratio", "target");
}

/* In the unit that reads best. */
static const char *human(char out[24], double us)
{
    if (us < 1000) {
        snprintf(out, 24, "%.0f us", us);
    } else if (us < 1e6) {
        snprintf(out, 24, "%.2f ms", us / 1e3);
    } else {
        snprintf(out, 24, "%.2f s", us / 1e6);
    }
    return out;
}

/* The floor, the ratio, the target and the verdict, in both forms; the end of the line. */
static void finish(struct table *t, double value, bool is_time, const struct against *a)
{
    char floor[24] = "-", ratio[24] = "-";
    if (a && a->floor) {
        if (is_time) {
            human(floor, a->floor_value);
        } else {
            snprintf(floor, sizeof floor, "%.0f", a->floor_value);
        }
        snprintf(ratio, sizeof ratio, "%.2f", a->floor_value > 0 ? value / a->floor_value : 0);
        fprintf(t->json, ",\"floor\":\"%s\",\"floor_value\":%.3f,\"ratio\":%s", a->floor,
                a->floor_value, ratio);
    }
    printf(" %10s %6s", floor, ratio);
    if (a && a->target) {
        bool met = a->is_rate ? value >= a->limit : value <= a->limit;
        char limit[24];
        if (is_time) {
            human(limit, a->limit);
        } else {
            snprintf(limit, sizeof limit, "%.0f", a->limit);
        }
        t->missed += !met;
        printf("  %s: %s, %s", a->target, limit, met ? "met" : "MISSED");
        fprintf(t->json, ",\"target\":\"%s\",\"limit\":%.3f,\"met\":%s", a->target, a->limit,
                met ? "true" : "false");
    } else if (a && a->floor) {
        printf("  (floor: %s)", a->floor);
    }
    printf("\n");
    fprintf(t->json, "}\n");
}

void table_latency(struct table *t, const char *name, const struct series *s,
                   const struct against *against)
{
    double p50 = series_at(s, 0.5), p99 = series_at(s, 0.99), p999 = series_at(s, 0.999), low, high;
    char a[24], b[24], c[24], d[24], e[24], spread[56];
    series_spread(s, &low, &high);
    snprintf(spread, sizeof spread, "%s - %s", human(c, low), human(d, high));
    printf("%-*s %10s %10s %10s %21s", NAME_WIDTH, name, human(a, p50), human(b, p99),
           human(e, p999), spread);
    fprintf(t->json,
            "{\"figure\":\"%s\",\"unit\":\"us\",\"n\":%zu,\"p50\":%.3f,\"p99\":%.3f,"
            "\"p999\":%.3f,\"p50_low\":%.3f,\"p50_high\":%.3f",
            name, s->n, p50, p99, p999, low, high);
    finish(t, p50, true, against);
}

/* As many digits as there is something to read. */
static const char *with_unit(char out[48], double value, const char *unit)
{
    snprintf(out, 48, value < 10 ? "%.2f %s" : "%.0f %s", value, unit);
    return out;
}

static void begin_number(struct table *t, const char *name, double value, const char *unit,
                         const char *spread)
{
    char text[48];
    printf("%-*s %10s %10s %10s %21s", NAME_WIDTH, name, with_unit(text, value, unit), "", "", spread);
    fprintf(t->json, "{\"figure\":\"%s\",\"unit\":\"%s\",\"value\":%.3f", name, unit, value);
}

void table_number(struct table *t, const char *name, double value, const char *unit,
                  const struct against *against)
{
    begin_number(t, name, value, unit, "");
    finish(t, value, false, against);
}

void table_runs(struct table *t, const char *name, const struct series *runs, const char *unit,
                const struct against *against)
{
    double value = series_at(runs, 0.5), low = series_at(runs, 0), high = series_at(runs, 1);
    char a[48], b[48], spread[100];
    snprintf(spread, sizeof spread, "%s - %s", with_unit(a, low, ""), with_unit(b, high, unit));
    begin_number(t, name, value, unit, spread);
    fprintf(t->json, ",\"n\":%zu,\"low\":%.3f,\"high\":%.3f", runs->n, low, high);
    finish(t, value, false, against);
}
