#include "adapters/linux/notify.h"

#include <stddef.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#define STATUS_MAX 200

void notify_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void notify_watchdog(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

void notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

/* A newline would begin a second message to the service manager. */
void notify_status(const char *text)
{
    char message[sizeof "STATUS=" + STATUS_MAX] = "STATUS=";
    size_t at = strlen(message);
    for (size_t i = 0; i < STATUS_MAX && text[i] != '\0'; i++)
        message[at++] = text[i] == '\n' ? ' ' : text[i];
    message[at] = '\0';
    (void)sd_notify(0, message);
}
