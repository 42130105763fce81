# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel module: for the headers in KDIR, or for every set that is installed.

KDIRS = $(if $(KDIR),$(KDIR),$(wildcard /lib/modules/*/build))

kmod:
	@[ -n "$(KDIRS)" ] || { echo 'make kmod: no kernel headers in /lib/modules/*/build; KDIR=DIR says where' >&2; exit 1; }
	@for k in $(KDIRS); do BUILD=$(abspath $(BUILD)) engine-kmod/build.sh $$k || exit; done

# The sources where DKMS looks for them, and who may open the device.
DKMS_DIR = $(DESTDIR)/usr/src/vmmd-$(VERSION)

kmod-install:
	install -d $(DKMS_DIR) $(DESTDIR)/etc/udev/rules.d $(DESTDIR)/etc/sysusers.d
	for r in engine-kmod proto; do (cd $$r && find . -type f -exec install -D -m 644 {} $(abspath $(DKMS_DIR))/$$r/{} \;) || exit; done
	sed -e 's|@VERSION@|$(VERSION)|g' engine-kmod/dkms.conf > $(DKMS_DIR)/dkms.conf
	install -m 644 configs/60-vmmd.rules $(DESTDIR)/etc/udev/rules.d
	install -m 644 configs/vmmd-sysusers.conf $(DESTDIR)/etc/sysusers.d/vmmd.conf

.PHONY: kmod kmod-install
