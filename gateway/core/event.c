#include "core/event.h"

#include "core/word.h"

static const char *const kind_words[EVENT_KINDS] = {
    [EVENT_ACCESS] = "access",
    [EVENT_ACCESS_TAKEN] = "access_taken",
    [EVENT_ACCESS_NOT_TAKEN] = "access_not_taken",
    [EVENT_REQUEST_TO_EXIT] = "request_to_exit",
    [EVENT_DOOR_OPENED] = "door_opened",
    [EVENT_DOOR_CLOSED] = "door_closed",
    [EVENT_DOOR_FORCED] = "door_forced",
    [EVENT_DOOR_HELD_OPEN] = "door_held_open",
    [EVENT_DOOR_HELD_CLEARED] = "door_held_cleared",
    [EVENT_DOOR_MODE] = "door_mode",
    [EVENT_TAMPER] = "tamper",
    [EVENT_DURESS] = "duress",
    [EVENT_FIRE] = "fire",
    [EVENT_COMMAND] = "command",
    [EVENT_RELAY_FAULT] = "relay_fault",
    [EVENT_READER_OFFLINE] = "reader_offline",
    [EVENT_READER_ONLINE] = "reader_online",
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

enum gh_err event_kind_parse(enum event_kind *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, kind_words, EVENT_KINDS, word);
    if (err == GH_OK)
        *out = (enum event_kind)i;
    return err;
}

bool event_kind_is_alarm(enum event_kind kind)
{
    switch (kind) {
    case EVENT_DOOR_FORCED:
    case EVENT_DOOR_HELD_OPEN:
    case EVENT_TAMPER:
    case EVENT_DURESS:
    case EVENT_FIRE:
    case EVENT_RELAY_FAULT:
    case EVENT_READER_OFFLINE:
    case EVENT_RETAINED_REFUSED:
    case EVENT_LOST_CREDENTIAL:
    case EVENT_JOURNAL_FAULT:
    case EVENT_POLICY_REFUSED:
    case EVENT_EVENTS_LOST: return true;
    case EVENT_ACCESS:
    case EVENT_ACCESS_TAKEN:
    case EVENT_ACCESS_NOT_TAKEN:
    case EVENT_REQUEST_TO_EXIT:
    case EVENT_DOOR_OPENED:
    case EVENT_DOOR_CLOSED:
    case EVENT_DOOR_HELD_CLEARED:
    case EVENT_DOOR_MODE:
    case EVENT_COMMAND:
    case EVENT_READER_ONLINE:
    case EVENT_READER_FLOODING:
    case EVENT_CLOUD_OFFLINE:
    case EVENT_CLOUD_ONLINE:
    case EVENT_CLOCK_STEP:
    case EVENT_POLICY_APPLIED:
    case EVENT_GATEWAY_STARTED:
    case EVENT_GATEWAY_STOPPED: break;
    }
    return false;
}
