/* The recorder's chain: prev of each event is the HMAC over the one before, exactly as it was stored,
 * whenever that was hashed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/gatehoused/recorder.h"

static const unsigned char key[32] = {7, 7, 7};

/* A journal that keeps the newest event. */
static struct {
    uint64_t seq;
    char event[EVENT_JSON_MAX];
    size_t len;
    bool is_full;
} stored;

static uint64_t next_seq(void *self)
{
    (void)self;
    return stored.seq + 1;
}

static enum gh_err append(void *self, uint64_t seq, struct slice event, const struct repeat *repeat,
                          struct slice changes)
{
    (void)self;
    (void)repeat;
    (void)changes;
    if (stored.is_full)
        return GH_FULL;
    stored.seq = seq;
    stored.len = event.len;
    memcpy(stored.event, event.ptr, event.len);
    return GH_OK;
}

static const struct journal_ops ops = {.next_seq = next_seq, .append = append};

static void hash_stored(char out[SHA256_HEX + 1])
{
    unsigned char mac[SHA256_LEN];
    crypto_hmac(mac, key, slice_make(stored.event, stored.len));
    crypto_hex(out, mac, sizeof mac);
}

static void assert_names(const char *hash)
{
    char text[SHA256_HEX + 12];
    snprintf(text, sizeof text, "\"prev\":\"%s\"", hash);
    assert_non_null(memmem(stored.event, stored.len, text, strlen(text)));
}

static struct event event_at(int64_t second)
{
    return (struct event){.kind = EVENT_GATEWAY_STARTED, .at = {{1000}, {second, CLOCK_SYNCED}}};
}

static void begin(struct recorder *r)
{
    memset(&stored, 0, sizeof stored);
    assert_int_equal(crypto_start(), GH_OK);
    recorder_init(r, (struct journal){&ops, NULL}, key, (struct slice){0});
}

static void every_event_names_the_one_before_it_as_stored(void **state)
{
    (void)state;
    static struct recorder r;
    char hash[SHA256_HEX + 1], head[SHA256_HEX + 1];
    begin(&r);
    memset(hash, '0', SHA256_HEX);
    hash[SHA256_HEX] = '\0';
    for (int i = 0; i < 8; i++) {
        struct event event = event_at(1750000000 + i);
        recorder_head(&r, head);
        assert_string_equal(head, hash);
        assert_int_equal(recorder_append(&r, &event, NULL, (struct slice){0}), GH_OK);
        assert_names(hash);
        hash_stored(hash);
        recorder_head(&r, head);
        assert_string_equal(head, hash);
        if (i % 2 == 0)
            recorder_catch_up(&r); /* or the next append does it */
        if (i % 4 == 0)
            recorder_catch_up(&r); /* once more does nothing */
    }
    recorder_close(&r);
}

static void an_event_that_is_not_stored_is_no_part_of_the_chain(void **state)
{
    (void)state;
    static struct recorder r;
    char hash[SHA256_HEX + 1], head[SHA256_HEX + 1];
    begin(&r);
    struct event event = event_at(1750000000);
    assert_int_equal(recorder_append(&r, &event, NULL, (struct slice){0}), GH_OK);
    hash_stored(hash);
    stored.is_full = true;
    for (int i = 0; i < 3; i++) {
        event = event_at(1750000001 + i);
        assert_int_equal(recorder_append(&r, &event, NULL, (struct slice){0}), GH_FULL);
        recorder_head(&r, head);
        assert_string_equal(head, hash);
        if (i == 1)
            recorder_catch_up(&r);
    }
    stored.is_full = false;
    assert_int_equal(recorder_append(&r, &event, NULL, (struct slice){0}), GH_OK);
    assert_names(hash);
    recorder_close(&r);
}

static void a_start_goes_on_behind_the_newest_event(void **state)
{
    (void)state;
    static struct recorder r, next;
    char hash[SHA256_HEX + 1];
    begin(&r);
    struct event event = event_at(1750000000);
    assert_int_equal(recorder_append(&r, &event, NULL, (struct slice){0}), GH_OK);
    hash_stored(hash);
    recorder_init(&next, (struct journal){&ops, NULL}, key, slice_make(stored.event, stored.len));
    assert_int_equal(recorder_append(&next, &event, NULL, (struct slice){0}), GH_OK);
    assert_names(hash);
    recorder_close(&next);
    recorder_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_names_the_one_before_it_as_stored),
        cmocka_unit_test(an_event_that_is_not_stored_is_no_part_of_the_chain),
        cmocka_unit_test(a_start_goes_on_behind_the_newest_event),
    };
    return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
