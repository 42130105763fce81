# SPDX-License-Identifier: GPL-2.0-or-later
# Hostile bytes: a few seconds of them in `make check`, more with libFuzzer.
#
#   make check-fuzz                      every target on mutated seeds
#   make fuzz-conf FUZZ="-max_total_time=600"   one target under libFuzzer (needs clang)

FUZZ_OBJ := $(patsubst %,$(BUILD)/tests/fuzz/%.o,fuzz_main fuzz_conf fuzz_control)

$(BUILD)/tests/fuzz/fuzz: $(FUZZ_OBJ) $(VMMD_CORE) $(STAMP)
	$(call say,CC)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(FUZZ_OBJ) $(VMMD_CORE) $(VMMD_LIBS)

TEST_PROGRAMS += $(BUILD)/tests/fuzz/fuzz

check-fuzz: $(BUILD)/tests/fuzz/fuzz
	$(BUILD)/tests/fuzz/fuzz

# These are compiled anew, all in one go: every file needs the fuzzer's instrumentation.
FUZZ_SRC  := $(addprefix tests/fuzz/,libfuzzer.c fuzz_conf.c fuzz_control.c) \
	     $(wildcard vmmd/conf*.c) vmmd/sysent.c vmmd/control.c vmmd/loop.c vmmd/log.c
FUZZ_MORE := conf spec control record

$(addprefix $(BUILD)/tests/fuzz/libfuzzer-,$(FUZZ_MORE)): $(BUILD)/tests/fuzz/libfuzzer-%: $(FUZZ_SRC)
	@mkdir -p $(@D)
	clang -std=gnu11 $(CPPFLAGS_ALL) -DFUZZ_TARGET=fuzz_$* $(FYAML_CFLAGS) $(JANSSON_CFLAGS) -O1 -g \
	  -fsanitize=fuzzer,address,undefined -o $@ $(FUZZ_SRC) $(VMMD_LIBS)

$(addprefix fuzz-,$(FUZZ_MORE)): fuzz-%: $(BUILD)/tests/fuzz/libfuzzer-%
	$< $(or $(FUZZ),-max_total_time=60)

.PHONY: check-fuzz $(addprefix fuzz-,$(FUZZ_MORE))
