/* Values of gatehouse.conf: text to field, or what is allowed instead. */
#ifndef GATEHOUSE_APP_CONFIG_VALUES_H
#define GATEHOUSE_APP_CONFIG_VALUES_H

#include "core/slice.h"

/* Sets the field and returns NULL; or returns what is allowed, as the end of a
 * sentence that begins with the setting's name (static storage). Behind each:
 * what field points to. */
typedef const char *(*config_setter)(void *field, struct slice value);

const char *config_set_id(void *field, struct slice value); /* struct id */
const char *config_set_path(void *field, struct slice value); /* char[CONFIG_PATH_MAX]; absolute */
const char *config_set_address(void *field, struct slice value); /* char[64]; numeric, IPv4 or IPv6 */
const char *config_set_port(void *field, struct slice value); /* int */
const char *config_set_rate(void *field, struct slice value); /* int, 1..10000 */
const char *config_set_cap(void *field, struct slice value); /* int, 0..10000 */
const char *config_set_word(void *field, struct slice value); /* char[128] */
const char *config_set_url(void *field, struct slice value); /* char[CONFIG_PATH_MAX]; https, no path */
const char *config_set_signature(void *field, struct slice value); /* bool; true = unsigned */
const char *config_set_events(void *field, struct slice value); /* uint64_t, 1000..100000000 */
const char *config_set_line(void *field, struct slice value); /* struct hal_line; its chip and line */
const char *config_set_active(void *field, struct slice value); /* struct hal_line; its active_low */
const char *config_set_input(void *field, struct slice value); /* struct config_input */
const char *config_set_pulse(void *field, struct slice value); /* int, 50..10000 ms */
const char *config_set_yes(void *field, struct slice value); /* bool: yes or no */
const char *config_set_actions(void *field, struct slice value); /* struct config_panel; actions */
const char *config_set_panel_doors(void *field, struct slice value); /* struct config_panel */
const char *config_set_lock(void *field, struct slice value); /* enum lock_kind */
const char *config_set_freshness(void *field, struct slice value); /* enum freshness_mode */

#endif
