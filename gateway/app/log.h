/* The log: for people who look after the box. It is not the audit; that is the
 * journal. Never a card number, a PIN or a token. */
#ifndef GATEHOUSE_APP_LOG_H
#define GATEHOUSE_APP_LOG_H

#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */

/* Writes one line to standard error; under systemd with the "<N>" prefix that
 * journald reads the priority from, else with the time. Line breaks in the
 * text become spaces. Lines below LOG_INFO are dropped unless GATEHOUSE_DEBUG
 * is set in the environment, and any line while nobody takes what was written
 * before: it never waits. Any thread. */
void log_line(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
