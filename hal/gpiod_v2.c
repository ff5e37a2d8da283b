/* Chips and lines through libgpiod 2.x (Debian 13), and the kernel's second
 * interface for lines. */
#include "gpiod_line.h"

#include <errno.h>
#include <gpiod.h>
#include <stdio.h>
#include <stdlib.h>

struct gpio_chip {
    struct gpiod_chip *theirs;    /* owned */
    struct gpiod_chip_info *info; /* owned */
};

struct gpio_line {
    struct gpiod_line_request *request; /* owned; this line and no other */
    unsigned offset;
    struct gpiod_edge_event_buffer *edges; /* owned; NULL for an output */
    uint32_t last_seqno;                   /* of the newest edge that was read */
};

struct gpio_chip *gpio_chip_open(const char *path)
{
    struct gpio_chip *chip = malloc(sizeof *chip);
    if (!chip)
        return NULL;
    chip->theirs = gpiod_chip_open(path);
    if (!chip->theirs)
        goto no_chip;
    chip->info = gpiod_chip_get_info(chip->theirs);
    if (chip->info)
        return chip;
    int error = errno;
    gpiod_chip_close(chip->theirs);
    errno = error;
no_chip:
    free(chip);
    return NULL;
}

void gpio_chip_close(struct gpio_chip *chip)
{
    gpiod_chip_info_free(chip->info);
    gpiod_chip_close(chip->theirs);
    free(chip);
}

const char *gpio_chip_name(const struct gpio_chip *chip)
{
    return gpiod_chip_info_get_name(chip->info);
}

const char *gpio_chip_label(const struct gpio_chip *chip)
{
    return gpiod_chip_info_get_label(chip->info);
}

unsigned gpio_chip_lines(const struct gpio_chip *chip)
{
    return (unsigned)gpiod_chip_info_get_num_lines(chip->info);
}

/* One of the names in what the kernel says of a line now. */
static bool ask_name(struct gpio_chip *chip, unsigned offset,
                     const char *(*name_of)(struct gpiod_line_info *), char out[HAL_NAME_MAX])
{
    struct gpiod_line_info *info = gpiod_chip_get_line_info(chip->theirs, offset);
    if (!info)
        return false;
    const char *name = name_of(info);
    snprintf(out, HAL_NAME_MAX, "%s", name ? name : "");
    gpiod_line_info_free(info);
    return true;
}

bool gpio_line_name(struct gpio_chip *chip, unsigned offset, char name[HAL_NAME_MAX])
{
    return ask_name(chip, offset, gpiod_line_info_get_name, name);
}

bool gpio_line_holder(struct gpio_chip *chip, unsigned offset, char holder[HAL_NAME_MAX])
{
    return ask_name(chip, offset, gpiod_line_info_get_consumer, holder);
}

static enum gpiod_line_bias bias_of(enum input_bias bias)
{
    switch (bias) {
    case INPUT_BIAS_AS_IS: break;
    case INPUT_BIAS_PULL_UP: return GPIOD_LINE_BIAS_PULL_UP;
    case INPUT_BIAS_PULL_DOWN: return GPIOD_LINE_BIAS_PULL_DOWN;
    }
    return GPIOD_LINE_BIAS_AS_IS;
}

static bool fill_settings(struct gpiod_line_settings *s, const struct gpio_request *request)
{
    gpiod_line_settings_set_active_low(s, request->active_low);
    if (request->output)
        return gpiod_line_settings_set_direction(s, GPIOD_LINE_DIRECTION_OUTPUT) == 0 &&
               gpiod_line_settings_set_output_value(
                   s, request->active ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE) == 0;
    return gpiod_line_settings_set_direction(s, GPIOD_LINE_DIRECTION_INPUT) == 0 &&
           gpiod_line_settings_set_edge_detection(s, GPIOD_LINE_EDGE_BOTH) == 0 &&
           gpiod_line_settings_set_event_clock(s, GPIOD_LINE_CLOCK_MONOTONIC) == 0 &&
           gpiod_line_settings_set_bias(s, bias_of(request->bias)) == 0;
}

/* Everything about the line goes to the kernel in one call, its first level too. */
static struct gpiod_line_request *request_line(struct gpio_chip *chip, unsigned offset,
                                               const struct gpio_request *request)
{
    struct gpiod_line_request *taken = NULL;
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    struct gpiod_line_config *lines = gpiod_line_config_new();
    struct gpiod_request_config *config = gpiod_request_config_new();
    if (settings && lines && config && fill_settings(settings, request) &&
        gpiod_line_config_add_line_settings(lines, &offset, 1, settings) == 0) {
        gpiod_request_config_set_consumer(config, request->user);
        gpiod_request_config_set_event_buffer_size(config, GPIO_EDGES_MAX);
        taken = gpiod_chip_request_lines(chip->theirs, config, lines);
    }
    int error = errno;
    gpiod_request_config_free(config);
    gpiod_line_config_free(lines);
    gpiod_line_settings_free(settings);
    errno = error;
    return taken;
}

struct gpio_line *gpio_line_take(struct gpio_chip *chip, unsigned offset,
                                 const struct gpio_request *request)
{
    struct gpio_line *line = malloc(sizeof *line);
    if (!line)
        return NULL;
    *line = (struct gpio_line){.offset = offset};
    if (!request->output) {
        line->edges = gpiod_edge_event_buffer_new(GPIO_EDGES_MAX);
        if (!line->edges)
            goto no_edges;
    }
    line->request = request_line(chip, offset, request);
    if (line->request)
        return line;
    gpiod_edge_event_buffer_free(line->edges);
no_edges:
    free(line);
    return NULL;
}

void gpio_line_release(struct gpio_line *line)
{
    gpiod_line_request_release(line->request);
    gpiod_edge_event_buffer_free(line->edges);
    free(line);
}

bool gpio_line_get(struct gpio_line *line, bool *active)
{
    enum gpiod_line_value value = gpiod_line_request_get_value(line->request, line->offset);
    if (value == GPIOD_LINE_VALUE_ERROR)
        return false;
    *active = value == GPIOD_LINE_VALUE_ACTIVE;
    return true;
}

bool gpio_line_set(struct gpio_line *line, bool active)
{
    enum gpiod_line_value value = active ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
    return gpiod_line_request_set_value(line->request, line->offset, value) == 0;
}

int gpio_line_fd(struct gpio_line *line)
{
    return gpiod_line_request_get_fd(line->request);
}

/* The kernel numbers the edges of a line from 1, also those that it then drops.
 * Edges before a gap are worth no more than those in it. */
int gpio_line_edges(struct gpio_line *line, struct gpio_edge edge[GPIO_EDGES_MAX],
                    enum gpio_loss *loss)
{
    *loss = GPIO_LOSS_NONE;
    int read = gpiod_line_request_read_edge_events(line->request, line->edges, GPIO_EDGES_MAX);
    int n = 0;
    for (int i = 0; i < read; i++) {
        struct gpiod_edge_event *event =
            gpiod_edge_event_buffer_get_event(line->edges, (unsigned long)i);
        uint32_t seqno = (uint32_t)gpiod_edge_event_get_line_seqno(event);
        if (seqno != line->last_seqno + 1) {
            *loss = GPIO_LOSS_BEFORE;
            n = 0;
        }
        line->last_seqno = seqno;
        edge[n++] = (struct gpio_edge){
            .active = gpiod_edge_event_get_event_type(event) == GPIOD_EDGE_EVENT_RISING_EDGE,
            .at_ns = (int64_t)gpiod_edge_event_get_timestamp_ns(event),
        };
    }
    return read < 0 ? -1 : n;
}
