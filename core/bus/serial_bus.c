#include "core/bus/serial_bus.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct job {
	struct serial_exchange exchange;
	struct buf answer;
	serial_done *done;
	char bytes[]; /* what the exchange points to */
};

static void close_device(void *state)
{
	serial_free(state);
}

struct bus *serial_bus_open(
    struct buses *buses, const struct serial_params *params, const char *user, struct err *err)
{
	struct buf text = {0};

	if (serial_check(params, err) < 0)
		return NULL;
	buf_text(&text, "serial ");
	serial_describe(params, &text);
	struct bus *bus = bus_open(buses,
	    &(struct bus_device){
	        .port = params->path,
	        .params = buf_str(&text),
	        .state = serial_new(params),
	        .close = close_device,
	    },
	    user, err);
	buf_free(&text);
	return bus;
}

static int run(void *state, void *data, struct err *err)
{
	struct job *job = data;

	return serial_exchange(state, &job->exchange, &job->answer, err);
}

static void finish(void *ctx, void *data, const struct err *err)
{
	struct job *job = data;

	job->done(ctx, job->answer.data, job->answer.len, err);
}

static void release(void *data)
{
	struct job *job = data;

	buf_free(&job->answer);
	free(job);
}

/* Moves what `*data` points to behind `place`, and returns the end of it. */
static char *take_in(char *place, const char **data, size_t len)
{
	if (len > 0)
		memcpy(place, *data, len);
	*data = place;
	return place + len;
}

static struct job *job_new(const struct serial_exchange *exchange)
{
	size_t size = exchange->out_len;

	for (size_t i = 0; i < SERIAL_ENDS_MAX; i++)
		size += exchange->ends[i].len;
	struct job *job = mem_alloc(sizeof *job + size);
	job->exchange = *exchange;
	char *place = take_in(job->bytes, &job->exchange.out, exchange->out_len);
	for (size_t i = 0; i < SERIAL_ENDS_MAX; i++)
		place = take_in(place, &job->exchange.ends[i].data, exchange->ends[i].len);
	return job;
}

struct bus_request *serial_submit(struct bus *bus, const struct serial_exchange *exchange,
    serial_done *done, void *ctx, struct err *err)
{
	struct job *job = job_new(exchange);

	job->done = done;
	return bus_submit(bus,
	    &(struct bus_job){
	        .unit = BUS_NO_UNIT,
	        .run = run,
	        .done = finish,
	        .release = release,
	        .data = job,
	        .ctx = ctx,
	    },
	    err);
}
