#include "core/bus/gpio.h"

#include "core/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	KERNEL_EVENTS = 256, /* that the kernel keeps: 12 KB of it */
	READ_EVENTS = 16,
	READS_MAX = 16, /* at one go: the loop has others to serve */
};

struct gpio_input {
	const struct clock *clock;
	char *name;
	enum gpio_edge edge;
	gpio_event_fn *on_event;
	void *ctx;
	int fd;
	uv_poll_t poll;
	uv_timer_t rest; /* of our own debouncing */
	int64_t rest_ms; /* 0: the kernel does it */
	int handles;
	bool closed;
	uint32_t seqno; /* of the last edge */
	uint64_t count;
	bool active;           /* our own debouncing: as last told */
	struct stamp moved_at; /* and its last edge */
};

struct gpio_output {
	char *name;
	int fd;
};

/* --- edges --- */

static void tell(struct gpio_input *input, bool active, uint32_t edges, struct stamp time)
{
	const struct gpio_event event = {.active = active, .edges = edges, .time = time};

	input->count += edges;
	input->on_event(input->ctx, &event, NULL);
}

static void tell_gone(struct gpio_input *input, int errnum)
{
	struct err err;

	(void)uv_poll_stop(&input->poll);
	(void)uv_timer_stop(&input->rest);
	(void)err_sys(&err, errnum, "GPIO line %s is gone", input->name);
	input->on_event(input->ctx, NULL, &err);
}

static void on_rest(uv_timer_t *timer)
{
	struct gpio_input *input = timer->data;
	enum gpio_edge edge;
	struct err err;
	bool active;

	if (gpio_line_get(input->fd, input->name, &active, &err) < 0) {
		tell_gone(input, err.code);
		return;
	}
	if (active == input->active)
		return;
	input->active = active;
	edge = active ? GPIO_RISING : GPIO_FALLING;
	if (input->edge == GPIO_BOTH || input->edge == edge)
		tell(input, active, 1, input->moved_at);
}

static void on_edge(struct gpio_input *input, const struct gpio_v2_line_event *event)
{
	struct stamp time = clock_stamp_at(input->clock, (int64_t)event->timestamp_ns);
	uint32_t edges = event->line_seqno - input->seqno;

	input->seqno = event->line_seqno;
	if (input->rest_ms == 0) {
		tell(input, event->id == GPIO_V2_LINE_EVENT_RISING_EDGE, edges, time);
	} else {
		input->moved_at = time;
		(void)uv_timer_start(&input->rest, on_rest, (uint64_t)input->rest_ms, 0);
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct gpio_input *input = poll->data;
	struct gpio_v2_line_event list[READ_EVENTS];

	(void)status, (void)events; /* read tells the same */
	for (int i = 0; i < READS_MAX && !input->closed; i++) {
		ssize_t n = read(input->fd, list, sizeof list);
		if (n <= 0) {
			if (n == 0 || (errno != EAGAIN && errno != EINTR))
				tell_gone(input, n == 0 ? ENODEV : errno);
			return;
		}
		size_t count = (size_t)n / sizeof list[0];
		for (size_t j = 0; j < count && !input->closed; j++)
			on_edge(input, &list[j]);
	}
}

/* --- inputs --- */

static uint64_t edge_flags(enum gpio_edge edge)
{
	return (edge == GPIO_RISING || edge == GPIO_BOTH ? GPIO_V2_LINE_FLAG_EDGE_RISING : 0) |
	       (edge == GPIO_FALLING || edge == GPIO_BOTH ? GPIO_V2_LINE_FLAG_EDGE_FALLING : 0);
}

static int request_line(
    struct gpio_input *input, const struct gpio_input_params *params, struct err *err)
{
	struct gpio_request request = {
	    .flags = GPIO_V2_LINE_FLAG_INPUT | edge_flags(params->edge),
	    .debounce_us = (uint32_t)(params->debounce_ms * 1000),
	    .buffer = params->edge == GPIO_NO_EDGE ? 0 : KERNEL_EVENTS,
	};
	struct err why = {0};

	input->fd = gpio_line_request(&params->line, &request, &why);
	if (input->fd < 0 && request.debounce_us > 0 && params->edge != GPIO_NO_EDGE &&
	    (why.code == -EINVAL || why.code == -ENOTSUP)) {
		input->rest_ms = params->debounce_ms;
		request.debounce_us = 0;
		request.flags = GPIO_V2_LINE_FLAG_INPUT | edge_flags(GPIO_BOTH);
		input->fd = gpio_line_request(&params->line, &request, &why);
	}
	if (input->fd < 0) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	return input->rest_ms > 0 ? gpio_line_get(input->fd, input->name, &input->active, err) : 0;
}

static void input_free(struct gpio_input *input)
{
	if (input->fd >= 0)
		(void)close(input->fd);
	free(input->name);
	free(input);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct gpio_input *input = handle->data;

	if (--input->handles == 0)
		input_free(input);
}

static int watch(struct gpio_input *input, uv_loop_t *loop, struct err *err)
{
	int rc = uv_poll_init(loop, &input->poll, input->fd);

	if (rc < 0)
		return err_sys(err, rc, "GPIO line %s cannot be watched", input->name);
	must(uv_timer_init(loop, &input->rest) == 0);
	input->poll.data = input->rest.data = input;
	input->handles = 2;
	must(uv_poll_start(&input->poll, UV_READABLE, on_readable) == 0);
	return 0;
}

struct gpio_input *gpio_input_open(uv_loop_t *loop, const struct clock *clock,
    const struct gpio_input_params *params, gpio_event_fn *on_event, void *ctx, struct err *err)
{
	if (params->debounce_ms < 0 || params->debounce_ms > 4000000) {
		(void)err_set(err, "GPIO line %s cannot be debounced for so long", params->line.name);
		return NULL;
	}
	struct gpio_input *input = mem_alloc(sizeof *input);
	input->clock = clock;
	input->name = mem_strdup(params->line.name);
	input->edge = params->edge;
	input->on_event = on_event;
	input->ctx = ctx;
	if (request_line(input, params, err) == 0 &&
	    (params->edge == GPIO_NO_EDGE || watch(input, loop, err) == 0))
		return input;
	input_free(input);
	return NULL;
}

int gpio_input_get(struct gpio_input *input, bool *active, struct err *err)
{
	return gpio_line_get(input->fd, input->name, active, err);
}

uint64_t gpio_input_count(const struct gpio_input *input)
{
	return input->count;
}

void gpio_input_close(struct gpio_input *input)
{
	input->closed = true;
	if (input->handles == 0) {
		input_free(input);
		return;
	}
	uv_close((uv_handle_t *)&input->poll, on_handle_closed);
	uv_close((uv_handle_t *)&input->rest, on_handle_closed);
	/* at once, not when the loop comes round: the next one may ask for the line before that */
	(void)close(input->fd);
	input->fd = -1;
}

/* --- outputs --- */

struct gpio_output *gpio_output_open(const struct gpio_line *line, bool active, struct err *err)
{
	const struct gpio_request request = {.flags = GPIO_V2_LINE_FLAG_OUTPUT, .active = active};
	int fd = gpio_line_request(line, &request, err);

	if (fd < 0)
		return NULL;
	struct gpio_output *output = mem_alloc(sizeof *output);
	output->name = mem_strdup(line->name);
	output->fd = fd;
	return output;
}

int gpio_output_set(struct gpio_output *output, bool active, struct err *err)
{
	return gpio_line_set(output->fd, output->name, active, err);
}

int gpio_output_get(struct gpio_output *output, bool *active, struct err *err)
{
	return gpio_line_get(output->fd, output->name, active, err);
}

void gpio_output_close(struct gpio_output *output)
{
	(void)close(output->fd);
	free(output->name);
	free(output);
}
