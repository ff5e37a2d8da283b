#include "campaigns/campaign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"

#define WRONG_SHOWN 10
#define BAD_MS (4 * 60 * 1000)
#define STATUS_SOUND 0
#define STATUS_FOUND 10
#define STATUS_NOT_PLAYED 11

static const struct campaign_kind *the_kind;
static uint64_t the_seed;
static char the_program[FOLDER_PATH_MAX];

/* --- the seed --------------------------------------------------------------------- */

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && text[0] ? strtoull(text, NULL, 10) : otherwise;
}

/* splitmix64: every seed, 0 too, gives a good sequence. */
static uint64_t next_random(struct campaign *c)
{
    uint64_t z = c->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t campaign_draw(struct campaign *c, uint32_t n)
{
    return (uint32_t)((next_random(c) >> 32) * n >> 32);
}

bool campaign_chance(struct campaign *c, uint32_t percent)
{
    return campaign_draw(c, 100) < percent;
}

/* --- finds ------------------------------------------------------------------------ */

void campaign_wrong(struct campaign *c, const char *format, ...)
{
    va_list arguments;
    if (c->wrong++ >= WRONG_SHOWN)
        return;
    printf("# wrong: ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

bool campaign_is_over(const struct campaign *c)
{
    return c->is_bad && c->wrong > 0;
}

void campaign_say(const struct campaign *c, const char *format, ...)
{
    va_list arguments;
    printf("# seed %" PRIu64 " %s: ", c->seed, c->name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

bool campaign_step(bool is_done, const char *step)
{
    if (!is_done)
        lib_say("this step of the campaign could not be done: %s", step);
    return is_done;
}

/* --- the program ------------------------------------------------------------------ */

static void nothing_that_must_never_be_is_seen(void **state)
{
    (void)state;
    struct campaign c = {.name = the_kind->name, .seed = the_seed, .random = the_seed,
                         .count = (int)number_of("GATEHOUSE_COUNT", (uint64_t)the_kind->count)};
    int64_t began = wait_now_ns();
    printf("# seed %" PRIu64 " %s: replay with SEED=%" PRIu64 " COUNT=%d\n", c.seed, c.name, c.seed,
           c.count);
    fflush(stdout);
    assert_true(the_kind->play(&c));
    campaign_say(&c, "%d wrong, %" PRId64 " s", c.wrong, (wait_now_ns() - began) / 1000000000);
    assert_int_equal(c.wrong, 0);
}

/* The last line of what a bad build was found out by. */
static const char *first_find(const char *out)
{
    static char line[300];
    const char *at = out ? strstr(out, "# wrong: ") : NULL;
    snprintf(line, sizeof line, "%.*s", at ? (int)strcspn(at + 9, "\n") : 0, at ? at + 9 : "");
    return line;
}

static void a_bad_build_is_found_out(void **state)
{
    const struct campaign_bad *bad = *state;
    char seed[24];
    char *out = NULL, *err = NULL;
    int64_t began = wait_now_ns();
    snprintf(seed, sizeof seed, "%" PRIu64, the_seed);
    const char *const argv[] = {the_program, "--bad", bad->name, seed, NULL};
    int status = process_run(argv, NULL, BAD_MS, &out, &err);
    if (status == STATUS_FOUND)
        printf("# seed %s %s: the build %s is found out after %" PRId64 " s: %s\n", seed,
               the_kind->name, bad->name, (wait_now_ns() - began) / 1000000000, first_find(out));
    else
        printf("%s\n%s\n", out ? out : "", err ? err : "");
    fflush(stdout);
    free(out);
    free(err);
    if (status != STATUS_FOUND)
        fail_msg("the build %s was not found out (%d)", bad->name, status);
}

static int play_bad(const char *name, const char *seed)
{
    const struct campaign_bad *bad = the_kind->bad;
    const char *build = getenv("BUILD");
    char path[FOLDER_PATH_MAX];
    while (bad->name && strcmp(bad->name, name) != 0)
        bad++;
    snprintf(path, sizeof path, "%s/bad/%s", build ? build : "build", name);
    /* What one fault alone must be found out by, nobody promised. */
    if (!bad->name || setenv("BUILD", path, 1) != 0 || unsetenv("GATEHOUSE_ONLY") != 0)
        return STATUS_NOT_PLAYED;
    struct campaign c = {.name = the_kind->name, .seed = strtoull(seed, NULL, 10),
                         .count = bad->count, .is_bad = true};
    c.random = c.seed;
    if (!the_kind->play(&c) && c.wrong == 0)
        return STATUS_NOT_PLAYED;
    return c.wrong > 0 ? STATUS_FOUND : STATUS_SOUND;
}

int campaign_main(int argc, char **argv, const struct campaign_kind *kind)
{
    struct CMUnitTest tests[CAMPAIGN_BADS_MAX + 1] = {
        {kind->name, nothing_that_must_never_be_is_seen, NULL, NULL, NULL}};
    size_t n = 1;
    the_kind = kind;
    if (argc == 4 && strcmp(argv[1], "--bad") == 0)
        return play_bad(argv[2], argv[3]);
    the_seed = number_of("GATEHOUSE_SEED", (uint64_t)wait_now_ns() % 1000000007u);
    snprintf(the_program, sizeof the_program, "%s", argv[0]);
    for (const struct campaign_bad *bad = kind->bad; bad->name; bad++) {
        struct campaign_bad copy = *bad;
        static struct campaign_bad kept[CAMPAIGN_BADS_MAX];
        kept[n - 1] = copy;
        tests[n] = (struct CMUnitTest){bad->name, a_bad_build_is_found_out, NULL, NULL, &kept[n - 1]};
        n++;
    }
    return _cmocka_run_group_tests(kind->name, tests, n, NULL, NULL);
}
