/* gatehoused's control socket without gatehoused: a journal of made-up events,
 * for tests of gatehouse-syncd alone. It answers status, doors, batch, events, ack and
 * note as app/control.h says. Functions may be called from any thread. */
#ifndef TESTS_LIB_CONTROL_DOUBLE_H
#define TESTS_LIB_CONTROL_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control_double;

/* Listens at the path; NULL if it cannot. The journal is empty. */
struct control_double *control_double_open(const char *socket_path);
void control_double_close(struct control_double *d); /* NULL allowed */

/* Appends events {"seq":N,"at",...,"prev"}: commands with odd numbers, and with even
 * ones reads of an unknown QR code. */
void control_double_append(struct control_double *d, int64_t count);
/* Events up to this number are gone, as by overflow (acknowledged or not). */
void control_double_lose(struct control_double *d, int64_t up_to);
/* The next acknowledgements are answered with an error and forgotten. */
void control_double_refuse_acks(struct control_double *d, int count);

/* The next answer to events breaks off behind this many of them. */
void control_double_break_off(struct control_double *d, int64_t count);

int64_t control_double_acked(struct control_double *d);
bool control_double_wait_acked(struct control_double *d, int64_t seq, int timeout_ms);

/* How many notes of this kind came whose fault holds this text (NULL = any). */
int control_double_notes(struct control_double *d, const char *kind, const char *text);
bool control_double_wait_note(struct control_double *d, const char *kind, const char *text,
                              int count, int timeout_ms);

#endif
