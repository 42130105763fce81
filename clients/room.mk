# SPDX-License-Identifier: GPL-2.0-or-later
# The client library and vmmctl.

VMMCTL_SRC := $(wildcard clients/lib/*.c clients/vmmctl/*.c)
VMMCTL_OBJ := $(VMMCTL_SRC:%.c=$(BUILD)/%.o)

CFLAGS_table := $(SMARTCOLS_CFLAGS)

ALL += $(BIN)/vmmctl
$(BIN)/vmmctl: $(VMMCTL_OBJ) $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(VMMCTL_OBJ) $(JANSSON_LIBS) $(SMARTCOLS_LIBS)
