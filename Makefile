# Gatehouse: one Makefile for everything. `make help` lists what it does.
#
# Rooms are folders, and what lies in a room is built: a new .c file needs no
# line here, nor does a new tests/*/test_*.c.

BUILD    ?= build
CC       ?= cc
AR       ?= ar
# Another architecture: its compiler, archiver and pkg-config here (scripts/make-deb and scripts/cross-test do it).
PKG_CONFIG ?= pkg-config
PROFILE  ?= release
# V=1 shows the commands.
Q        := $(if $(V),,@)
say       = $(if $(V),,@echo '  $(1)' '$(2)')
comma    := ,
SHELL    := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

VERSION := $(shell sed -n 's/^## \([0-9.]*\).*/\1/p' gateway/NEWS 2>/dev/null | head -n 1)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
        -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings \
        -Wformat=2 -Wundef -Wvla -Wswitch-enum -Wimplicit-fallthrough -Werror=implicit \
        -Werror=return-type -Werror=unused-result
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE
# 64-bit times and offsets, on 32-bit machines too.
TIME_BITS    := -D_TIME_BITS=64
CPPFLAGS_ALL  = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(TIME_BITS) -DGATEHOUSE_VERSION='"$(VERSION)"' -Igateway -Ihal -I$(BUILD)/gen -Itests
LDFLAGS_ALL  := -pie -Wl,-z,relro,-z,now,--as-needed -pthread

ifeq ($(PROFILE),release)
  OPT := -O2 -g -D_FORTIFY_SOURCE=2
else ifeq ($(PROFILE),asan)
  OPT := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(PROFILE),tsan)
  OPT := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(PROFILE),fuzz)
  OPT := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
else
  $(error PROFILE is release, asan, tsan or fuzz)
endif
ifdef WERROR
  WARN += -Werror
endif
# What a packager adds.
OPT         += $(CPPFLAGS) $(CFLAGS)
LDFLAGS_ALL += $(LDFLAGS)

pc = $(shell $(PKG_CONFIG) $(1) $(2) 2>/dev/null)
# One foreign library an adapter folder; nobody else gets its flags.
PKG_gateway/adapters/paho   :=
PKG_gateway/adapters/sqlite := sqlite3
PKG_gateway/adapters/curl   := libcurl zlib
PKG_gateway/adapters/json   := jansson
PKG_gateway/adapters/crypto := libsodium
PKG_gateway/adapters/glib   := glib-2.0
PKG_gateway/adapters/linux  := libsystemd
PKG_gateway/adapters/openssl := libcrypto
PKG_gateway/adapters/qrencode := libqrencode
PKG_tests/cloud             := libmicrohttpd gnutls sqlite3 jansson libsodium zlib
PKG_hal                     := libgpiod
pkgflags = $(if $(PKG_$(1)),$(call pc,--cflags,$(PKG_$(1))))

PKG_DIRS := gateway/adapters/sqlite gateway/adapters/curl gateway/adapters/json gateway/adapters/crypto

LIBS_PRODUCT := -lpaho-mqtt3a $(call pc,--libs,sqlite3 libcurl zlib jansson libsodium glib-2.0 libsystemd libcrypto libqrencode libgpiod) -lm
LIBS_CLOUD   := $(call pc,--libs,libmicrohttpd gnutls sqlite3 jansson libsodium zlib)
LIBS_TEST    := -lcmocka -lssl -lcrypto

# --- what there is ---------------------------------------------------------
GPIOD_MAJOR := $(shell $(PKG_CONFIG) --modversion libgpiod 2>/dev/null | cut -d. -f1)
HAL_SKIP    := $(if $(filter 1,$(GPIOD_MAJOR)),hal/gpiod_v2.c,hal/gpiod_v1.c)

CORE     := $(wildcard gateway/core/*.c)
ADAPTERS := $(wildcard gateway/adapters/*/*.c)
HAL      := $(filter-out $(HAL_SKIP),$(wildcard hal/*.c))
APPLIB   := $(wildcard gateway/app/*.c)
DAEMON   := $(wildcard gateway/app/gatehoused/*.c)
SYNCD    := $(wildcard gateway/app/syncd/*.c)
SAFE     := $(wildcard gateway/app/safe/*.c)
CTL      := $(wildcard gateway/app/ctl/*.c gateway/app/rehearsal/*.c)
CLOUD    := $(wildcard tests/cloud/*.c)
TESTLIB  := $(wildcard tests/lib/*.c)
MAINS    := gateway/app/gatehoused/main.c gateway/app/syncd/main.c gateway/app/ctl/main.c \
            gateway/app/safe/main.c
TESTS    := $(wildcard tests/unit/test_*.c tests/sim/test_*.c tests/adapters/test_*.c tests/system/test_*.c)
FUZZERS  := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PROGRAMS := $(BUILD)/gatehoused $(BUILD)/gatehouse-syncd $(BUILD)/gatehousectl $(BUILD)/gatehouse-safe
TESTBINS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TESTS))
SQLHDRS  := $(patsubst gateway/adapters/sqlite/sql/%.sql,$(BUILD)/gen/sql/%.h,$(wildcard gateway/adapters/sqlite/sql/*.sql))

.PHONY: all programs help deps demo test check arch lint san tsan memcheck fuzz mutate hardware hardware-programs hardware13 powercut naive \
        campaigns campaigns-long bench peers instructions deb deb-reproducible package-test installed cross-test check-alone clean FORCE
all: programs $(BUILD)/gatehouse-cloud $(BUILD)/demo

programs: $(PROGRAMS)

help:
	@sed -n 's/^## *//p' Makefile | column -t -s '|'

## make demo       | the main job on real parts: installs, builds, plays, cleans up
## make test       | installs, builds and runs every test
## make check      | the tests alone, nothing installed
## make all        | the programs and the reference cloud
## make arch       | rooms: includes, symbols, globals
## make lint       | warnings as errors, clang-tidy, cppcheck, shellcheck, sizes, the manual
## make san        | the tests under ASan and UBSan; make tsan: those that have threads under TSan
## make memcheck   | unit tests and virtual time under valgrind: is anything read that was never written?
## make fuzz       | every parser of outside bytes, FUZZ_SECONDS each (30)
## make mutate     | do the tests notice mutants of the core? SAMPLE=60 tries 60 of them
## make hardware   | the appliance on lines of a real kernel, in a guest that is booted for it
## make hardware13 | the same lines through Debian 13's libgpiod 2, with the same trace
## make powercut   | the guest is killed in the middle of releases, CUTS times (10)
## make campaigns  | seeded faults against the running programs, and builds that must be found out
## make naive      | random decisions against a second evaluation, and properties
## make bench      | figures as ratios to their floors in the same run; PART=growth: that part (gateway/BENCHMARKS.md)
## make peers      | brings Node-RED from npm, for the bench to measure beside ours; nothing else needs it
## make instructions | what a read takes, in instructions; more than the baseline by 5 % fails
## make deb        | the Debian package, in build/deb; ARCH=arm64 or armhf, DEBIAN=12 or 13: for those
## make package-test | installs it in a Debian 12 and a Debian 13: upgrade, removal, sandboxes, all of it
## make installed  | a Debian with the package, booted: first day, power cut, upgrade; DEBIAN=13: in that
## make deb-reproducible | builds it again elsewhere: the same bytes?
## make cross-test | unit tests, simulated time and the package, for ARCH=arm64 or armhf, emulated
## make deps       | installs Debian packages (as root)
## make clean      | removes build/

deps:
	@scripts/deps

demo: deps
	@$(MAKE) --no-print-directory -j2 all
	@$(BUILD)/demo

test: deps
	@$(MAKE) --no-print-directory -j2 all check

# --- rules -----------------------------------------------------------------
$(BUILD)/gen/sql/%.h: gateway/adapters/sqlite/sql/%.sql scripts/sql2h.awk
	@mkdir -p $(@D)
	$(Q)awk -f scripts/sql2h.awk $< > $@

# Rewritten only if the date is another: not all that is in NEWS concerns the build.
$(BUILD)/gen/news_date.h: gateway/NEWS scripts/news-date
	@mkdir -p $(@D)
	$(Q)scripts/news-date < $< > $@.next
	@if cmp -s $@.next $@; then rm $@.next; else mv $@.next $@; fi

# The flags of the profile are part of what an object depends on.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(OPT) $(WARN) $(VERSION)' | cmp -s - $@ || echo '$(CC) $(OPT) $(WARN) $(VERSION)' > $@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(SQLHDRS) $(BUILD)/gen/news_date.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=c17 $(OPT) $(WARN) $(HARDEN) -pthread -MMD -MP $(CPPFLAGS_ALL) $(call pkgflags,$(patsubst %/,%,$(dir $*))) -c $< -o $@

# libgpiod 1.6 hands out a timespec as its own Debian has it: 32 bits on a 32-bit machine. It
# counts from the boot there.
$(BUILD)/obj/hal/gpiod_v1.o: TIME_BITS :=

$(BUILD)/libgatehouse.a: $(call obj,$(CORE) $(ADAPTERS) $(HAL) $(APPLIB))
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

define program
$(BUILD)/$(1): $$(call obj,$(2)) $(BUILD)/libshell.a $(BUILD)/libgatehouse.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(OPT) $$(LDFLAGS_ALL) $$^ $$(LIBS_PRODUCT) -o $$@
endef
$(eval $(call program,gatehoused,gateway/app/gatehoused/main.c))
$(eval $(call program,gatehouse-syncd,gateway/app/syncd/main.c))
$(eval $(call program,gatehousectl,gateway/app/ctl/main.c))
$(eval $(call program,gatehouse-safe,gateway/app/safe/main.c))

$(BUILD)/gatehouse-cloud: $(call obj,$(CLOUD))
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS_ALL) $^ $(LIBS_CLOUD) -o $@

# The shell but for its mains: programs and tests take from it what they need.
$(BUILD)/libshell.a: $(call obj,$(filter-out $(MAINS),$(DAEMON) $(SYNCD) $(SAFE) $(CTL)))
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
$(BUILD)/libtest.a: $(call obj,$(TESTLIB))
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

TESTARCH := $(BUILD)/libtest.a $(BUILD)/libshell.a $(BUILD)/libgatehouse.a
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TESTARCH)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS_ALL) $^ $(LIBS_PRODUCT) $(LIBS_TEST) -o $@

$(BUILD)/demo: $(BUILD)/obj/tests/system/demo.o $(TESTARCH)
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS_ALL) $^ $(LIBS_PRODUCT) $(LIBS_TEST) -o $@

# gatehoused whose own objects count what they ask of the heap (tests/lib/allocations.h); the libraries' calls stay
# theirs.
COUNTS := $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc reallocarray aligned_alloc posix_memalign strdup strndup free)
$(BUILD)/gatehoused-counted: $(call obj,gateway/app/gatehoused/main.c tests/lib/allocations.c) $(BUILD)/libshell.a $(BUILD)/libgatehouse.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS_ALL) $(COUNTS) $^ $(LIBS_PRODUCT) -o $@
$(BUILD)/instructions: LDFLAGS_ALL += $(COUNTS)
BENCHLIB := $(call obj,$(filter-out $(addprefix tests/bench/,bench.c instructions.c),$(wildcard tests/bench/*.c)))
$(BUILD)/bench $(BUILD)/instructions: $(BUILD)/%: $(BUILD)/obj/tests/bench/%.o $(BENCHLIB) $(TESTARCH)
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS_ALL) $^ $(LIBS_PRODUCT) $(LIBS_TEST) -o $@

# Fault campaigns: a program each, and the builds that they must find out.
CAMPAIGNS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/campaigns/campaign_*.c))
ALL_CAMPAIGNS = $(CAMPAIGNS) tests/campaigns/campaign_offline
CAMPAIGNLIB := $(filter-out $(wildcard tests/campaigns/campaign_*.c),$(wildcard tests/campaigns/*.c))
$(BUILD)/tests/campaigns/%: $(BUILD)/obj/tests/campaigns/%.o $(call obj,$(CAMPAIGNLIB)) $(TESTARCH)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS_ALL) $^ $(LIBS_PRODUCT) $(LIBS_TEST) -o $@
# The rehearsal with its journal on disk; an object comes before what the archive has by its name.
DISK_JOURNAL := $(BUILD)/obj/tests/campaigns/offline/disk_journal.o
$(BUILD)/offline_ctl: $(call obj,gateway/app/ctl/main.c) $(DISK_JOURNAL) $(BUILD)/libshell.a $(BUILD)/libgatehouse.a
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) $(LDFLAGS_ALL) $^ $(LIBS_PRODUCT) -o $@
$(BUILD)/bad/made: tests/campaigns/known-bad $(DISK_JOURNAL) $(PROGRAMS) $(BUILD)/gatehouse-cloud
	$(Q)BUILD='$(BUILD)' CC='$(CC)' VERSION='$(VERSION)' LIBS='$(LIBS_PRODUCT)' LDFLAGS='$(OPT) $(LDFLAGS_ALL)' \
	  CFLAGS='-std=c17 $(OPT) $(HARDEN) -pthread $(filter-out -DGATEHOUSE_VERSION%,$(CPPFLAGS_ALL)) $(foreach d,$(PKG_DIRS),$(call pkgflags,$(d)))' $<
	@touch $@

# So many test programs at a time: they mostly wait.
JOBS ?= 2
check: $(TESTBINS) $(PROGRAMS) $(BUILD)/gatehouse-cloud $(BUILD)/gatehoused-counted
	@BUILD=$(BUILD) GATEHOUSE_JOBS=$(JOBS) scripts/run-tests $(TESTBINS)

# Tests that start no program of ours.
check-alone: $(TESTBINS)
	@BUILD=$(BUILD) GATEHOUSE_JOBS=$(JOBS) scripts/run-tests $(TESTBINS)
# In another architecture's emulation: ARCH=arm64 or armhf.
cross-test:
	@scripts/cross-test $(or $(ARCH),$(error ARCH is arm64 or armhf))
	@tests/package/foreign $(ARCH)

arch: $(call obj,$(CORE))
	@BUILD=$(BUILD) scripts/check-arch

lint:
	@scripts/lint

san:
	@$(MAKE) --no-print-directory -j2 BUILD=build/asan PROFILE=asan all check
# Unit tests, virtual time, gatehousectl and files alone have one thread.
ONE_THREAD := $(patsubst %,tests/adapters/test_%.c,authority chain crypto device_key enrolment identity \
                journal_record page_check replica_atomic replica_doors replica_file seal tail zone) \
              $(patsubst %,tests/system/test_%.c,account_cuts accounts backup broker_check broker_setup \
                ctl_pager ctl_terminal passphrase rehearse restore)
tsan:
	@$(MAKE) --no-print-directory -j2 BUILD=build/tsan PROFILE=tsan all check \
	  TESTS="$(filter-out $(ONE_THREAD),$(wildcard tests/adapters/test_*.c tests/system/test_*.c))"

memcheck:
	@command -v valgrind >/dev/null || { echo "memcheck: valgrind is missing: scripts/deps --ci, as root, installs it" >&2; exit 1; }
	@GATEHOUSE_RUNNER='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' \
	  $(MAKE) --no-print-directory check-alone TESTS="$(wildcard tests/unit/test_*.c tests/sim/test_*.c)"

FUZZ_SECONDS ?= 30
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libshell.a $(BUILD)/libgatehouse.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(OPT) -fsanitize=fuzzer $(LDFLAGS_ALL) $^ $(LIBS_PRODUCT) -o $@
fuzzers: $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZERS))
fuzz:
	@$(MAKE) --no-print-directory -j2 BUILD=build/fuzz PROFILE=fuzz CC=clang fuzzers
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/run-fuzz build/fuzz/fuzz

mutate:
	@tests/mutation/mutate $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) --list

# The boards on real lines. Only in a guest: a test that needs a kernel of its own.
HARDWAREBINS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/hardware/test_*.c))
hardware-programs: $(HARDWAREBINS) $(PROGRAMS) $(BUILD)/gatehouse-cloud
hardware: hardware-programs
	@BUILD=$(BUILD) tests/hardware/run $(HARDWAREBINS)
hardware13:
	@tests/hardware/run --debian13 $(patsubst tests/%.c,build/tests/%,$(wildcard tests/hardware/test_*.c))

# Power cuts in the middle of releases: the long form CUTS=1000.
CUTS ?= 10
$(BUILD)/tests/hardware/no_sync.so: tests/hardware/no_sync.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(WARN) -shared -fPIC -o $@ $<
powercut: $(BUILD)/tests/hardware/powercut_life $(BUILD)/tests/hardware/no_sync.so $(PROGRAMS)
	@BUILD=$(BUILD) tests/hardware/powercut $(CUTS) $(SEED)
	@BUILD=$(BUILD) tests/hardware/powercut --bad

# The decision against a second evaluation that shares nothing with it, and what must
# hold in any building. The long form: DECISIONS=1000000 WORLDS=2000.
DECISIONS ?= 20000
WORLDS    ?= 60
SEED      ?= 1
naive: $(BUILD)/gatehousectl
	@cd tests/naive && python3 compare.py --ctl $(abspath $(BUILD))/gatehousectl --decisions $(DECISIONS) --seed $(SEED)
	@cd tests/naive && python3 properties.py --ctl $(abspath $(BUILD))/gatehousectl --worlds $(WORLDS) --seed $(SEED)

# The long form: CAMPAIGN=kill9 COUNT=10000. SEED=N plays one again.
campaigns: $(CAMPAIGNS) $(BUILD)/offline_ctl $(BUILD)/bad/made
	@BUILD=$(BUILD) GATEHOUSE_SEED=$(if $(filter-out file,$(origin SEED)),$(SEED)) GATEHOUSE_COUNT=$(COUNT) \
	  scripts/run-tests $(if $(CAMPAIGN),$(filter %/campaign_$(CAMPAIGN),$(ALL_CAMPAIGNS)),$(ALL_CAMPAIGNS))
campaigns-long:
	@GATEHOUSE_TIMEOUT_S=86400 $(MAKE) --no-print-directory campaigns COUNT=$(or $(COUNT),1000)

bench:
	@scripts/deps --bench
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/bench
	@BUILD=$(BUILD) $(BUILD)/bench $(PART)

# What others would take, for the bench to measure beside ours.
peers:
	@tests/bench/peers/node-red-setup

# What a read and a decision take, in instructions: busy machines count the same.
instructions: $(BUILD)/instructions
	@BUILD=$(BUILD) CC='$(CC)' tests/bench/instructions-gate

deb:
	@scripts/deps --deb
	@scripts/make-deb $(ARCH)
deb-reproducible: deb
	@scripts/deb-reproducible
package-test: $(BUILD)/gatehouse-cloud
	@scripts/deps --deb
	@BUILD=$(BUILD) tests/package/run $(DEBIAN)

# The package in a Debian that is booted; and boxes with a fault, which must be found out.
installed:
	@scripts/deps --deb
	@BUILD=$(BUILD) tests/installed/run $(or $(DEBIAN),12)
	@BUILD=$(BUILD) GATEHOUSE_DEB_BUILT=1 tests/installed/run --bad sandbox $(or $(DEBIAN),12)
	@BUILD=$(BUILD) GATEHOUSE_DEB_BUILT=1 tests/installed/run --bad order $(or $(DEBIAN),12)

clean:
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
