# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# archive.sh - round trips through tar, gzip, xz; find and xargs over the tree.
mkdir -p tree/{a,b,c}/{x,y}
for i in $(seq 1 60); do
	d=tree/$(echo a b c | cut -d' ' -f$((i % 3 + 1)))/$(echo x y | cut -d' ' -f$((i % 2 + 1)))
	seq "$i" $((i * 50)) >"$d/file $i"
	ln -s "file $i" "$d/link$i"
done
ln "tree/a/x/file 18" tree/hard
chmod 700 tree/b
opts=(--sort=name --mtime=@1000000000 --owner=0 --group=0 --numeric-owner)
tar "${opts[@]}" -cf t.tar tree && md5sum t.tar
tar "${opts[@]}" -czf t.tgz tree; tar "${opts[@]}" -cJf t.txz tree
gzip -dc t.tgz | cmp - t.tar && xz -dc t.txz | cmp - t.tar && echo same
mkdir out; tar -C out -xJf t.txz; diff -r tree out/tree && echo extracted
gzip -k t.tar; gzip -t t.tar.gz && xz -T2 -k t.tar && xz -l t.tar.xz | wc -l
tar -C tree -cf - . | (mkdir copy && tar -C copy -xf -) && diff -r tree copy && echo piped
find tree -type f -name 'file *' -size +1k | wc -l
find tree -type f -print0 | sort -z | xargs -0 -P 4 -n 5 md5sum | sort | md5sum
find tree -type l | sort | head -n 3
find tree -empty -o -perm 700 -type d | sort
find tree -name 'file 1*' -exec wc -l {} + | tail -n 1
find tree -type f -links 2 | sort
find . -name '*.tar*' -newer tree/hard | sort
grep -rl 1234 tree | sort | wc -l
cp -a tree again; rm -r tree; ls again; du -s --apparent-size again | cut -f2
dd if=t.tar bs=4096 status=none | sha1sum
split -n 4 t.tar part; cat part* | cmp - t.tar && echo joined
