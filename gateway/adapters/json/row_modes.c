/* The fields of door_mode, lockdown and area. */
#include "row_tables.h"

/* --- door_mode, lockdown --------------------------------------------------- */

static const struct field door_mode_fields[] = {
    {FIELD("where", field_where), KEPT(policy_door_mode, where)},
    {FIELD("tier", field_choice), .required = true, CHOICES("quick", "one_time", "routine"),
     KEPT(policy_door_mode, tier)},
    {FIELD("mode", field_choice), .required = true,
     CHOICES("unlocked", "first_credential", "locked", "locked_down"),
     KEPT(policy_door_mode, mode)},
    {FIELD("schedule", field_id), KEPT(policy_door_mode, schedule)},
    {FIELD("valid_from", field_instant), KEPT(policy_door_mode, validity.from)},
    {FIELD("valid_until", field_instant), KEPT(policy_door_mode, validity.until)},
    {FIELD("allow_manual_end", field_switch), KEPT(policy_door_mode, allow_manual_end)},
    {FIELD("at", field_instant), KEPT(policy_door_mode, at)},
    {FIELD("by", field_text)},
};

const struct row_table row_table_door_mode = {.kind = ROW_DOOR_MODE, FIELDS(door_mode_fields)};

static const struct field lockdown_fields[] = {
    {FIELD("where", field_where), KEPT(policy_lockdown, where)},
    {FIELD("at", field_instant)}, /* for people: a lockdown outweighs whatever came when */
    {FIELD("by", field_text)},
};

const struct row_table row_table_lockdown = {.kind = ROW_LOCKDOWN, FIELDS(lockdown_fields)};

/* --- area ------------------------------------------------------------------ */

static enum gh_err parse_reset(struct row_reader *r, const struct field *f, const json_t *v,
                               void *at)
{
    int minute = RESET_NEVER;
    if (!field_is_absent(v) && (!row_minute_parse(v, &minute) || minute == 24 * 60))
        return row_refuse(r, f, "must be null or HH:MM, 00:00 to 23:59");
    *(int *)at = minute;
    return GH_OK;
}

static const struct field area_fields[] = {
    {FIELD("name", field_text)},
    {FIELD("entry", field_ids), KEPT(policy_area, entry)},
    {FIELD("exit", field_ids), KEPT(policy_area, exit)},
    {FIELD("antipassback", field_choice), CHOICES("off", "log", "deny"),
     KEPT(policy_area, antipassback)},
    {FIELD("timeout_s", field_int), RANGE(0, 365L * DAY_S, 0), KEPT(policy_area, timeout_s)},
    {FIELD("schedule", field_id), KEPT(policy_area, schedule)},
    {FIELD("reset_daily", parse_reset), KEPT(policy_area, reset_min)},
    {FIELD("max_occupancy", field_limit), RANGE(0, 1000000, OCCUPANCY_UNLIMITED),
     KEPT(policy_area, max_occupancy)},
    {FIELD("exit_without_entry", field_either), CHOICES("allow", "violation"),
     KEPT(policy_area, exit_without_entry_violates)},
};

const struct row_table row_table_area = {.kind = ROW_AREA, FIELDS(area_fields)};
