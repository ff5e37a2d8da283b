/* Tells the service manager how we are (sd_notify). Without one, or when it
 * does not listen, nothing happens: that is never a reason to stop. */
#ifndef GATEHOUSE_ADAPTERS_LINUX_NOTIFY_H
#define GATEHOUSE_ADAPTERS_LINUX_NOTIFY_H

/* Started up: doors are served. */
void notify_ready(void);

/* Alive. Sends a datagram: about once a second is enough, not once an event.
 * Only for the thread that has heard from all others. */
void notify_watchdog(void);

/* Shutting down in order. */
void notify_stopping(void);

/* One line for `systemctl status`; a newline in it becomes a space, and it is
 * cut at 200 bytes. No card number, PIN or token. */
void notify_status(const char *text);

#endif
