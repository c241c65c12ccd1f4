/*
 * GPIO lines by the kernel's character device, uAPI v2 (linux/gpio.h; Linux 5.10 and later): finding
 * one, asking the kernel for it, reading and setting it. No thread of its own, nothing blocks.
 *
 * A line is named as the device tree names it ("DI1": all chips are searched, two of that name are an
 * error) or by chip and offset ("gpiochip0:12").
 */
#ifndef NEAP_CORE_GPIO_LINE_H
#define NEAP_CORE_GPIO_LINE_H

#include "core/base/err.h"

#include <linux/gpio.h>
#include <stdbool.h>
#include <stdint.h>

enum gpio_bias { GPIO_BIAS_AS_IS, GPIO_PULL_UP, GPIO_PULL_DOWN, GPIO_BIAS_OFF };

struct gpio_line {
	const char *name;
	bool active_low; /* "on" is the low level; edges and values follow */
	enum gpio_bias bias;
};

struct gpio_request {
	uint64_t flags; /* GPIO_V2_LINE_FLAG_...; the line's own are added */
	bool active;    /* an output's first value */
	uint32_t debounce_us;
	uint32_t buffer; /* events that the kernel keeps for us */
};

/* The descriptor of the requested line, which does not block, or -1. Without the right to debounce
 * (err->code -EINVAL, -ENOTSUP) the caller may try without. */
int gpio_line_request(
    const struct gpio_line *line, const struct gpio_request *request, struct err *err);
int gpio_line_get(int fd, const char *name, bool *active, struct err *err);
int gpio_line_set(int fd, const char *name, bool active, struct err *err);

#endif
