/* The house of the gateway's system tests with a cloud that enrols, and what its certificates do there. */
#ifndef TESTS_SYSTEM_ENROL_FIXTURE_H
#define TESTS_SYSTEM_ENROL_FIXTURE_H

#include "gateway_fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/certs.h"
#include "lib/ctl.h"

#define PASSPHRASE "correct horse battery staple\n"
#define CERTIFICATES "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/certificates"
#define TTL_S 600
#define shell(...) assert_true(process_shell(WAIT_MS, __VA_ARGS__))

/* A certificate of which 500 s of 10000 are left, and one that is new. */
#define NEARLY_OVER "{\"gateway_cert_s\":10000,\"gateway_cert_age_s\":9500}"
#define NEW "{\"gateway_cert_s\":10000,\"gateway_cert_age_s\":0}"

static char token[65], print[65], url[64], other_config[FOLDER_PATH_MAX], ca[FOLDER_PATH_MAX];

static inline int enrol_begin(void **state)
{
    (void)state;
    static const struct site_options options = {
        .config = HOUSE_CONFIG, .site_lines = HOUSE_FAST, .is_enrolled = true};
    if (!site_make(&site, &options) || !site_start_broker(&site) || !site_start_cloud(&site) ||
        !site_put_rows(&site, HOUSE_POLICY) || !site_start_gatehoused(&site) ||
        !site_start_syncd(&site) || !house_open_readers() ||
        !folder_file(&site.folder, "other.conf", other_config) ||
        !folder_file(&site.folder, "ca.pem", ca))
        return -1;
    snprintf(url, sizeof url, "https://127.0.0.1:%d", site.cloud_port);
    return 0;
}

/* --- gatehousectl -------------------------------------------------------------------------------- */

/* With up to four words behind enrol. */
static inline int enrol(const char *config, const char *input, char **text, const char *const words[4])
{
    const char *all[6] = {"enrol"};
    for (int i = 0; i < 4 && words[i]; i++)
        all[i + 1] = words[i];
    return ctl_run(config, input, all, text);
}

static inline void expect(int status, const char *part, int got, char *text)
{
    if (got != status || !strstr(text, part))
        fail_msg("it ended with %d, and said: %s\nwanted %d: %s", got, text, status, part);
    free(text);
}

#define ENROL(status, part, input, ...)                                                                \
    do {                                                                                               \
        char *enrol_text;                                                                              \
        int enrol_got = enrol(site.config_path, input, &enrol_text,                                    \
                              (const char *const[4]){__VA_ARGS__});                                    \
        expect(status, part, enrol_got, enrol_text);                                                   \
    } while (0)

static inline void new_token(void)
{
    assert_true(site_new_token(&site, TTL_S, token, print));
    strcat(token, "\n");
}

/* What lies in the identity's folder, and the renewed pair. */
static inline void remember(const char *as)
{
    shell("cd '%s' && (find identity state/renewed.pem -type f 2>/dev/null | sort | xargs -r sha256sum; "
          "ls -d identity* state/renewed* 2>/dev/null || true) > %s", site.folder.path, as);
}

static inline void assert_nothing_changed(void)
{
    remember("known.after");
    shell("cd '%s' && diff known.before known.after && rm known.after", site.folder.path);
}

/* A text that is waited for, and what was there instead. */
struct text_wait {
    const char *part;
    char *last;
};

static inline bool ctl_status_says(void *context)
{
    struct text_wait *w = context;
    const char *const words[] = {"status", NULL};
    free(w->last);
    return ctl_run(site.config_path, NULL, words, &w->last) == 0 && strstr(w->last, w->part);
}

static inline void wait_ctl_status(const char *part)
{
    struct text_wait w = {.part = part};
    if (!wait_until(ctl_status_says, &w, 3 * WAIT_MS))
        fail_msg("status says: %s\nwanted: %s", w.last, part);
    free(w.last);
}

/* Certificates of ours at the cloud that were made so and used in a call. */
static inline int used(const char *how)
{
    struct web_reply reply;
    char line[64];
    int n = 0;
    snprintf(line, sizeof line, "\"how\":\"%s\"", how);
    assert_true(web_get(&site.admin, CERTIFICATES, &reply));
    for (char *at = reply.body; (at = strstr(at, line)) != NULL; at++) {
        const char *end = strchr(at, '\n');
        const char *was_used = strstr(at, "\"used\":true");
        n += was_used && end && was_used < end;
    }
    web_reply_free(&reply);
    return n;
}

struct use_wait {
    const char *how;
    int n;
};

static inline bool is_used(void *context)
{
    const struct use_wait *w = context;
    return used(w->how) >= w->n;
}

static inline void wait_used(const char *how, int n)
{
    struct use_wait w = {how, n};
    if (!wait_until(is_used, &w, 3 * WAIT_MS)) {
        process_show_log(&site.syncd);
        fail_msg("no %d certificates by %s came to be used", n, how);
    }
}

static inline void present(int door, const char *read_id)
{
    assert_string_equal(house_present(door, read_id, CARD_JANE).reason, "granted");
}

#endif
