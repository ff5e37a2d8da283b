/* One chip, one line: what the boards of the kernel's GPIO need of libgpiod.
 *
 * gpiod_v1.c and gpiod_v2.c say the same through two versions of that library;
 * the Makefile takes one of them, and nothing else knows which. Where a function
 * fails it says why in errno, as the kernel put it. */
#ifndef HAL_GPIOD_LINE_H
#define HAL_GPIOD_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "input.h"
#include "relay.h"

struct gpio_chip; /* an open chip */
struct gpio_line; /* a line that is taken; it lives no longer than its chip is open */

/* What the kernel calls the chips of this machine: "gpiochip" and a number, in
 * no order. Returns how many; -1 when they cannot be looked through. */
#define GPIO_CHIPS_MAX 256 /* the kernel has no more */
#define GPIO_CHIP_NAME_MAX 16
int gpio_chip_names(char names[GPIO_CHIPS_MAX][GPIO_CHIP_NAME_MAX]);

/* Owned; NULL on failure. */
struct gpio_chip *gpio_chip_open(const char *path);
void gpio_chip_close(struct gpio_chip *chip);

/* As they were when the chip was opened; borrowed from it. */
const char *gpio_chip_name(const struct gpio_chip *chip);
const char *gpio_chip_label(const struct gpio_chip *chip);
unsigned gpio_chip_lines(const struct gpio_chip *chip);

/* Copies the name of a line, and the name of who holds it now; "" for none.
 * False on failure. */
bool gpio_line_name(struct gpio_chip *chip, unsigned offset, char name[HAL_NAME_MAX]);
bool gpio_line_holder(struct gpio_chip *chip, unsigned offset, char holder[HAL_NAME_MAX]);

struct gpio_request {
    const char *user; /* shown to those who ask who holds the line; the kernel cuts it */
    bool active_low;
    bool output;
    bool active;          /* of an output: the level it is taken at */
    enum input_bias bias; /* of an input; it reports both edges */
};

/* Takes a line in one call of the kernel. Owned; NULL on failure. */
struct gpio_line *gpio_line_take(struct gpio_chip *chip, unsigned offset,
                                 const struct gpio_request *request);
/* Gives a line back, and closes its descriptor. */
void gpio_line_release(struct gpio_line *line);

/* False on failure; levels are after active_low. */
bool gpio_line_get(struct gpio_line *line, bool *active);
bool gpio_line_set(struct gpio_line *line, bool active);

/* Polls readable when edges of an input wait. Borrowed. */
int gpio_line_fd(struct gpio_line *line);

struct gpio_edge {
    bool active;
    int64_t at_ns; /* CLOCK_MONOTONIC, on kernels from 5.7 */
};

#define GPIO_EDGES_MAX 16 /* as many as the kernel keeps for a line */

/* The kernel drops edges that nobody fetches. One interface of it drops the
 * newest, so that there may be some behind those read; the other the oldest, so
 * that there were some before them. */
enum gpio_loss { GPIO_LOSS_NONE, GPIO_LOSS_BEHIND, GPIO_LOSS_BEFORE };

/* Fetches the edges that wait; waits itself if there are none, so poll first.
 * Allocates nothing. Returns how many, -1 on failure. */
int gpio_line_edges(struct gpio_line *line, struct gpio_edge edge[GPIO_EDGES_MAX],
                    enum gpio_loss *loss);

#endif
