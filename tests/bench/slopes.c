#include "bench/slopes.h"

#include <stdio.h>
#include <sys/stat.h>

#include "bench/large.h"
#include "bench/large_site.h"
#include "lib/wait.h"

#define POINTS 4
#define RUNS_MAX 8
#define QUESTIONS 500 /* before gatehoused's memory is read */

/* Where one of them is not what grows. */
static const struct large_shape base = {2500, 256, 1, 1000};
static const long sizes[SLOPE_COUNT][POINTS] = {
    [SLOPE_CREDENTIAL] = {10000, 100000, 400000, 1000000},
    [SLOPE_DOOR] = {64, 128, 256, 512},
    [SLOPE_ENTITLEMENT] = {500, 1000, 2000, 4000},
    [SLOPE_READER] = {256, 512, 768, 1024},
};

struct point {
    double x, decide_ns[RUNS_MAX], memory[RUNS_MAX], replica;
};

static struct large_shape shape_of(enum slope_what what, long size)
{
    struct large_shape shape = base;
    switch (what) {
    case SLOPE_CREDENTIAL: shape.people = size / LARGE_CREDENTIALS; break;
    case SLOPE_DOOR: shape.doors = (int)size; break;
    case SLOPE_ENTITLEMENT: shape.entitlements = (int)size; break;
    case SLOPE_READER: shape.readers = (int)size / base.doors; break;
    case SLOPE_COUNT: break;
    }
    return shape;
}

static double replica_bytes(const struct large_site *s)
{
    char path[FOLDER_PATH_MAX];
    struct stat st;
    return folder_file(&s->folder, "replica.db", path) && stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static bool run_point(struct large_site *s, struct point *p, int run, int reads)
{
    struct series times = {0};
    long granted = 0;
    bool good = large_decisions(s, reads, reads, &times, &granted);
    p->decide_ns[run] = series_at(&times, 0.5) * 1e3;
    p->memory[run] = good ? large_daemon_mib(s, QUESTIONS) * (1 << 20) : 0;
    series_free(&times);
    return good && p->memory[run] > 0;
}

static bool measure_point(struct point *p, enum slope_what what, long size, int runs, int reads)
{
    struct large_site s = {.seed = 7};
    struct large_shape shape = shape_of(what, size);
    p->x = (double)size;
    if (!folder_make(&s.folder))
        return false;
    bool good = large_site_make_as(&s, &shape);
    p->replica = replica_bytes(&s);
    for (int i = 0; good && i < runs; i++)
        good = run_point(&s, p, i, reads);
    folder_remove(&s.folder);
    return good;
}

/* Of the line through the points that leaves the least squares. */
static double fit(const double *x, const double *y, int n)
{
    double mean_x = 0, mean_y = 0, above = 0, below = 0;
    for (int i = 0; i < n; i++) {
        mean_x += x[i] / n;
        mean_y += y[i] / n;
    }
    for (int i = 0; i < n; i++) {
        above += (x[i] - mean_x) * (y[i] - mean_y);
        below += (x[i] - mean_x) * (x[i] - mean_x);
    }
    return below > 0 ? above / below : 0;
}

static void fit_all(struct slope *out, const struct point p[POINTS], int runs)
{
    double x[POINTS], y[POINTS];
    for (int run = 0; run < runs; run++) {
        for (int i = 0; i < POINTS; i++) {
            x[i] = p[i].x;
            y[i] = p[i].decide_ns[run];
        }
        series_add_us(&out->decide_ns, fit(x, y, POINTS));
        for (int i = 0; i < POINTS; i++)
            y[i] = p[i].memory[run];
        series_add_us(&out->memory_bytes, fit(x, y, POINTS));
    }
    for (int i = 0; i < POINTS; i++)
        y[i] = p[i].replica;
    out->replica_bytes = fit(x, y, POINTS);
}

bool slopes_measure(struct slopes *out, int runs, int reads, int part)
{
    bool good = true;
    runs = runs < RUNS_MAX ? runs : RUNS_MAX;
    for (enum slope_what what = 0; good && what < SLOPE_COUNT; what++) {
        struct point points[POINTS] = {0};
        for (int i = 0; good && i < POINTS; i++) {
            long size = sizes[what][i] / (what == SLOPE_CREDENTIAL ? part : 1);
            good = measure_point(&points[i], what, size, runs, reads);
        }
        if (good)
            fit_all(&out->of[what], points, runs);
    }
    return good;
}

/* A credential costs too little to be read by itself. */
static const struct {
    const char *name;
    double per;
} shown[SLOPE_COUNT] = {
    [SLOPE_CREDENTIAL] = {"100,000 credentials more", 100000},
    [SLOPE_DOOR] = {"100 doors more, each with a reader", 100},
    [SLOPE_ENTITLEMENT] = {"1,000 entitlements more", 1000},
    [SLOPE_READER] = {"100 readers more", 100},
};

/* The same in other units. */
static struct series scaled(const struct series *s, double by)
{
    struct series out = {0};
    for (size_t i = 0; i < s->n; i++)
        series_add_us(&out, s->us[i] * by);
    return out;
}

static void show_runs(struct table *t, const char *what, const char *of, const struct series *s,
                      double by, const char *unit)
{
    char name[96];
    struct series values = scaled(s, by);
    snprintf(name, sizeof name, "%s: %s", what, of);
    table_runs(t, name, &values, unit, NULL);
    series_free(&values);
}

void slopes_show(struct table *t, const struct slopes *slopes)
{
    table_heading(t, "What more costs: slopes of fitted lines");
    for (enum slope_what what = 0; what < SLOPE_COUNT; what++) {
        const struct slope *s = &slopes->of[what];
        char name[96];
        show_runs(t, shown[what].name, "decision", &s->decide_ns, shown[what].per / 1e3, "us");
        show_runs(t, shown[what].name, "gatehoused", &s->memory_bytes, shown[what].per / 1024, "KiB");
        snprintf(name, sizeof name, "%s: replica.db", shown[what].name);
        table_number(t, name, s->replica_bytes * shown[what].per / 1024, "KiB", NULL);
    }
}
