/*
 * Power cuts: what a sync said is on the disk is there, whatever of the rest is.
 *
 * The functions below stand in front of the C library's and write down what the queue does to its
 * files. For many places in that story, and for each in several ways, the disk is made as a power
 * cut could have left it: what was synced before is there; of what was written since, nothing, all,
 * or any part in any order, torn within a block; of the names changed since, likewise. Then a queue
 * is opened over it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "queue_fixture.h"

enum { FDS = 64, INODES = 4096, EVENTS = 65536, SECTOR = 512, MOST_SAMPLES = 20000 };

enum what { MKDIR, CREATE, WRITE, CUT, RENAME, UNLINK, SYNC_FILE, SYNC_DIR, SYNCED, ACKED, LOST };

struct event {
	enum what what;
	int inode;
	char name[128], to[128]; /* below the recorded folder */
	uint8_t *data;
	size_t len;
	uint64_t at;    /* offset, size, or a number of samples */
	uint32_t start; /* of a sync: only what came before is sure */
};

static struct {
	pthread_mutex_t lock;
	char root[64]; /* "": nothing is recorded */
	struct event *events;
	uint32_t count;
	struct {
		char name[128];
		int inode;
	} names[INODES]; /* as the process sees them */
	uint32_t names_count;
	int inodes;
	struct {
		int inode;      /* 0: a folder, or not ours */
		char name[128]; /* of a folder */
		bool ours;
	} fds[FDS];
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- writing down --- */

static const char *below_root(const char *path)
{
	size_t len = strlen(disk.root);

	if (len == 0 || strncmp(path, disk.root, len) != 0)
		return NULL;
	return path[len] == '/' ? path + len + 1 : path + len;
}

static struct event *add_event(enum what what, const char *name)
{
	must(disk.count < EVENTS);
	struct event *event = &disk.events[disk.count++];
	*event = (struct event){.what = what};
	if (name)
		(void)snprintf(event->name, sizeof event->name, "%s", name);
	return event;
}

static int *inode_of(const char *name, bool make)
{
	for (uint32_t i = 0; i < disk.names_count; i++) {
		if (strcmp(disk.names[i].name, name) == 0)
			return &disk.names[i].inode;
	}
	if (!make)
		return NULL;
	must(disk.names_count < INODES);
	(void)snprintf(disk.names[disk.names_count].name, sizeof disk.names[0].name, "%s", name);
	return &disk.names[disk.names_count++].inode;
}

static void forget_name(const char *name)
{
	for (uint32_t i = 0; i < disk.names_count; i++) {
		if (strcmp(disk.names[i].name, name) == 0)
			disk.names[i] = disk.names[--disk.names_count];
	}
}

typedef void any_fn(void);

static any_fn *real(const char *name)
{
	any_fn *function;

	*(void **)&function = dlsym(RTLD_NEXT, name);
	must(function != NULL);
	return function;
}

#define REAL(type, name) ((type)real(name))

static void note_open(int fd, const char *path, int flags, bool existed)
{
	const char *name = below_root(path);

	if (!name || fd < 0)
		return;
	must(fd < FDS);
	disk.fds[fd].ours = true;
	disk.fds[fd].inode = 0;
	(void)snprintf(disk.fds[fd].name, sizeof disk.fds[fd].name, "%s", name);
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return;
	int *inode = inode_of(name, true);
	if (!existed || *inode == 0) {
		*inode = ++disk.inodes;
		add_event(CREATE, name)->inode = *inode;
	} else if (flags & O_TRUNC) {
		add_event(CUT, NULL)->inode = *inode;
	}
	disk.fds[fd].inode = *inode;
}

/* the C library's own names for the parameters are reserved ones */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	pthread_mutex_lock(&disk.lock);
	bool existed = access(path, F_OK) == 0;
	int fd = REAL(int (*)(const char *, int, ...), "open64")(path, flags, mode);
	note_open(fd, path, flags, existed);
	pthread_mutex_unlock(&disk.lock);
	return fd;
}

int close(int fd)
{
	pthread_mutex_lock(&disk.lock);
	if (fd >= 0 && fd < FDS)
		disk.fds[fd].ours = false;
	int rc = REAL(int (*)(int), "close")(fd);
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

static void note_write(int fd, const void *data, ssize_t len, uint64_t at)
{
	if (fd < 0 || fd >= FDS || !disk.fds[fd].ours || len <= 0)
		return;
	struct event *event = add_event(WRITE, NULL);
	event->inode = disk.fds[fd].inode;
	event->at = at;
	event->len = (size_t)len;
	event->data = mem_alloc((size_t)len);
	memcpy(event->data, data, (size_t)len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	pthread_mutex_lock(&disk.lock);
	ssize_t n = REAL(ssize_t(*)(int, const void *, size_t, off_t), "pwrite64")(fd, data, len, at);
	note_write(fd, data, n, (uint64_t)at);
	pthread_mutex_unlock(&disk.lock);
	return n;
}

ssize_t write(int fd, const void *data, size_t len)
{
	pthread_mutex_lock(&disk.lock);
	uint64_t at = fd < FDS && disk.fds[fd].ours ? (uint64_t)lseek(fd, 0, SEEK_CUR) : 0;
	ssize_t n = REAL(ssize_t(*)(int, const void *, size_t), "write")(fd, data, len);
	note_write(fd, data, n, at);
	pthread_mutex_unlock(&disk.lock);
	return n;
}

int ftruncate(int fd, off_t size)
{
	pthread_mutex_lock(&disk.lock);
	int rc = REAL(int (*)(int, off_t), "ftruncate64")(fd, size);
	if (rc == 0 && fd < FDS && disk.fds[fd].ours) {
		struct event *event = add_event(CUT, NULL);
		event->inode = disk.fds[fd].inode;
		event->at = (uint64_t)size;
	}
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

/* It takes a while, and the loop goes on meanwhile. */
static int note_sync(int fd)
{
	pthread_mutex_lock(&disk.lock);
	bool ours = fd >= 0 && fd < FDS && disk.fds[fd].ours;
	uint32_t start = disk.count;
	pthread_mutex_unlock(&disk.lock);
	if (!ours)
		return 0;
	(void)usleep(200);
	pthread_mutex_lock(&disk.lock);
	struct event *event = add_event(disk.fds[fd].inode ? SYNC_FILE : SYNC_DIR, disk.fds[fd].name);
	event->inode = disk.fds[fd].inode;
	event->start = start;
	pthread_mutex_unlock(&disk.lock);
	return 0;
}

int fsync(int fd)
{
	return note_sync(fd);
}

int fdatasync(int fd)
{
	return note_sync(fd);
}

int rename(const char *from, const char *to)
{
	pthread_mutex_lock(&disk.lock);
	int rc = REAL(int (*)(const char *, const char *), "rename")(from, to);
	const char *name = below_root(from);
	if (rc == 0 && name) {
		struct event *event = add_event(RENAME, name);
		(void)snprintf(event->to, sizeof event->to, "%s", below_root(to));
		event->inode = *inode_of(name, true);
		*inode_of(event->to, true) = event->inode;
		forget_name(name);
	}
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

int unlink(const char *path)
{
	pthread_mutex_lock(&disk.lock);
	int rc = REAL(int (*)(const char *), "unlink")(path);
	if (rc == 0 && below_root(path)) {
		(void)add_event(UNLINK, below_root(path));
		forget_name(below_root(path));
	}
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

int mkdir(const char *path, mode_t mode)
{
	pthread_mutex_lock(&disk.lock);
	int rc = REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
	if (rc == 0 && below_root(path))
		(void)add_event(MKDIR, below_root(path));
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static void note_mark(enum what what, uint64_t from, uint64_t to)
{
	pthread_mutex_lock(&disk.lock);
	struct event *event = add_event(what, NULL);
	event->at = from;
	event->len = to;
	pthread_mutex_unlock(&disk.lock);
}

static void begin_recording(const char *root)
{
	disk.events = mem_alloc(EVENTS * sizeof *disk.events);
	disk.count = disk.names_count = 0;
	disk.inodes = 0;
	(void)snprintf(disk.root, sizeof disk.root, "%s", root);
}

static void forget_recording(void)
{
	for (uint32_t i = 0; i < disk.count; i++)
		free(disk.events[i].data);
	free(disk.events);
}

/* --- the disk after a cut --- */

enum luck { NOTHING, EVERYTHING, IN_ORDER, ANY, LUCKS };

struct file {
	uint8_t *data;
	size_t len, room;
	uint32_t sure; /* events before this one are on the disk */
};

struct entry {
	char name[128];
	int inode; /* 0: a folder */
};

struct image {
	struct file *files;
	struct entry entries[INODES];
	uint32_t count;
	uint32_t root_sure, folder_sure; /* names */
	unsigned random;
	enum luck luck;
};

static unsigned next_random(struct image *image, unsigned below)
{
	image->random = image->random * 1103515245u + 12345u;
	return (image->random >> 8) % below;
}

static void write_part(struct file *file, const struct event *event, size_t from, size_t to)
{
	size_t end = event->at + to;

	if (end > file->room) {
		file->data = mem_resize(file->data, 2 * end, 1);
		memset(file->data + file->room, 0, 2 * end - file->room);
		file->room = 2 * end;
	}
	if (end > file->len)
		file->len = end;
	memcpy(file->data + event->at + from, event->data + from, to - from);
}

/* Written, not synced: sectors reach the disk or not, each by its luck. */
static void write_by_luck(struct image *image, struct file *file, const struct event *event)
{
	for (size_t from = 0; from < event->len;) {
		size_t to = from + SECTOR - (event->at + from) % SECTOR;
		to = to < event->len ? to : event->len;
		if (image->luck == EVERYTHING || (image->luck != NOTHING && next_random(image, 2)))
			write_part(file, event, from, to);
		from = to;
	}
}

static void cut_file(struct file *file, size_t len)
{
	if (len < file->len)
		memset(file->data + len, 0, file->len - len);
	if (len < file->len)
		file->len = len;
}

static void set_entry(struct image *image, const char *name, int inode)
{
	uint32_t i = 0;

	while (i < image->count && strcmp(image->entries[i].name, name) != 0)
		i++;
	must(i < INODES);
	(void)snprintf(image->entries[i].name, sizeof image->entries[i].name, "%s", name);
	image->entries[i].inode = inode;
	if (i == image->count)
		image->count++;
}

static void remove_entry(struct image *image, const char *name)
{
	for (uint32_t i = 0; i < image->count; i++) {
		if (strcmp(image->entries[i].name, name) == 0)
			image->entries[i] = image->entries[--image->count];
	}
}

static void change_names(struct image *image, const struct event *event)
{
	if (event->what == UNLINK || event->what == RENAME)
		remove_entry(image, event->name);
	if (event->what == RENAME)
		set_entry(image, event->to, event->inode);
	if (event->what == CREATE || event->what == MKDIR)
		set_entry(image, event->name, event->inode);
}

static void find_what_is_sure(struct image *image, uint32_t cut)
{
	for (uint32_t i = 0; i < cut; i++) {
		const struct event *event = &disk.events[i];
		uint32_t *sure = NULL;
		if (event->what == SYNC_FILE)
			sure = &image->files[event->inode].sure;
		else if (event->what == SYNC_DIR)
			sure = event->name[0] ? &image->folder_sure : &image->root_sure;
		if (sure && *sure < event->start)
			*sure = event->start;
	}
}

static void make_image(struct image *image, uint32_t cut)
{
	bool names_go_on = true; /* in order: until one did not make it */

	find_what_is_sure(image, cut);
	for (uint32_t i = 0; i < cut; i++) {
		const struct event *event = &disk.events[i];
		struct file *file = &image->files[event->inode];
		if (event->what == WRITE && i < file->sure) {
			write_part(file, event, 0, event->len);
		} else if (event->what == WRITE) {
			write_by_luck(image, file, event);
		} else if (event->what == CUT) {
			if (i < file->sure || image->luck == EVERYTHING)
				cut_file(file, event->at);
		} else if (event->what <= UNLINK) {
			bool in_folder = strchr(event->name, '/') != NULL;
			bool lucky = image->luck == EVERYTHING || next_random(image, 2) == 0;
			names_go_on &= lucky;
			if (i < (in_folder ? image->folder_sure : image->root_sure) ||
			    (image->luck == IN_ORDER ? names_go_on : image->luck != NOTHING && lucky))
				change_names(image, event);
		}
	}
}

static void put_file(const char *path, const struct file *file)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0);
	must(file->len == 0 || write(fd, file->data, file->len) == (ssize_t)file->len);
	must(close(fd) == 0);
}

static void put_image(const struct image *image, const char *dir)
{
	char path[256];

	for (uint32_t i = 0; i < image->count; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, image->entries[i].name);
		if (image->entries[i].inode == 0)
			must(mkdir(path, 0700) == 0);
	}
	for (uint32_t i = 0; i < image->count; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, image->entries[i].name);
		char *slash = strrchr(path, '/');
		*slash = '\0';
		bool reachable = access(path, F_OK) == 0;
		*slash = '/';
		if (image->entries[i].inode != 0 && reachable)
			put_file(path, &image->files[image->entries[i].inode]);
	}
}

/* --- what must be there --- */

/* Reads all of it; each at most once, in order, and whole. */
static void drain(struct queue *queue, uint8_t *seen, uint64_t made)
{
	struct record record;
	int64_t before = -1;

	while (queue && queue_peek(queue, LANE_BACKLOG, &record)) {
		int64_t number = record.sample.value.integer;
		assert_int_equal(record.sample.value.type, VALUE_INT);
		assert_true(number > before && number < (int64_t)made);
		assert_int_equal(record.sample.path[2] - 'a', number % 3);
		before = number;
		seen[number] = 1;
		queue_advance(queue, LANE_BACKLOG);
	}
}

static void check_cut(uint32_t cut, enum luck luck, unsigned seed, uint64_t made)
{
	static struct image image;
	struct queue_fixture fixture;
	static uint8_t seen[MOST_SAMPLES], acked[MOST_SAMPLES];
	uint64_t synced = 0, lost = 0, missing = 0;

	memset(&image, 0, sizeof image);
	image.files = mem_alloc(((size_t)disk.inodes + 1) * sizeof *image.files);
	image.luck = luck;
	image.random = seed;
	make_image(&image, cut);
	fixture_init(&fixture);
	put_image(&image, fixture.dir);
	fixture_open(&fixture);
	memset(seen, 0, sizeof seen);
	memset(acked, 0, sizeof acked);
	drain(queue_next(fixture.set, NULL), seen, made);
	for (uint32_t i = 0; i < cut; i++) {
		const struct event *event = &disk.events[i];
		if (event->what == SYNCED)
			synced = event->at;
		for (uint64_t n = event->at; event->what == ACKED && n < event->len; n++)
			acked[n] = 1;
	}
	for (uint32_t i = 0; i < disk.count; i++) {
		if (disk.events[i].what != LOST)
			continue;
		lost = disk.events[i].at;
		if (i >= cut) /* counted a little after the file changed */
			break;
	}
	for (uint64_t n = 0; n < synced; n++)
		missing += !seen[n] && !acked[n];
	if (missing > lost)
		fail_msg("cut at event %u, luck %d, seed %u: %llu samples missing, %llu lost were known",
		    cut, luck, seed, (unsigned long long)missing, (unsigned long long)lost);
	fixture_free(&fixture);
	for (int i = 0; i <= disk.inodes; i++)
		free(image.files[i].data);
	free(image.files);
}

static void check_cuts(uint64_t made, uint32_t step)
{
	char root[64];

	memcpy(root, disk.root, sizeof root);
	disk.root[0] = '\0'; /* what follows is not recorded */
	for (uint32_t cut = 0; cut <= disk.count; cut += step) {
		for (int luck = NOTHING; luck < LUCKS; luck++)
			check_cut(cut, (enum luck)luck, cut * 7 + (unsigned)luck, made);
	}
	memcpy(disk.root, root, sizeof root);
}

/* --- the stories --- */

struct story {
	struct queue_fixture fixture;
	struct queue *queue;
	uint64_t made;
	uint64_t asked; /* samples that the sync under way is about */
	bool syncing;
	unsigned random;
};

static void on_synced(void *ctx, int error)
{
	struct story *story = ctx;

	assert_int_equal(error, 0);
	story->syncing = false;
	note_mark(SYNCED, story->asked, 0);
}

static void push_some(struct story *story, unsigned count)
{
	char path[] = "m.a";

	while (count-- > 0) {
		path[2] = (char)('a' + story->made % 3);
		fixture_push(&story->fixture, story->queue, path, (int64_t)story->made++);
	}
	queue_commit(story->fixture.set);
}

static void sync_some(struct story *story)
{
	if (story->syncing)
		return;
	story->asked = story->made;
	story->syncing = true;
	queue_sync(story->fixture.set, on_synced, story);
}

static void note_losses(struct story *story)
{
	struct queue_figures figures = queue_figures(story->queue);

	note_mark(LOST, figures.lost[LOSS_THINNED] + figures.lost[LOSS_OLDEST], 0);
}

/* Takes up to 30 and acknowledges them. Without losses a number is its place in the sequence. */
static void ack_some(struct story *story)
{
	struct record record;
	int64_t first = -1, last = -1;

	for (int i = 0; i < 30 && queue_peek(story->queue, LANE_FRESH, &record); i++) {
		first = first < 0 ? record.sample.value.integer : first;
		last = record.sample.value.integer;
		queue_advance(story->queue, LANE_FRESH);
	}
	struct range range = queue_take(story->queue, LANE_FRESH);
	if (range.count == 0)
		return;
	note_mark(ACKED, (uint64_t)first, (uint64_t)last + 1);
	queue_ack(story->queue, &range);
}

static void begin_story(struct story *story, uint64_t limit, enum policy_full full, unsigned seed)
{
	memset(story, 0, sizeof *story);
	story->random = seed;
	fixture_init(&story->fixture);
	begin_recording(story->fixture.dir);
	fixture_open(&story->fixture);
	story->queue = fixture_declare(&story->fixture, "q", limit, full);
}

static void end_story(struct story *story, uint32_t step)
{
	while (story->syncing)
		(void)uv_run(&story->fixture.loop, UV_RUN_ONCE);
	check_cuts(story->made, step);
	fixture_free(&story->fixture);
	forget_recording();
	disk.root[0] = '\0';
}

static void what_was_synced_is_there(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 3; seed++) {
		struct story story;
		begin_story(&story, 64 * 1024, FULL_DROP_NEWEST, seed);
		for (int step = 0; step < 120; step++) {
			story.random = story.random * 1103515245u + 12345u;
			unsigned dice = (story.random >> 8) % 10;
			if (dice < 5)
				push_some(&story, 1 + (story.random >> 16) % 40);
			else if (dice < 8)
				ack_some(&story);
			else
				sync_some(&story);
			(void)uv_run(&story.fixture.loop, dice == 9 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
		}
		assert_int_equal(queue_figures(story.queue).lost[LOSS_NEWEST], 0);
		end_story(&story, 1);
	}
}

static void limits_and_thinning(void **state)
{
	(void)state;
	for (int full = FULL_DROP_OLDEST; full <= FULL_THIN; full += FULL_THIN - FULL_DROP_OLDEST) {
		struct story story;
		begin_story(&story, 24 * 1024, (enum policy_full)full, 1);
		for (int step = 0; step < 100; step++) {
			push_some(&story, 30);
			note_losses(&story);
			if (step % 3 == 0)
				sync_some(&story);
			(void)uv_run(&story.fixture.loop, step % 3 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
			note_losses(&story);
		}
		struct queue_figures figures = queue_figures(story.queue);
		assert_true(figures.lost[full == FULL_THIN ? LOSS_THINNED : LOSS_OLDEST] > 0);
		end_story(&story, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_synced_is_there),
	    cmocka_unit_test(limits_and_thinning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
