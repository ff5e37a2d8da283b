/* The kinds of the contract. */
#include "row_tables.h"

static const struct row_table *const tables[ROW_KINDS] = {
    [ROW_SITE] = &row_table_site,
    [ROW_DOOR] = &row_table_door,
    [ROW_READER] = &row_table_reader,
    [ROW_DOOR_GROUP] = &row_table_door_group,
    [ROW_GROUP] = &row_table_group,
    [ROW_PERSON] = &row_table_person,
    [ROW_CREDENTIAL] = &row_table_credential,
    [ROW_SCHEDULE] = &row_table_schedule,
    [ROW_ENTITLEMENT] = &row_table_entitlement,
    [ROW_HOLIDAY] = &row_table_holiday,
    [ROW_ACCESS_RULES] = &row_table_access_rules,
    [ROW_GEOFENCE] = &row_table_geofence,
    [ROW_DOOR_MODE] = &row_table_door_mode,
    [ROW_LOCKDOWN] = &row_table_lockdown,
    [ROW_AREA] = &row_table_area,
    [ROW_INTERLOCK] = &row_table_interlock,
};

const struct row_table *row_table_of(enum row_kind kind)
{
    return tables[kind];
}
