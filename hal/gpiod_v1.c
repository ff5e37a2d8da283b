/* Chips and lines through libgpiod 1.x (Debian 12), and the kernel's first
 * interface for lines. */
#include "gpiod_line.h"

#include <gpiod.h>
#include <stdio.h>
#include <stdlib.h>

struct gpio_chip {
    struct gpiod_chip *theirs; /* owned */
};

struct gpio_line {
    struct gpiod_line *theirs; /* borrowed from the chip */
};

struct gpio_chip *gpio_chip_open(const char *path)
{
    struct gpio_chip *chip = malloc(sizeof *chip);
    if (!chip)
        return NULL;
    chip->theirs = gpiod_chip_open(path);
    if (chip->theirs)
        return chip;
    free(chip);
    return NULL;
}

void gpio_chip_close(struct gpio_chip *chip)
{
    gpiod_chip_close(chip->theirs);
    free(chip);
}

const char *gpio_chip_name(const struct gpio_chip *chip)
{
    return gpiod_chip_name(chip->theirs);
}

const char *gpio_chip_label(const struct gpio_chip *chip)
{
    return gpiod_chip_label(chip->theirs);
}

unsigned gpio_chip_lines(const struct gpio_chip *chip)
{
    return gpiod_chip_num_lines(chip->theirs);
}

static void copy_name(char out[HAL_NAME_MAX], const char *name)
{
    snprintf(out, HAL_NAME_MAX, "%s", name ? name : "");
}

bool gpio_line_name(struct gpio_chip *chip, unsigned offset, char name[HAL_NAME_MAX])
{
    struct gpiod_line *line = gpiod_chip_get_line(chip->theirs, offset);
    if (line)
        copy_name(name, gpiod_line_name(line));
    return line;
}

bool gpio_line_holder(struct gpio_chip *chip, unsigned offset, char holder[HAL_NAME_MAX])
{
    struct gpiod_line *line = gpiod_chip_get_line(chip->theirs, offset);
    /* The library remembers who held it when it was last looked at. */
    if (!line || gpiod_line_update(line) != 0)
        return false;
    copy_name(holder, gpiod_line_consumer(line));
    return true;
}

static int flags_of(const struct gpio_request *request)
{
    int flags = request->active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
    switch (request->bias) {
    case INPUT_BIAS_AS_IS: break;
    case INPUT_BIAS_PULL_UP: flags |= GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP; break;
    case INPUT_BIAS_PULL_DOWN: flags |= GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN; break;
    }
    return flags;
}

static bool request_line(struct gpiod_line *line, const struct gpio_request *request)
{
    int flags = flags_of(request);
    int refused = request->output
                      ? gpiod_line_request_output_flags(line, request->user, flags, request->active)
                      : gpiod_line_request_both_edges_events_flags(line, request->user, flags);
    return refused == 0;
}

struct gpio_line *gpio_line_take(struct gpio_chip *chip, unsigned offset,
                                 const struct gpio_request *request)
{
    struct gpio_line *line = malloc(sizeof *line);
    if (!line)
        return NULL;
    line->theirs = gpiod_chip_get_line(chip->theirs, offset);
    if (line->theirs && request_line(line->theirs, request))
        return line;
    free(line);
    return NULL;
}

void gpio_line_release(struct gpio_line *line)
{
    gpiod_line_release(line->theirs);
    free(line);
}

bool gpio_line_get(struct gpio_line *line, bool *active)
{
    int value = gpiod_line_get_value(line->theirs);
    if (value < 0)
        return false;
    *active = value == 1;
    return true;
}

bool gpio_line_set(struct gpio_line *line, bool active)
{
    return gpiod_line_set_value(line->theirs, active) == 0;
}

int gpio_line_fd(struct gpio_line *line)
{
    return gpiod_line_event_get_fd(line->theirs);
}

int gpio_line_edges(struct gpio_line *line, struct gpio_edge edge[GPIO_EDGES_MAX],
                    enum gpio_loss *loss)
{
    struct gpiod_line_event event[GPIO_EDGES_MAX];
    int n = gpiod_line_event_read_multiple(line->theirs, event, GPIO_EDGES_MAX);
    for (int i = 0; i < n; i++)
        edge[i] = (struct gpio_edge){
            .active = event[i].event_type == GPIOD_LINE_EVENT_RISING_EDGE,
            .at_ns = (int64_t)event[i].ts.tv_sec * 1000000000 + event[i].ts.tv_nsec,
        };
    /* Nothing counts them; only a full buffer says that newer ones may be lost. */
    *loss = n == GPIO_EDGES_MAX ? GPIO_LOSS_BEHIND : GPIO_LOSS_NONE;
    return n;
}
