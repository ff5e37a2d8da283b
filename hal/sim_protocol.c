/* The words that observers and the simulated board exchange; hal/README.md has
 * the protocol for those who write the other end. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "line_text.h"
#include "sim_parts.h"

#define WORDS_MAX 4
#define WORD_ROOM 64

static const char *on_off(bool on)
{
    return on ? "on" : "off";
}

/* All parts of a line are bounded, so that it always fits. */
static size_t length_of(int printed)
{
    return printed < 0 ? 0 : printed >= SIM_LINE_MAX ? SIM_LINE_MAX - 1 : (size_t)printed;
}

size_t sim_line_relay(const struct hal_sim *sim, int index, char out[SIM_LINE_MAX])
{
    const struct sim_relay *r = &sim->relay[index];
    return length_of(snprintf(out, SIM_LINE_MAX, "relay %d %s %" PRId64 " %s\n", index,
                              on_off(r->energized), r->at_ns, r->name));
}

size_t sim_line_input(const struct hal_sim *sim, int index, char out[SIM_LINE_MAX])
{
    const struct sim_input *in = &sim->input[index];
    return length_of(snprintf(out, SIM_LINE_MAX, "input %d %s %" PRId64 " %s\n", index,
                              on_off(in->wire), in->at_ns, in->name));
}

size_t sim_line_gone(const struct hal_sim *sim, int64_t at_ns, char out[SIM_LINE_MAX])
{
    return length_of(
        snprintf(out, SIM_LINE_MAX, "fault gone %s %" PRId64 "\n", on_off(sim->gone), at_ns));
}

size_t sim_line_stuck(const struct hal_sim *sim, int index, int64_t at_ns, char out[SIM_LINE_MAX])
{
    return length_of(snprintf(out, SIM_LINE_MAX, "fault stuck %d %s %" PRId64 "\n", index,
                              on_off(sim->relay[index].stuck), at_ns));
}

void sim_send_state(struct hal_sim *sim, struct sim_observer *to)
{
    char text[SIM_LINE_MAX];
    int64_t now_ns = input_bank_now_ns();
    for (int i = 0; i < sim->n_relays; i++)
        sim_send(sim, to, text, sim_line_relay(sim, i, text));
    for (int i = 0; i < sim->n_inputs; i++)
        sim_send(sim, to, text, sim_line_input(sim, i, text));
    if (sim->gone)
        sim_send(sim, to, text, sim_line_gone(sim, now_ns, text));
    for (int i = 0; i < sim->n_relays; i++)
        if (sim->relay[i].stuck)
            sim_send(sim, to, text, sim_line_stuck(sim, i, now_ns, text));
}

/* Cuts a line at its single spaces. -1 if there are too many words, an empty
 * or long one, or a byte that is not printable ASCII. */
static int split(const char *line, size_t len, char word[WORDS_MAX][WORD_ROOM])
{
    int n = 0;
    size_t at = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || line[i] == ' ') {
            if (at == 0)
                return -1;
            word[n++][at] = '\0';
            at = 0;
        } else if (n == WORDS_MAX || at == WORD_ROOM - 1 || line[i] < 0x21 || line[i] > 0x7e) {
            return -1;
        } else {
            word[n][at++] = line[i];
        }
    }
    return n;
}

static bool parse_on_off(const char *word, bool *out)
{
    *out = strcmp(word, "on") == 0;
    return *out || strcmp(word, "off") == 0;
}

/* A number below n, in digits only. */
static bool parse_index(const char *word, int n, int *out)
{
    int value = 0;
    size_t len = strlen(word);
    if (len == 0 || len > 6)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (word[i] < '0' || word[i] > '9')
            return false;
        value = value * 10 + (word[i] - '0');
    }
    if (value >= n)
        return false;
    *out = value;
    return true;
}

static void refuse(struct hal_sim *sim, struct sim_observer *to, const char *text)
{
    char line[SIM_LINE_MAX];
    sim_send(sim, to, line, length_of(snprintf(line, sizeof line, "error %s\n", text)));
}

static void refuse_number(struct hal_sim *sim, struct sim_observer *to, const char *what, int n)
{
    char text[SIM_LINE_MAX / 2];
    if (n == 0)
        snprintf(text, sizeof text, "no such %s: the board has none", what);
    else
        snprintf(text, sizeof text, "no such %s: the board has 0 to %d", what, n - 1);
    refuse(sim, to, text);
}

void sim_obey(struct hal_sim *sim, struct sim_observer *from, const char *line, size_t len)
{
    char word[WORDS_MAX][WORD_ROOM];
    int n = split(line, len, word);
    int index;
    bool on;
    if (n == 3 && strcmp(word[0], "input") == 0 && parse_on_off(word[2], &on)) {
        if (parse_index(word[1], sim->n_inputs, &index))
            sim_input_drive(sim, index, on);
        else
            refuse_number(sim, from, "input", sim->n_inputs);
    } else if (n == 3 && strcmp(word[0], "fault") == 0 && strcmp(word[1], "gone") == 0 &&
               parse_on_off(word[2], &on)) {
        sim_set_gone(sim, on);
    } else if (n == 4 && strcmp(word[0], "fault") == 0 && strcmp(word[1], "stuck") == 0 &&
               parse_on_off(word[3], &on)) {
        if (parse_index(word[2], sim->n_relays, &index))
            sim_set_stuck(sim, index, on);
        else
            refuse_number(sim, from, "relay", sim->n_relays);
    } else if (n == 2 && strcmp(word[0], "sync") == 0) {
        char text[SIM_LINE_MAX];
        sim_send(sim, from, text, length_of(snprintf(text, sizeof text, "sync %s\n", word[1])));
    } else {
        refuse(sim, from,
               "not understood: say input N on|off, fault gone on|off, "
               "fault stuck N on|off or sync WORD");
    }
}
