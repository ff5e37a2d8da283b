/* How the tables of fields are written, and the tables of all kinds. */
#ifndef GATEHOUSE_ADAPTERS_JSON_ROW_TABLES_H
#define GATEHOUSE_ADAPTERS_JSON_ROW_TABLES_H

#include <stddef.h>

#include "row_field.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define FIELD(word, type) .name = (word), .parse = (type)
#define KEPT(type, member) .kept = true, .offset = offsetof(struct type, member)
/* For a parser that fills several members: it gets the whole struct. */
#define KEPT_WHOLE .kept = true, .offset = 0
#define CHOICES(...) .choices = (const char *const[]){__VA_ARGS__, NULL}
#define RANGE(lowest, highest, usual) .min = (lowest), .max = (highest), .def = (usual)
#define FIELDS(table) .fields = (table), .n_fields = COUNT(table)
#define DAY_S 86400

/* For error lines. */
#define CREDENTIAL_TYPE_WORDS "card, uhf, pin, plate, qr, face, fingerprint, mobile"

/* row_site.c */
extern const struct row_table row_table_site, row_table_door, row_table_reader,
    row_table_door_group, row_table_interlock;
/* row_people.c */
extern const struct row_table row_table_group, row_table_person, row_table_credential;
/* row_time.c */
extern const struct row_table row_table_schedule, row_table_holiday;
/* row_rights.c */
extern const struct row_table row_table_entitlement, row_table_access_rules, row_table_geofence;
/* row_modes.c */
extern const struct row_table row_table_door_mode, row_table_lockdown, row_table_area;

#endif
