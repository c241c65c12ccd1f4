# make help tells the targets. CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS are yours; what neap needs is added beside them.

VERSION    = 0.1.0
VARIANT    = rel
B          = build/$(VARIANT)
PREFIX     = /usr/local
PKG_CONFIG = pkg-config
CFLAGS     = -O2 -g
JOBS      := $(or $(shell nproc 2>/dev/null),2)
FUZZ_SECONDS = 60
CLANG      = clang
PROVE      = prove
LUA        = lua5.4

# --- libraries: each XXX_CFLAGS and XXX_LIBS can be given from outside ---
pkg = $(shell for p in $(2); do $(PKG_CONFIG) $(1) $$p 2>/dev/null && break; done)
LUA_PC        = lua5.4 lua-5.4 lua54
LUA_CFLAGS   := $(call pkg,--cflags,$(LUA_PC))
LUA_LIBS     := $(call pkg,--libs,$(LUA_PC))
UV_CFLAGS    := $(call pkg,--cflags,libuv)
UV_LIBS      := $(call pkg,--libs,libuv)
YAML_CFLAGS  := $(call pkg,--cflags,yaml-0.1)
YAML_LIBS    := $(call pkg,--libs,yaml-0.1)
SSL_CFLAGS   := $(call pkg,--cflags,openssl)
SSL_LIBS     := $(call pkg,--libs,openssl)
ZLIB_CFLAGS  := $(call pkg,--cflags,zlib)
ZLIB_LIBS    := $(call pkg,--libs,zlib)
EDIT_CFLAGS  := $(call pkg,--cflags,libedit)
EDIT_LIBS    := $(call pkg,--libs,libedit)
MODBUS_CFLAGS := $(call pkg,--cflags,libmodbus)
MODBUS_LIBS  := $(call pkg,--libs,libmodbus)
EXPAT_CFLAGS := $(call pkg,--cflags,expat)
EXPAT_LIBS   := $(call pkg,--libs,expat)
CMOCKA_CFLAGS = $(call pkg,--cflags,cmocka)
CMOCKA_LIBS   = $(call pkg,--libs,cmocka)
PAHO_LIBS     = -lpaho-mqtt3as

# --- flags ---
WARN = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough
V_rel  = -Wframe-larger-than=16384
V_asan = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
V_tsan = -O1 -fno-omit-frame-pointer -fsanitize=thread
V_stress = $(V_asan) -DNEAP_GC_STRESS
V_fuzz = $(V_asan) -fsanitize=fuzzer-no-link
ifeq ($(VARIANT),fuzz)
CC = $(CLANG)
endif
OUR_CPPFLAGS = -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DNEAP_VERSION='"$(VERSION)"' $(if $(EDIT_LIBS),-DHAVE_LIBEDIT) \
	$(if $(MODBUS_LIBS),-DHAVE_LIBMODBUS) $(if $(EXPAT_LIBS),-DHAVE_EXPAT) $(LUA_CFLAGS) $(UV_CFLAGS) $(YAML_CFLAGS) $(SSL_CFLAGS) $(ZLIB_CFLAGS) $(EDIT_CFLAGS) $(MODBUS_CFLAGS) $(EXPAT_CFLAGS)
OUR_CFLAGS   = -std=c11 $(WARN) -pthread
OUR_LDFLAGS  = -pthread -Wl,--as-needed $(V_$(VARIANT))
OUR_LDLIBS   = $(LUA_LIBS) $(UV_LIBS) $(YAML_LIBS) $(PAHO_LIBS) $(SSL_LIBS) $(ZLIB_LIBS) $(EDIT_LIBS) $(MODBUS_LIBS) $(EXPAT_LIBS) -lm
COMPILE = $(CC) $(OUR_CPPFLAGS) $(CPPFLAGS) $(DEFS) $(OUR_CFLAGS) $(CFLAGS) $(V_$(VARIANT)) -MMD -MP
LINK    = $(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS)
# The date of the build is clock.c's alone, so that no other file depends on it; evaluated only when that file is compiled.
BUILD_TIME = $(or $(SOURCE_DATE_EPOCH),$(shell date +%s))

# --- what is built from what ---
LIB_SRC  := $(sort $(wildcard core/*/*.c lua/*.c))
LUA_SRC  := $(sort $(wildcard lua/neap/*.lua lua/neap/*/*.lua))
LIB_OBJ   = $(LIB_SRC:%.c=$(B)/%.o) $(B)/embed.o
UNIT     := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
HELPERS  := $(filter-out $(UNIT:%=tests/unit/%.c),$(wildcard tests/unit/*.c))
PROGRAMS := $(patsubst %.c,%,$(wildcard tests/tools/*.c bench/*.c))
PRELOADS := $(patsubst tests/fault/%.c,%,$(wildcard tests/fault/*_preload.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
TEST_BINS = $(B)/tests/neap-plain $(UNIT:%=$(B)/tests/%) $(PROGRAMS:%=$(B)/%) $(PRELOADS:%=$(B)/tests/%.so)
HAVE_FUZZER = $(wildcard $(shell $(CLANG) -print-resource-dir 2>/dev/null)/lib/*/libclang_rt.fuzzer*)
FUZZ_BINS = $(if $(FUZZERS),$(if $(HAVE_FUZZER),$(FUZZERS:%=build/fuzz/tests/%)))
TESTS     = $(UNIT:%=$(B)/tests/%) $(sort $(wildcard tests/tools/*.t tests/lua/*_test.lua scripts/*_test.lua examples/*_test.lua tests/e2e/*.t tests/fault/*.t)) $(FUZZ_BINS)
STRESSED  = $(filter-out test_limits,$(patsubst tests/unit/%.c,%,$(shell grep -l host_fixture.h tests/unit/test_*.c)))
SELECTED  = $(if $(T),$(foreach t,$(TESTS),$(if $(findstring $(T),$(t)),$(t))),$(TESTS))
C_FILES  := $(sort $(wildcard core/*.[ch] core/*/*.[ch] lua/*.[ch] tests/*/*.[ch] bench/*.[ch]))

Q   = $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))
SUB = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))
# rewrites a stamp file only when its text changed, so that what depends on it is rebuilt then and only then
stamp = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' >$@

.PHONY: all demo docs check test test-bins lint lint-tools asan stress stress-tests tsan memcheck fuzz fuzz-bins bench layers install uninstall dist clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL = all

all: $(B)/neap ## build neap (build/rel/neap)

$(B)/flags: FORCE
	$(if $(and $(LUA_LIBS),$(UV_LIBS),$(YAML_LIBS)),,@echo 'neap: $(PKG_CONFIG) does not find $(if $(LUA_LIBS),,Lua 5.4 )$(if \
		$(UV_LIBS),,libuv )$(if $(YAML_LIBS),,libyaml); run tools/setup, or set LUA_LIBS, UV_LIBS, YAML_LIBS and the like' >&2; exit 1)
	$(call stamp,$(COMPILE) / $(LINK) / $(OUR_LDLIBS) $(LDLIBS))
$(B)/objects: FORCE
	$(call stamp,$(LIB_OBJ))
$(B)/modules: FORCE
	$(call stamp,$(LUA_SRC))
$(B)/epoch: FORCE
	$(call stamp,$(SOURCE_DATE_EPOCH))

$(B)/core/base/clock.o: private DEFS = -DNEAP_BUILD_TIME=$(BUILD_TIME)
$(B)/core/base/clock.o: $(B)/epoch
$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(if $(filter tests/unit/%,$<),$(CMOCKA_CFLAGS)) -c -o $@ $<
$(B)/embed.o: $(B)/embed.c $(B)/flags
	$(call say,CC,$@)
	$(Q)$(COMPILE) -c -o $@ $<
$(B)/embed.c: tools/embed $(LUA_SRC) $(B)/modules
	$(call say,EMBED,$@)
	$(Q)tools/embed $(LUA_SRC) >$@
$(B)/libneap.a: $(LIB_OBJ) $(B)/objects
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)
$(B)/neap: $(B)/core/main.o $(B)/libneap.a
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(OUR_LDLIBS) $(LDLIBS)

$(UNIT:%=$(B)/tests/%): $(B)/tests/%: $(B)/tests/unit/%.o $(HELPERS:%.c=$(B)/%.o) $(B)/libneap.a
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(CMOCKA_LIBS) $(OUR_LDLIBS) $(LDLIBS)
$(PROGRAMS:%=$(B)/%): %: %.o $(B)/libneap.a
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(OUR_LDLIBS) $(LDLIBS)
# neap as it is without libedit
$(B)/plain/console_line.o: core/console/console_line.c $(B)/flags
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(filter-out -DHAVE_LIBEDIT,$(COMPILE)) -c -o $@ $<
$(B)/tests/neap-plain: $(B)/core/main.o $(B)/plain/console_line.o $(B)/libneap.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(filter-out $(EDIT_LIBS),$(OUR_LDLIBS)) $(LDLIBS)
$(B)/tests/%.so: tests/fault/%.c $(B)/flags
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(filter-out -fsanitize=%,$(COMPILE)) -fPIC -shared $(LDFLAGS) -o $@ $< -ldl
build/fuzz/tests/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libneap.a
	$(call say,LINK,$@)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(OUR_LDLIBS) $(LDLIBS)

demo: ## install what is missing, build, and show neap at work
	@tools/setup
	@+$(SUB) all
	@tools/demo

docs: ## write docs/neap-lua.7 out of lua/neap/meta.lua
	$(Q)$(LUA) tools/manual.lua >docs/neap-lua.7.new && mv docs/neap-lua.7.new docs/neap-lua.7

# --- tests ---
export NEAP_BUILD = $(CURDIR)/$(B)
export NEAP_BIN = $(NEAP_BUILD)/neap
export CMOCKA_MESSAGE_OUTPUT = TAP
# the slow unwinder: lsan.supp names a function of a library without frame pointers
export ASAN_OPTIONS = detect_stack_use_after_return=1:verify_asan_link_order=0:fast_unwind_on_malloc=0
export LSAN_OPTIONS = suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS = print_stacktrace=1
export TSAN_OPTIONS = suppressions=$(CURDIR)/tests/tsan.supp
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full --suppressions=$(CURDIR)/tests/valgrind.supp

test-bins: $(B)/neap $(TEST_BINS)
fuzz-bins: $(FUZZ_BINS)
test: ## build and run the tests, no lint (T=pattern selects, JOBS=2, PROVE_FLAGS=-v)
	@+$(SUB) test-bins
	$(if $(FUZZ_BINS),@+$(SUB) VARIANT=fuzz fuzz-bins)
	$(if $(SELECTED),,@echo 'test: no test has "$(T)" in its name' >&2; exit 1)
	@$(PROVE) -j$(JOBS) $(PROVE_FLAGS) --exec tests/run $(SELECTED)
check: ## install what is missing, then build, lint, layers and all tests
	@tools/setup --test
	@+$(SUB) all
	@+f=; for t in lint layers test; do $(SUB) -k $$t || f="$$f $$t"; done; [ -z "$$f" ] || { echo "check: failed:$$f"; exit 1; }
asan: ## the tests under AddressSanitizer and UBSan
	@NEAP_SLOW=3 $(MAKE) --no-print-directory VARIANT=asan test
stress: ## the script tests under AddressSanitizer with a full collection at each allocation of Lua's
	@+$(SUB) VARIANT=stress stress-tests
stress-tests: $(B)/neap $(STRESSED:%=$(B)/tests/%) $(filter $(B)/tests/tools/%,$(TEST_BINS)) $(filter %.so,$(TEST_BINS))
	@$(PROVE) -j$(JOBS) $(PROVE_FLAGS) --exec tests/run $(STRESSED:%=$(B)/tests/%) $(filter %_test.lua,$(TESTS))
tsan: ## the tests under ThreadSanitizer
	@NEAP_SLOW=10 NEAP_TEST_LIMIT=3000 $(MAKE) --no-print-directory VARIANT=tsan test
memcheck: ## the tests under valgrind
	@NEAP_RUN="$(VALGRIND)" NEAP_TEST_LIMIT=3000 $(MAKE) --no-print-directory test
fuzz: ## each fuzz target for FUZZ_SECONDS=60
	$(if $(FUZZ_BINS),,@echo 'fuzz: nothing to run, or no $(CLANG) with libFuzzer; tools/setup --test installs it' >&2; exit 1)
	@+$(SUB) VARIANT=fuzz fuzz-bins
	@for f in $(FUZZERS); do c=build/fuzz/corpus/$$f; mkdir -p $$c; echo "== $$f"; \
		build/fuzz/tests/$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -artifact_prefix=build/fuzz/$$f- \
		$$c $$(ls -d tests/fuzz/corpus/$${f#fuzz_} 2>/dev/null) || exit 1; done
bench: ## measure, side by side with the floor and the peers
	@+$(SUB) all $(PROGRAMS:%=$(B)/%)
	@bench/run
layers: ## check that includes go down the layers only
	@tools/layers
lint: lint-tools $(C_FILES:%=build/lint/%) ## layout, static analysis, scripts and manuals
lint-tools:
	@tools/lint
# clang-tidy is slow: one stamp a file
build/lint/%: % .clang-tidy tools/lint
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)tools/lint tidy $< $(OUR_CPPFLAGS) -DNEAP_BUILD_TIME=0 -std=c11
	$(Q)$(CC) $(OUR_CPPFLAGS) -MM -MP -MT $@ -MF $@.d $< && touch $@

# --- install ---
D = $(DESTDIR)$(PREFIX)
install: all ## into PREFIX=/usr/local, below DESTDIR
	install -d $(D)/bin $(D)/lib/systemd/system $(D)/share/neap/scripts $(D)/share/neap/examples $(D)/share/man/man1 $(D)/share/man/man5 $(D)/share/man/man7
	install -m 755 $(B)/neap $(D)/bin/neap
	for f in scripts examples; do for s in $$f/*; do [ ! -f $$s ] || install -m 644 $$s $(D)/share/neap/$$f/ || exit 1; done; done
	for s in 1 5 7; do install -m 644 docs/*.$$s $(D)/share/man/man$$s/ || exit 1; done
	sed 's,@PREFIX@,$(PREFIX),' systemd/neap.service.in >$(D)/lib/systemd/system/neap.service
uninstall: ## take it away again
	rm -f $(D)/bin/neap $(D)/lib/systemd/system/neap.service $(patsubst docs/%,$(D)/share/man/man?/%,$(wildcard docs/*.[157]))
	rm -rf $(D)/share/neap
dist: ## build/neap-VERSION.tar.gz from the last commit
	@mkdir -p build
	git archive --format=tar.gz --prefix=neap-$(VERSION)/ -o build/neap-$(VERSION).tar.gz HEAD
clean: ## remove build/
	rm -rf build
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo '  Variables: VARIANT=rel|asan|tsan V=1 CC CFLAGS CPPFLAGS LDFLAGS LDLIBS PKG_CONFIG PREFIX DESTDIR T JOBS FUZZ_SECONDS'

-include $(shell find $(B) build/lint -name '*.d' 2>/dev/null)
