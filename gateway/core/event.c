#include "core/event.h"

static const char *const kind_words[EVENT_KINDS] = {
    [EVENT_ACCESS] = "access",
    [EVENT_COMMAND] = "command",
    [EVENT_RELAY_FAULT] = "relay_fault",
    [EVENT_READER_FLOODING] = "reader_flooding",
    [EVENT_RETAINED_REFUSED] = "retained_refused",
    [EVENT_LOST_CREDENTIAL] = "lost_credential",
    [EVENT_JOURNAL_FAULT] = "journal_fault",
    [EVENT_CLOUD_OFFLINE] = "cloud_offline",
    [EVENT_CLOUD_ONLINE] = "cloud_online",
    [EVENT_CLOCK_STEP] = "clock_step",
    [EVENT_POLICY_APPLIED] = "policy_applied",
    [EVENT_POLICY_REFUSED] = "policy_refused",
    [EVENT_GATEWAY_STARTED] = "gateway_started",
    [EVENT_GATEWAY_STOPPED] = "gateway_stopped",
    [EVENT_EVENTS_LOST] = "events_lost",
};

const char *event_kind_name(enum event_kind kind)
{
    return kind_words[kind];
}
