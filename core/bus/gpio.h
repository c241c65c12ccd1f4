/*
 * Digital inputs and outputs. Inputs tell their edges: by the kernel's own stamps, on the loop,
 * without polling.
 *
 * No pulse is lost: the kernel numbers the edges of a line, so those that it had no room for, while
 * the loop was busy, are missing in number only and are counted all the same. Bouncing contacts are
 * the kernel's matter too; where a driver refuses, the debouncing is done here, from the same edges:
 * the line has to be at rest for that long, and the time told is that of the last edge before.
 *
 * Loop thread only. An input or output that is closed calls nothing back.
 */
#ifndef NEAP_CORE_GPIO_H
#define NEAP_CORE_GPIO_H

#include "core/base/clock.h"
#include "core/bus/gpio_line.h"

#include <uv.h>

enum gpio_edge { GPIO_NO_EDGE, GPIO_RISING, GPIO_FALLING, GPIO_BOTH };

struct gpio_input_params {
	struct gpio_line line;
	enum gpio_edge edge; /* rising: it becomes active */
	int64_t debounce_ms; /* 0: none; 4,000 s at most */
};

struct gpio_event {
	bool active;       /* after the edge */
	uint32_t edges;    /* this one and those before it that there was no room for */
	struct stamp time; /* of the edge */
};

/* event NULL: the line is gone (its chip was unplugged), and err says so; there comes no more. */
typedef void gpio_event_fn(void *ctx, const struct gpio_event *event, const struct err *err);

struct gpio_input;
struct gpio_output;

/* on_event: for an edge; the input may be closed from it. */
struct gpio_input *gpio_input_open(uv_loop_t *loop, const struct clock *clock,
    const struct gpio_input_params *params, gpio_event_fn *on_event, void *ctx, struct err *err);
int gpio_input_get(struct gpio_input *input, bool *active, struct err *err);
uint64_t gpio_input_count(const struct gpio_input *input); /* edges since it was opened */
void gpio_input_close(struct gpio_input *input);

struct gpio_output *gpio_output_open(
    const struct gpio_line *line, bool active, struct err *err); /* and sets it */
int gpio_output_set(struct gpio_output *output, bool active, struct err *err);
int gpio_output_get(struct gpio_output *output, bool *active, struct err *err);
void gpio_output_close(
    struct gpio_output *output); /* the level stays or not: the driver's choice */

#endif
