/* Words about lines that every board uses: names in a fixed room, messages. */
#ifndef HAL_LINE_TEXT_H
#define HAL_LINE_TEXT_H

#include "relay.h"

/* Copies text, cut to the room, bytes that do not belong on a screen as '?'.
 * NULL or "" becomes "-". */
void hal_text_copy(char out[HAL_TEXT_MAX], const char *text);

/* Writes one line for a person, cut to the room; why may be NULL. Returns err,
 * so that a failure is told and returned in one statement. */
enum hal_err hal_fail(enum hal_err err, char why[HAL_TEXT_MAX], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
