# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon, its engines and its layers.

VMMD_SRC  := $(wildcard vmmd/*.c vmmd/engine/*.c)
VMMD_OBJ  := $(VMMD_SRC:%.c=$(BUILD)/%.o)
VMMD_CORE := $(filter-out $(BUILD)/vmmd/main.o,$(VMMD_OBJ))
VMMD_LIBS := $(EV_LIBS) $(SECCOMP_LIBS) $(CAP_LIBS) $(FYAML_LIBS) $(JANSSON_LIBS) -lpthread -ldl

# libfyaml's and libev's headers are not ours to keep free of warnings.
CFLAGS_conf := $(FYAML_CFLAGS) -Wno-shadow
CFLAGS_loop := -Wno-strict-aliasing

ALL += $(BIN)/vmmd
$(BIN)/vmmd: $(VMMD_OBJ) $(STAMP)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(VMMD_OBJ) $(VMMD_LIBS)

# A layer is every file of its folder, and vmmd/plugins/common.
PLUGINS    := $(filter-out common,$(notdir $(patsubst %/,%,$(dir $(wildcard vmmd/plugins/*/*.c)))))
PLUGINS    := $(sort $(PLUGINS))
COMMON_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard vmmd/plugins/common/*.c))
$(BUILD)/vmmd/plugins/%.o: HARDEN := $(filter-out -fPIE,$(HARDEN)) -fPIC -fvisibility=hidden

define plugin
ALL += $(PLUG)/$(1).so
$(PLUG)/$(1).so: $(patsubst %.c,$(BUILD)/%.o,$(wildcard vmmd/plugins/$(1)/*.c)) $(COMMON_OBJ) $(STAMP)
	@mkdir -p $$(@D)
	$$(call say,PLUGIN)
	$$(Q)$$(CC) -shared -Wl,-z,relro,-z,now $$(LDFLAGS) $$(SAN) -o $$@ $$(filter %.o,$$^)
	@chmod go-w $$@ $$(@D) # vmmd loads nothing that others may write
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin,$(p))))
