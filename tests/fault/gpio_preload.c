/*
 * GPIO chips of paper: put before a program by LD_PRELOAD, this answers for /dev/gpiochip0 and 1 as
 * the kernel would (linux/gpio.h, v2), and for no others.
 *
 *     gpiochip0: 8 lines, 0 "DI1", 1 "DI2", 2 "DO1", 3 "TWICE", 4 "LED" (used by "leds")
 *     gpiochip1: 4 lines, 0 "DI9", 1 "TWICE"
 *
 * The test finds the fake_gpio_... functions with dlsym and moves the lines by them. One thread.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void fake_gpio_move(int chip, int number, bool high, uint64_t time_ns);
void fake_gpio_lose(int events);
void fake_gpio_refuse_debounce(bool refusing);
bool fake_gpio_level(int chip, int line);
int fake_gpio_debounce_us(int chip, int line);
void fake_gpio_unplug(int chip, int number);

enum { CHIPS = 2, LINES = 8, FDS = 1024 };

struct line {
	const char *name;
	const char *user;
	bool high;
	bool requested;
	int ours; /* the end of the pair that the program does not have */
	ino_t theirs;
	uint64_t flags;
	uint32_t debounce_us;
	uint32_t seqno;
};

static struct chip {
	unsigned count;
	struct line lines[LINES];
} chips[CHIPS] = {
    {8, {{.name = "DI1"}, {.name = "DI2"}, {.name = "DO1"}, {.name = "TWICE"},
            {.name = "LED", .user = "leds"}}},
    {4, {{.name = "DI9"}, {.name = "TWICE"}}},
};
static struct chip *opened[FDS]; /* by descriptor; kept after its end, which does no harm */
static int to_lose;
static bool no_debounce;

static void *next(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	return symbol;
}

/* --- the lines --- */

/* The program closed its end. */
static bool is_free(struct line *line)
{
	struct pollfd pfd = {.fd = line->ours};

	if (!line->requested)
		return line->user == NULL;
	if (poll(&pfd, 1, 0) <= 0 || (pfd.revents & POLLHUP) == 0)
		return false;
	(void)close(line->ours);
	line->requested = false;
	return true;
}

static int refuse(int errnum)
{
	errno = errnum;
	return -1;
}

static int fill_config(struct line *line, const struct gpio_v2_line_config *config)
{
	line->flags = config->flags;
	line->debounce_us = 0;
	for (unsigned i = 0; i < config->num_attrs; i++) {
		const struct gpio_v2_line_attribute *attr = &config->attrs[i].attr;
		bool low = (config->flags & GPIO_V2_LINE_FLAG_ACTIVE_LOW) != 0;

		if (attr->id == GPIO_V2_LINE_ATTR_ID_DEBOUNCE && no_debounce)
			return refuse(EINVAL);
		if (attr->id == GPIO_V2_LINE_ATTR_ID_DEBOUNCE)
			line->debounce_us = attr->debounce_period_us;
		if (attr->id == GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES)
			line->high = ((attr->values & 1) != 0) != low;
	}
	return 0;
}

static int get_line(struct chip *chip, struct gpio_v2_line_request *request)
{
	int pair[2];
	struct stat st;
	struct line *line = &chip->lines[request->offsets[0]];

	if (request->num_lines != 1 || request->offsets[0] >= chip->count)
		return refuse(EINVAL);
	if (!is_free(line))
		return refuse(EBUSY);
	if (fill_config(line, &request->config) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || fstat(pair[0], &st) < 0)
		return -1;
	line->requested = true;
	line->ours = pair[1];
	line->theirs = st.st_ino;
	line->seqno = 0;
	request->fd = pair[0];
	return 0;
}

static int get_info(const struct chip *chip, struct gpio_v2_line_info *info)
{
	if (info->offset >= chip->count)
		return refuse(EINVAL);
	const struct line *line = &chip->lines[info->offset];
	if (line->name != NULL)
		(void)strcpy(info->name, line->name);
	if (line->user != NULL || line->requested)
		(void)strcpy(info->consumer, line->user != NULL ? line->user : "neap");
	return 0;
}

static struct line *find_line(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return NULL;
	for (int c = 0; c < CHIPS; c++) {
		for (int i = 0; i < LINES; i++) {
			struct line *line = &chips[c].lines[i];
			if (line->requested && line->theirs == st.st_ino)
				return line;
		}
	}
	return NULL;
}

static bool is_low(const struct line *line)
{
	return (line->flags & GPIO_V2_LINE_FLAG_ACTIVE_LOW) != 0;
}

static int values(int fd, bool set, struct gpio_v2_line_values *values)
{
	struct line *line = find_line(fd);

	if (line == NULL)
		return refuse(ENODEV);
	if (!set)
		values->bits = line->high != is_low(line);
	else if ((line->flags & GPIO_V2_LINE_FLAG_OUTPUT) == 0)
		return refuse(EPERM);
	else
		line->high = ((values->bits & 1) != 0) != is_low(line);
	return 0;
}

/* --- what the program calls --- */

static int open_chip(const char *path)
{
	int number = path[strlen("/dev/gpiochip")] - '0';

	if (number < 0 || number >= CHIPS || path[strlen("/dev/gpiochip") + 1] != '\0')
		return refuse(ENOENT);
	int fd = ((int (*)(const char *, int, ...))next("open"))("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd >= 0 && fd < FDS)
		opened[fd] = &chips[number];
	return fd;
}

static int open_with(const char *name, const char *path, int flags, mode_t mode)
{
	if (strncmp(path, "/dev/gpiochip", strlen("/dev/gpiochip")) == 0)
		return open_chip(path);
	return ((int (*)(const char *, int, ...))next(name))(path, flags, mode);
}

/* names of their own, because a header may make one of the two a name of the other */
int fake_open(const char *path, int flags, ...) __asm__("open");
int fake_open64(const char *path, int flags, ...) __asm__("open64");

int fake_open(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t);
	va_end(args);
	return open_with("open", path, flags, mode);
}

int fake_open64(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t);
	va_end(args);
	return open_with("open64", path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	struct chip *chip = fd >= 0 && fd < FDS ? opened[fd] : NULL;
	switch (request) {
	case GPIO_GET_CHIPINFO_IOCTL:
		((struct gpiochip_info *)arg)->lines = chip == NULL ? 0 : chip->count;
		return chip == NULL ? refuse(ENOTTY) : 0;
	case GPIO_V2_GET_LINEINFO_IOCTL:
		return chip == NULL ? refuse(ENOTTY) : get_info(chip, arg);
	case GPIO_V2_GET_LINE_IOCTL:
		return chip == NULL ? refuse(ENOTTY) : get_line(chip, arg);
	case GPIO_V2_LINE_GET_VALUES_IOCTL:
		return values(fd, false, arg);
	case GPIO_V2_LINE_SET_VALUES_IOCTL:
		return values(fd, true, arg);
	default:
		return ((int (*)(int, unsigned long, ...))next("ioctl"))(fd, request, arg);
	}
}

/* --- what the test calls --- */

void fake_gpio_move(int chip, int number, bool high, uint64_t time_ns)
{
	struct line *line = &chips[chip].lines[number];
	bool rises = high != is_low(line);
	uint64_t wanted = rises ? GPIO_V2_LINE_FLAG_EDGE_RISING : GPIO_V2_LINE_FLAG_EDGE_FALLING;

	if (line->high == high)
		return;
	line->high = high;
	if (is_free(line) || !line->requested || (line->flags & wanted) == 0)
		return;
	line->seqno++;
	if (to_lose > 0) {
		to_lose--;
		return;
	}
	const struct gpio_v2_line_event event = {
	    .timestamp_ns = time_ns,
	    .id = rises ? GPIO_V2_LINE_EVENT_RISING_EDGE : GPIO_V2_LINE_EVENT_FALLING_EDGE,
	    .offset = (uint32_t)number,
	    .seqno = line->seqno,
	    .line_seqno = line->seqno,
	};
	if (write(line->ours, &event, sizeof event) != sizeof event)
		abort();
}

/* So many of the next events find no room. */
void fake_gpio_lose(int events)
{
	to_lose = events;
}

void fake_gpio_refuse_debounce(bool refusing)
{
	no_debounce = refusing;
}

bool fake_gpio_level(int chip, int line)
{
	return chips[chip].lines[line].high;
}

int fake_gpio_debounce_us(int chip, int line)
{
	return (int)chips[chip].lines[line].debounce_us;
}

void fake_gpio_unplug(int chip, int number)
{
	struct line *line = &chips[chip].lines[number];

	(void)close(line->ours);
	line->requested = false;
}
