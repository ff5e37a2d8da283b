#include "app/config_values.h"

#include <arpa/inet.h>

#include "app/config.h"

const char *config_set_id(void *field, struct slice value)
{
    return id_set(field, value) ? "must be 1-64 characters of A-Z a-z 0-9 . _ : -" : NULL;
}

static bool copy_text(char *out, size_t size, struct slice value)
{
    if (value.len == 0 || value.len >= size)
        return false;
    memcpy(out, value.ptr, value.len);
    out[value.len] = '\0';
    return true;
}

const char *config_set_path(void *field, struct slice value)
{
    if (value.len == 0 || value.ptr[0] != '/' || !copy_text(field, CONFIG_PATH_MAX, value))
        return "must be an absolute path of at most 255 bytes";
    return NULL;
}

const char *config_set_address(void *field, struct slice value)
{
    char text[64];
    unsigned char parsed[16];
    if (!copy_text(text, sizeof text, value) ||
        (inet_pton(AF_INET, text, parsed) != 1 && inet_pton(AF_INET6, text, parsed) != 1))
        return "must be a numeric address such as 127.0.0.1: a name lookup could block";
    memcpy(field, text, sizeof text);
    return NULL;
}

static bool parse_number(struct slice value, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    if (value.len == 0 || value.len > 19)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    *out = n;
    return n <= max;
}

const char *config_set_port(void *field, struct slice value)
{
    uint64_t n;
    if (!parse_number(value, 65535, &n) || n == 0)
        return "must be a port from 1 to 65535";
    *(int *)field = (int)n;
    return NULL;
}

const char *config_set_rate(void *field, struct slice value)
{
    uint64_t n;
    if (!parse_number(value, 10000, &n) || n == 0)
        return "must be a number from 1 to 10000";
    *(int *)field = (int)n;
    return NULL;
}

const char *config_set_cap(void *field, struct slice value)
{
    uint64_t n;
    if (!parse_number(value, 10000, &n))
        return "must be a number from 0 to 10000";
    *(int *)field = (int)n;
    return NULL;
}

const char *config_set_word(void *field, struct slice value)
{
    return copy_text(field, 128, value) ? NULL : "must be 1-127 bytes";
}

const char *config_set_url(void *field, struct slice value)
{
    const char scheme[] = "https://";
    size_t n = sizeof scheme - 1;
    if (value.len <= n || memcmp(value.ptr, scheme, n) != 0 ||
        memchr(value.ptr + n, '/', value.len - n) || !copy_text(field, CONFIG_PATH_MAX, value))
        return "must be https://HOST or https://HOST:PORT, without a path";
    return NULL;
}

const char *config_set_signature(void *field, struct slice value)
{
    bool *is_unsigned = field;
    *is_unsigned = slice_is(value, "unsigned");
    return *is_unsigned ? NULL : "must be unsigned, or left out: then policy_key_file is needed";
}

const char *config_set_events(void *field, struct slice value)
{
    uint64_t n;
    if (!parse_number(value, 100000000, &n) || n < 1000)
        return "must be a number from 1000 to 100000000";
    *(uint64_t *)field = n;
    return NULL;
}

/* CHIP:LINE; the last colon divides, as labels may hold one. */
const char *config_set_line(void *field, struct slice value)
{
    struct hal_line *line = field;
    const char *colon = NULL;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == ':')
            colon = value.ptr + i;
    size_t chip = colon ? (size_t)(colon - value.ptr) : 0;
    if (!colon || !copy_text(line->chip, sizeof line->chip, slice_make(value.ptr, chip)) ||
        !copy_text(line->line, sizeof line->line, slice_make(colon + 1, value.len - chip - 1)))
        return "must be CHIP:LINE, such as gpiochip0:17 or pinctrl-bcm2835:GPIO17";
    return NULL;
}

static struct slice next_word(struct slice *rest)
{
    size_t from = 0, to;
    while (from < rest->len && (rest->ptr[from] == ' ' || rest->ptr[from] == '\t'))
        from++;
    to = from;
    while (to < rest->len && rest->ptr[to] != ' ' && rest->ptr[to] != '\t')
        to++;
    struct slice word = slice_make(rest->ptr + from, to - from);
    *rest = slice_make(rest->ptr + to, rest->len - to);
    return word;
}

/* "debounce=MS" */
static bool take_debounce(struct slice word, int *ms)
{
    static const char name[] = "debounce=";
    const size_t len = sizeof name - 1;
    uint64_t n;
    if (word.len <= len || memcmp(word.ptr, name, len) != 0 ||
        !parse_number(slice_make(word.ptr + len, word.len - len), 1000, &n))
        return false;
    *ms = (int)n;
    return true;
}

/* CHIP:LINE normally_closed|normally_open [to_ground|to_supply] [no_pull] [debounce=MS].
 * A label may hold colons and spaces: words are what stands behind the last colon. */
const char *config_set_input(void *field, struct slice value)
{
    static const char allowed[] =
        "must be CHIP:LINE normally_closed|normally_open, then if need be to_ground or to_supply, "
        "no_pull, debounce=MS (0 to 1000)";
    struct config_input in = {.debounce_ms = CONFIG_DEBOUNCE_MS};
    bool said_normal = false, to_supply = false, no_pull = false;
    size_t colon = value.len;
    while (colon > 0 && value.ptr[colon - 1] != ':')
        colon--;
    struct slice rest = slice_make(value.ptr + colon, value.len - colon);
    struct slice line = next_word(&rest), word;
    if (colon == 0 ||
        config_set_line(&in.line, slice_make(value.ptr, (size_t)(line.ptr + line.len - value.ptr))))
        return allowed;
    while ((word = next_word(&rest)).len > 0) {
        bool is_closed = slice_is(word, "normally_closed");
        if (is_closed || slice_is(word, "normally_open")) {
            if (said_normal)
                return allowed;
            said_normal = true;
            in.normally_closed = is_closed;
        } else if (slice_is(word, "to_supply")) {
            to_supply = true;
        } else if (slice_is(word, "no_pull")) {
            no_pull = true;
        } else if (!slice_is(word, "to_ground") && !take_debounce(word, &in.debounce_ms)) {
            return allowed;
        }
    }
    if (!said_normal)
        return allowed;
    /* A closed circuit pulls the wire to where it leads; an open one leaves it to the
     * resistor. Active is what is not normal. */
    in.line.active_low = in.normally_closed ? to_supply : !to_supply;
    in.bias = no_pull ? INPUT_BIAS_AS_IS : to_supply ? INPUT_BIAS_PULL_DOWN : INPUT_BIAS_PULL_UP;
    *(struct config_input *)field = in;
    return NULL;
}

/* Words as in commands; their bits are the numbers of enum command_action. */
const char *config_set_actions(void *field, struct slice value)
{
    static const char *const words[] = {"release",  "hold_open", "lock",
                                        "restore",  "lockdown",  "lockdown_release",
                                        "forgive_antipassback", "present"};
    struct config_panel *panel = field;
    struct slice word;
    panel->actions = 0;
    while ((word = next_word(&value)).len > 0) {
        size_t i = 0;
        while (i < sizeof words / sizeof words[0] && !slice_is(word, words[i]))
            i++;
        if (i == sizeof words / sizeof words[0])
            panel->actions = 0;
        if (i == sizeof words / sizeof words[0])
            break;
        panel->actions |= 1u << i;
    }
    return panel->actions ? NULL
                          : "must be some of: release hold_open lock restore lockdown "
                            "lockdown_release forgive_antipassback present";
}

const char *config_set_panel_doors(void *field, struct slice value)
{
    static const char allowed[] = "must be all, or up to 32 ids of doors with blanks between them";
    struct config_panel *panel = field;
    struct slice word;
    if (slice_is(value, "all")) {
        panel->all_doors = true;
        return NULL;
    }
    size_t n = 0;
    while ((word = next_word(&value)).len > 0)
        if (n == CONFIG_PANEL_DOORS_MAX || id_set(&panel->door[n++], word) != GH_OK)
            return allowed;
    panel->n_doors = n;
    return n > 0 ? NULL : allowed;
}

const char *config_set_pulse(void *field, struct slice value)
{
    uint64_t n;
    if (!parse_number(value, 10000, &n) || n < 50)
        return "must be a number of milliseconds from 50 to 10000";
    *(int *)field = (int)n;
    return NULL;
}

const char *config_set_yes(void *field, struct slice value)
{
    bool *yes = field;
    *yes = slice_is(value, "yes");
    return *yes || slice_is(value, "no") ? NULL : "must be yes or no";
}

const char *config_set_active(void *field, struct slice value)
{
    struct hal_line *line = field;
    line->active_low = slice_is(value, "low");
    return line->active_low || slice_is(value, "high") ? NULL : "must be high or low";
}

const char *config_set_lock(void *field, struct slice value)
{
    enum lock_kind *lock = field;
    *lock = slice_is(value, "fail_safe") ? LOCK_FAIL_SAFE : LOCK_FAIL_SECURE;
    return *lock == LOCK_FAIL_SAFE || slice_is(value, "fail_secure")
               ? NULL
               : "must be fail_secure (strike) or fail_safe (maglock)";
}

const char *config_set_freshness(void *field, struct slice value)
{
    enum freshness_mode *mode = field;
    if (slice_is(value, "age"))
        *mode = FRESHNESS_AGE;
    else if (slice_is(value, "tick"))
        *mode = FRESHNESS_TICK;
    else if (slice_is(value, "arrival"))
        *mode = FRESHNESS_ARRIVAL;
    else
        return "must be tick, age or arrival";
    return NULL;
}
