# SPDX-License-Identifier: GPL-2.0-or-later
#
# vmmd: ordinary programs under layered, partial virtual machines.
#
#   make            build/bin/vmmd, build/bin/vmmctl, build/lib/vmmd/plugins/*.so
#   make demo       a real build under three layers, compared with a native one
#   make check      every test
#   make bench      costs beside the budgets
#   make kmod       the kernel module, for KDIR=… or all headers that are installed
#   make kmod-test  the module in a machine of its own; make kmod-soak: longer, more kernels
#   make help       all targets
#
# One graph: each room adds its part in room.mk. Objects go to $(BUILD).

BUILD    ?= build
PREFIX   ?= /usr/local
LIBDIR   ?= $(PREFIX)/lib
PLUGINDIR = $(LIBDIR)/vmmd/plugins
VERSION  := 0.1.0
SANITIZE ?=

CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Werror -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	    -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-format-nonliteral
HARDEN   := -fstack-protector-strong -fno-strict-aliasing -fno-common -fPIE
ifneq ($(findstring -O0,$(CFLAGS)),-O0)
ifeq ($(SANITIZE),)
HARDEN   += -D_FORTIFY_SOURCE=2
endif
endif
ifneq ($(SANITIZE),)
SAN      := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

pkgflags  = $(shell pkg-config $(1) $(2) 2>/dev/null)
SECCOMP_CFLAGS   := $(call pkgflags,--cflags,libseccomp)
SECCOMP_LIBS     := $(call pkgflags,--libs,libseccomp)
CAP_LIBS         := $(call pkgflags,--libs,libcap)
FYAML_CFLAGS     := $(call pkgflags,--cflags,libfyaml)
FYAML_LIBS       := $(call pkgflags,--libs,libfyaml)
JANSSON_CFLAGS   := $(call pkgflags,--cflags,jansson)
JANSSON_LIBS     := $(call pkgflags,--libs,jansson)
SMARTCOLS_CFLAGS := $(call pkgflags,--cflags,smartcols)
SMARTCOLS_LIBS   := $(call pkgflags,--libs,smartcols)
EV_LIBS          := -lev

CPPFLAGS_ALL = -D_GNU_SOURCE -DVMMD_VERSION='"$(VERSION)"' -DVMMD_PLUGINDIR='"$(PLUGINDIR)"' \
	       -DVMMD_BINDIR='"$(PREFIX)/bin"' -I. -Ivmmd/sdk $(CPPFLAGS)
CFLAGS_ALL   = -std=gnu11 $(CPPFLAGS_ALL) $(WARN) $(HARDEN) $(CFLAGS) $(SAN) -MMD -MP
LDFLAGS_ALL  = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(SAN)

BIN  := $(BUILD)/bin
PLUG := $(BUILD)/lib/vmmd/plugins

# Quiet by default: V=1 shows the commands.
ifeq ($(V),)
Q := @
say = @echo '  $(1)	$@'
endif

all:

# What a change of flags or compiler must rebuild hangs on this file.
STAMP := $(BUILD)/flags.stamp
$(shell mkdir -p $(BUILD))
FLAGS_NOW := $(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)
ifneq ($(file <$(STAMP)),$(FLAGS_NOW))
$(file >$(STAMP),$(FLAGS_NOW))
endif

include $(wildcard proto/room.mk)
include vmmd/room.mk
include engine-kmod/room.mk
include $(wildcard clients/room.mk)
include $(wildcard tests/room.mk)

all: $(ALL)

$(BUILD)/%.o: %.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS_ALL) $(CFLAGS_$(basename $(notdir $<))) -c -o $@ $<

-include $(shell find $(BUILD) -path '$(BUILD)/kmod*' -prune -o -type f -name '*.d' -print 2>/dev/null)

deps:
	@tests/deps.sh

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PLUGINDIR) $(DESTDIR)$(PREFIX)/include/vmmd \
	  $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/share/vmmd/configs \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(addprefix $(DESTDIR)$(PREFIX)/share/man/man,1 5 7 8) $(DESTDIR)$(PREFIX)/share/vmmd/systemd
	install -m 755 $(BIN)/vmmd $(BIN)/vmmctl $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(PLUG)/*.so $(DESTDIR)$(PLUGINDIR)
	install -m 644 vmmd/sdk/vmmd/plugin.h $(DESTDIR)$(PREFIX)/include/vmmd
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@PLUGINDIR@|$(PLUGINDIR)|g' -e 's|@VERSION@|$(VERSION)|g' \
	  vmmd/sdk/vmmd-plugin.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/vmmd-plugin.pc
	install -m 644 clients/vmmctl/vmmctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vmmctl
	install -m 644 configs/*.yaml $(DESTDIR)$(PREFIX)/share/vmmd/configs
	install -m 644 configs/*.service $(DESTDIR)$(PREFIX)/share/vmmd/systemd
	for m in $(MANPAGES); do install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}; done

MANPAGES = $(shell find proto vmmd clients -name '*.[1578]')

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#   //p' Makefile
	@echo 'make deps       install the Debian packages that build and test need'
	@echo 'make install    DESTDIR= PREFIX=$(PREFIX)'
	@echo 'make kmod-install  the module'\''s sources for DKMS, udev rule, group'
	@echo 'make clean      remove $(BUILD)'
	@echo 'make SANITIZE=address,undefined BUILD=build-asan check-unit'

.PHONY: all deps install clean help
.DELETE_ON_ERROR:
