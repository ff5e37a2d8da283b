#include "faults.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bool count; /* -1 is allowed */
} FAULTS[FAULT_COUNT] = {
    [FAULT_ANSWER_503] = {"answer_503", true},
    [FAULT_RETRY_AFTER_S] = {"retry_after_s", false},
    [FAULT_DROP_CONNECTIONS] = {"drop_connections", true},
    [FAULT_GARBAGE] = {"garbage", true},
    [FAULT_STALL_MS] = {"stall_ms", false},
    [FAULT_EVENTS_FAIL_BEFORE_COMMIT] = {"events_fail_before_commit", true},
    [FAULT_EVENTS_FAIL_AFTER_COMMIT] = {"events_fail_after_commit", true},
    [FAULT_EXPECT_AHEAD] = {"expect_ahead", true},
    [FAULT_WRONG_DIGEST] = {"wrong_digest", true},
    [FAULT_NO_CHECKPOINT] = {"no_checkpoint", true},
    [FAULT_INVALID_ROW] = {"invalid_row", true},
    [FAULT_WRONG_SIGNATURE] = {"wrong_signature", true},
    [FAULT_UNSIGNED] = {"unsigned", true},
    [FAULT_OLDER_REV] = {"older_rev", true},
    [FAULT_OLDER_EPOCH] = {"older_epoch", true},
    [FAULT_WRONG_COMMAND_SIGNATURE] = {"wrong_command_signature", true},
    [FAULT_UNSIGNED_COMMAND] = {"unsigned_command", true},
    [FAULT_REPLAY_COMMANDS] = {"replay_commands", true},
    [FAULT_DRIP] = {"drip", true},
    [FAULT_DRIP_SNAPSHOT] = {"drip_snapshot", true},
    [FAULT_REDIRECT] = {"redirect", true},
    [FAULT_ENDLESS_BODY] = {"endless_body", true},
    [FAULT_TRUNCATE_GZIP] = {"truncate_gzip", true},
    [FAULT_ENROL_OTHER_KEY] = {"enrol_other_key", true},
    [FAULT_ENROL_OTHER_NAME] = {"enrol_other_name", true},
    [FAULT_ENROL_EXPIRED] = {"enrol_expired", true},
    [FAULT_ENROL_NOT_YET] = {"enrol_not_yet", true},
    [FAULT_ENROL_OTHER_CA] = {"enrol_other_ca", true},
    [FAULT_ENROL_NO_POLICY_KEY] = {"enrol_no_policy_key", true},
    [FAULT_REFUSE_CERTIFICATE] = {"refuse_certificate", true},
    [FAULT_TRUNCATE_SNAPSHOT_AT] = {"truncate_snapshot_at", false},
    [FAULT_TRUNCATE_CHANGES_AT] = {"truncate_changes_at", false},
};

bool fault_take(struct faults *f, enum fault fault)
{
    if (f->value[fault] > 0) {
        f->value[fault]--;
        return true;
    }
    return f->value[fault] < 0;
}

int64_t fault_take_value(struct faults *f, enum fault fault)
{
    int64_t value = f->value[fault];
    f->value[fault] = 0;
    return value;
}

static bool set_one(struct faults *f, const char *name, const json_t *value, char why[256])
{
    int fault = 0;
    while (fault < FAULT_COUNT && strcmp(FAULTS[fault].name, name) != 0)
        fault++;
    if (fault == FAULT_COUNT) {
        snprintf(why, 256, "%.64s is not a fault; GET /admin/state lists them", name);
        return false;
    }
    bool count = FAULTS[fault].count;
    json_int_t n = json_is_integer(value) ? json_integer_value(value) : -2;
    if (json_is_boolean(value) && (count || json_is_false(value)))
        n = json_is_true(value) ? -1 : 0;
    if (n < (count ? -1 : 0)) {
        snprintf(why, 256, "%s must be %s", name,
                 count ? "a count, true (always) or false" : "a whole number, 0 or more");
        return false;
    }
    f->value[fault] = n;
    return true;
}

bool faults_set(struct faults *f, struct bytes json, char why[256])
{
    json_error_t error;
    json_t *root = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        snprintf(why, 256, "the body must be a JSON object of fault names and values");
        json_decref(root);
        return false;
    }
    struct faults next = *f;
    bool good = true;
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value) {
        good = good && set_one(&next, name, value, why);
    }
    json_decref(root);
    if (good)
        *f = next;
    return good;
}

void faults_write(const struct faults *f, struct text *out)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        text_addf(out, "%s\"%s\":%lld", i ? "," : "{", FAULTS[i].name, (long long)f->value[i]);
    text_add(out, "}", 1);
}
