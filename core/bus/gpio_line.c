#include "core/bus/gpio_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { CHIPS_MAX = 128 };

#define CONSUMER "neap"

/* Where a line is. */
struct place {
	int chip; /* a descriptor; -1: not found */
	int number;
	uint32_t offset;
};

static int open_chip(int number)
{
	char path[32];

	(void)snprintf(path, sizeof path, "/dev/gpiochip%d", number);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int cannot_open(const struct gpio_line *line, int number, int errnum, struct err *err)
{
	return err_sys(err, errnum, "GPIO line %s: cannot open /dev/gpiochip%d%s", line->name, number,
	    errnum == EACCES ? " (add neap's user to the group that owns it)" : "");
}

/* --- by chip and offset --- */

/* "gpiochip0:12", "/dev/gpiochip0:12" */
static bool parse_place(const char *name, struct place *place)
{
	static const char dev[] = "/dev/";
	static const char chip[] = "gpiochip";
	char *end;

	if (strncmp(name, dev, sizeof dev - 1) == 0)
		name += sizeof dev - 1;
	if (strncmp(name, chip, sizeof chip - 1) != 0)
		return false;
	name += sizeof chip - 1;
	unsigned long number = strtoul(name, &end, 10);
	if (end == name || *end != ':' || number >= CHIPS_MAX)
		return false;
	name = end + 1;
	unsigned long offset = strtoul(name, &end, 10);
	if (end == name || *end != '\0' || offset > UINT16_MAX)
		return false;
	place->number = (int)number;
	place->offset = (uint32_t)offset;
	return true;
}

static int find_by_place(const struct gpio_line *line, struct place *place, struct err *err)
{
	struct gpiochip_info info = {0};

	place->chip = open_chip(place->number);
	if (place->chip < 0)
		return cannot_open(line, place->number, errno, err);
	int rc = ioctl(place->chip, GPIO_GET_CHIPINFO_IOCTL, &info);
	if (rc == 0 && place->offset < info.lines)
		return 0;
	if (rc < 0)
		(void)err_sys(err, errno, "GPIO line %s: gpiochip%d tells nothing about itself", line->name,
		    place->number);
	else
		(void)err_set(err, "GPIO line %s: gpiochip%d has lines 0 to %d", line->name, place->number,
		    (int)info.lines - 1);
	(void)close(place->chip);
	return -1;
}

/* --- by name --- */

/* 1: found once more; 0: not there; -1: found twice, err says where. */
static int search_chip(
    const struct gpio_line *line, int number, int chip, struct place *found, struct err *err)
{
	struct gpiochip_info info = {0};
	bool here = false;

	if (ioctl(chip, GPIO_GET_CHIPINFO_IOCTL, &info) < 0)
		return 0;
	for (uint32_t i = 0; i < info.lines; i++) {
		struct gpio_v2_line_info of = {.offset = i};

		if (ioctl(chip, GPIO_V2_GET_LINEINFO_IOCTL, &of) < 0 ||
		    strncmp(of.name, line->name, sizeof of.name) != 0)
			continue;
		if (found->chip >= 0)
			return err_set(err,
			    "two GPIO lines have the name %s: gpiochip%d:%u and gpiochip%d:%u; use one of "
			    "these "
			    "instead",
			    line->name, found->number, found->offset, number, i);
		*found = (struct place){.chip = chip, .number = number, .offset = i};
		here = true;
	}
	return here ? 1 : 0;
}

static int not_found(const struct gpio_line *line, int chips, int denied, struct err *err)
{
	if (denied >= 0)
		return cannot_open(line, denied, EACCES, err);
	if (chips == 0)
		return err_set(err,
		    "GPIO line %s: there is no /dev/gpiochip0; has the kernel GPIO support, "
		    "and its character device?",
		    line->name);
	return err_set(err,
	    "no GPIO line has the name %s; `gpioinfo` lists them, gpiochip0:3 names one by its place",
	    line->name);
}

static int find_by_name(const struct gpio_line *line, struct place *found, struct err *err)
{
	int chips = 0;
	int denied = -1;

	found->chip = -1;
	for (int number = 0; number < CHIPS_MAX; number++) {
		int chip = open_chip(number);
		if (chip < 0) {
			denied = errno == EACCES ? number : denied;
			continue;
		}
		chips++;
		int rc = search_chip(line, number, chip, found, err);
		if (found->chip != chip)
			(void)close(chip);
		if (rc < 0) {
			(void)close(found->chip);
			return -1;
		}
	}
	return found->chip >= 0 ? 0 : not_found(line, chips, denied, err);
}

/* --- requesting --- */

static uint64_t line_flags(const struct gpio_line *line)
{
	static const uint64_t bias[] = {
	    0,
	    GPIO_V2_LINE_FLAG_BIAS_PULL_UP,
	    GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN,
	    GPIO_V2_LINE_FLAG_BIAS_DISABLED,
	};

	return bias[line->bias] | (line->active_low ? GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0);
}

static void fill(struct gpio_v2_line_request *request, const struct place *place,
    const struct gpio_line *line, const struct gpio_request *wish)
{
	struct gpio_v2_line_config *config = &request->config;

	request->offsets[0] = place->offset;
	request->num_lines = 1;
	request->event_buffer_size = wish->buffer;
	(void)strcpy(request->consumer, CONSUMER);
	config->flags = wish->flags | line_flags(line);
	if ((wish->flags & GPIO_V2_LINE_FLAG_OUTPUT) != 0) {
		config->attrs[config->num_attrs++] = (struct gpio_v2_line_config_attribute){
		    .attr = {.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES, .values = wish->active},
		    .mask = 1,
		};
	}
	if (wish->debounce_us > 0) {
		config->attrs[config->num_attrs++] = (struct gpio_v2_line_config_attribute){
		    .attr = {.id = GPIO_V2_LINE_ATTR_ID_DEBOUNCE, .debounce_period_us = wish->debounce_us},
		    .mask = 1,
		};
	}
}

static int refused(
    const struct gpio_line *line, const struct place *place, int errnum, struct err *err)
{
	struct gpio_v2_line_info info = {.offset = place->offset};

	if (errnum == EBUSY && ioctl(place->chip, GPIO_V2_GET_LINEINFO_IOCTL, &info) == 0)
		return err_sys(err, errnum, "GPIO line %s (gpiochip%d:%u) is used by \"%.*s\"", line->name,
		    place->number, place->offset, (int)sizeof info.consumer, info.consumer);
	return err_sys(err, errnum, "GPIO line %s (gpiochip%d:%u) cannot be had%s", line->name,
	    place->number, place->offset,
	    errnum == ENOTTY || errnum == ENOSYS ? " (Linux 5.10 is needed)" : "");
}

int gpio_line_request(
    const struct gpio_line *line, const struct gpio_request *request, struct err *err)
{
	struct place place = {.chip = -1};
	struct gpio_v2_line_request to_kernel = {0};

	int rc = parse_place(line->name, &place) ? find_by_place(line, &place, err)
	                                         : find_by_name(line, &place, err);
	if (rc < 0)
		return -1;
	fill(&to_kernel, &place, line, request);
	rc = ioctl(place.chip, GPIO_V2_GET_LINE_IOCTL, &to_kernel);
	if (rc < 0)
		(void)refused(line, &place, errno, err);
	(void)close(place.chip);
	if (rc < 0)
		return -1;
	(void)fcntl(to_kernel.fd, F_SETFL, O_NONBLOCK); /* it is close-on-exec already */
	return to_kernel.fd;
}

int gpio_line_get(int fd, const char *name, bool *active, struct err *err)
{
	struct gpio_v2_line_values values = {.mask = 1};

	if (ioctl(fd, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) < 0)
		return err_sys(err, errno, "GPIO line %s cannot be read", name);
	*active = (values.bits & 1) != 0;
	return 0;
}

int gpio_line_set(int fd, const char *name, bool active, struct err *err)
{
	struct gpio_v2_line_values values = {.mask = 1, .bits = active};

	if (ioctl(fd, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) < 0)
		return err_sys(err, errno, "GPIO line %s cannot be set", name);
	return 0;
}
