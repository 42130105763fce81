// SPDX-License-Identifier: GPL-2.0
/*
 * path.c - selection by path.
 *
 * The path of a call is copied, made absolute with the current directory or that
 * of the call's descriptor, and cleaned lexically ("." and "..", repeated
 * slashes). The row that names it exactly, or else the longest prefix of whole
 * components, decides. An empty path, or none, is the file of the descriptor.
 *
 * This is a way to stop for less, not a confinement: the kernel reads the path
 * again when it runs the call, and another thread may have changed it by then,
 * or the directory that it starts from; symbolic links and ".." behind them lead
 * elsewhere than their names say.
 *
 * Whatever cannot be decided stops: a path that cannot be read or is too long, one
 * that goes up ("..") from a place that is not native, or often, one that starts where the
 * kernel has no name for or from a directory that was removed, a task that has
 * another root than the table's maker.
 */
#include <linux/dcache.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/hashtable.h>
#include <linux/jhash.h>
#include <linux/path.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vmmd.h"

#define BUCKETS 512
#define NO_DIR 255
#define UPS_MAX 32 /* times that a path goes up: each costs a look at all that is above */

struct row {
	struct hlist_node node;
	u32 len;
	u16 error;
	u8 action;
	bool exact;
	char path[];
};

struct call {
	u8 n;
	struct {
		u8 path_arg, dir_arg;
	} at[2];
};

struct vmmd_paths {
	refcount_t ref;
	struct path root;
	u32 seed; /* nobody can have all rows in one bucket */
	struct call calls[VMMD_KMOD_NR];
	struct hlist_head rows[BUCKETS];
};

/* -------------------------------------------------------------------- the table */

static struct hlist_head *bucket(const struct vmmd_paths *p, const char *path, u32 len)
{
	return (struct hlist_head *)&p->rows[jhash(path, len, p->seed) % BUCKETS];
}

/* Absolute, and such that cleaning would not change it. */
static bool is_clean(const char *s, u32 len)
{
	u32 i, start = 1;

	if (!len || s[0] != '/' || memchr(s, 0, len))
		return false;
	for (i = 1; len > 1 && i <= len; i++) {
		u32 n = i - start;

		if (i < len && s[i] != '/')
			continue;
		if (!n || (n == 1 && s[start] == '.') || (n == 2 && s[start] == '.' && s[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

static int add_row(struct vmmd_paths *p, const struct vmmd_kmod_path *from)
{
	u16 action = from->action & ~VMMD_KMOD_PATH_EXACT;
	struct row *r;

	if (!from->len || from->len >= PATH_MAX || action > VMMD_KMOD_PATH_ERRNO || from->error > MAX_ERRNO)
		return -EINVAL;
	r = kmalloc(struct_size(r, path, from->len), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	r->len = from->len;
	r->error = from->error;
	r->action = action;
	r->exact = from->action & VMMD_KMOD_PATH_EXACT;
	if (copy_from_user(r->path, u64_to_user_ptr(from->path), from->len)) {
		kfree(r);
		return -EFAULT;
	}
	if (!is_clean(r->path, r->len)) {
		kfree(r);
		return -EINVAL;
	}
	hlist_add_head(&r->node, bucket(p, r->path, r->len));
	return 0;
}

static int add_call(struct vmmd_paths *p, const struct vmmd_kmod_path_call *from)
{
	struct call *c;

	if (from->nr >= VMMD_KMOD_NR || from->path_arg > 5 || (from->dir_arg > 5 && from->dir_arg != NO_DIR))
		return -EINVAL;
	c = &p->calls[from->nr];
	if (c->n == ARRAY_SIZE(c->at))
		return -EINVAL;
	c->at[c->n].path_arg = from->path_arg;
	c->at[c->n++].dir_arg = from->dir_arg;
	return 0;
}

static void paths_free(struct vmmd_paths *p)
{
	struct hlist_node *next;
	struct row *r;
	int i;

	for (i = 0; i < BUCKETS; i++)
		hlist_for_each_entry_safe(r, next, &p->rows[i], node)
			kfree(r);
	path_put(&p->root);
	kvfree(p);
}

void vmmd_paths_put(struct vmmd_paths *p)
{
	if (p && refcount_dec_and_test(&p->ref))
		paths_free(p);
}

/* Under RCU; NULL if the table has nothing to say on this call. */
struct vmmd_paths *vmmd_paths_get(struct vmmd_paths *p, int nr)
{
	return p && p->calls[nr].n && refcount_inc_not_zero(&p->ref) ? p : NULL;
}

struct vmmd_paths *vmmd_paths_new(const struct vmmd_kmod_select *s)
{
	const struct vmmd_kmod_path __user *rows = u64_to_user_ptr(s->paths);
	const struct vmmd_kmod_path_call __user *calls = u64_to_user_ptr(s->path_calls);
	struct vmmd_kmod_path_call call;
	struct vmmd_kmod_path row;
	struct vmmd_paths *p;
	int err = 0;
	u32 i;

	if (s->paths_len > VMMD_KMOD_PATHS || s->path_calls_len > 2 * VMMD_KMOD_NR)
		return ERR_PTR(-E2BIG);
	p = kvzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return ERR_PTR(-ENOMEM);
	refcount_set(&p->ref, 1);
	p->seed = get_random_u32();
	get_fs_root(current->fs, &p->root);
	for (i = 0; !err && i < s->paths_len; i++)
		err = copy_from_user(&row, &rows[i], sizeof(row)) ? -EFAULT : add_row(p, &row);
	for (i = 0; !err && i < s->path_calls_len; i++)
		err = copy_from_user(&call, &calls[i], sizeof(call)) ? -EFAULT : add_call(p, &call);
	if (!err)
		return p;
	paths_free(p);
	return ERR_PTR(err);
}

/* ----------------------------------------------------------------- looking it up */

static const struct row *find(const struct vmmd_paths *p, const char *path, u32 len, bool exact)
{
	const struct row *r;

	hlist_for_each_entry(r, bucket(p, path, len), node)
		if (r->len == len && r->exact == exact && memcmp(r->path, path, len) == 0)
			return r;
	return NULL;
}

static const struct row *lookup(const struct vmmd_paths *p, const char *path, u32 len)
{
	const struct row *r = find(p, path, len, true);

	while (!r) {
		r = find(p, path, len, false);
		if (r || len == 1)
			break;
		while (path[len - 1] != '/')
			len--;
		len = max_t(u32, len - 1, 1);
	}
	return r;
}

/* "/" has length 0 here. */
static bool is_native(const struct vmmd_paths *p, const char *path, u32 len)
{
	const struct row *r = len ? lookup(p, path, len) : lookup(p, "/", 1);

	return r && r->action == VMMD_KMOD_PATH_NATIVE;
}

/*
 * Append the components of `s` to the clean path to[0..*len); false: it is too long,
 * or goes up from where a row has something to say. "/" has length 0 here.
 */
static bool append(const struct vmmd_paths *p, char *to, u32 *len, const char *s)
{
	int ups = 0;

	while (*s) {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.') {
			if (++ups > UPS_MAX || !is_native(p, to, *len))
				return false;
			while (*len && to[--*len] != '/')
				;
		} else if (n && !(n == 1 && s[0] == '.')) {
			if (*len + n + 1 >= PATH_MAX)
				return false;
			to[(*len)++] = '/';
			memcpy(to + *len, s, n);
			*len += n;
		}
		s += n;
		while (*s == '/')
			s++;
	}
	return true;
}

/* Where a relative path starts: the current directory, or the file of a descriptor. To be put. */
static bool get_base(int dir, struct path *base)
{
	struct file *file;

	if (dir == AT_FDCWD) {
		get_fs_pwd(current->fs, base);
		return true;
	}
	file = fget_raw(dir);
	if (!file)
		return false;
	*base = file->f_path;
	path_get(base);
	fput(file);
	return true;
}

/*
 * The name that proc(5) has for it in to[0..*len), PATH_MAX bytes; "/" has length 0.
 * `named`: it is a path. A pipe has none.
 */
static bool name_base(int dir, char *to, u32 *len, bool *named)
{
	struct path base;
	char *s;
	bool ok;

	if (!get_base(dir, &base))
		return false;
	s = d_path(&base, to, PATH_MAX);
	ok = !IS_ERR(s) && !d_unlinked(base.dentry);
	path_put(&base);
	if (!ok)
		return false;
	*named = s[0] == '/';
	*len = *named && s[1] ? strlen(s) : 0;
	memmove(to, s, *len);
	return true;
}

/* `buf` and `clean` are of PATH_MAX bytes. NULL: it cannot be decided. */
static const struct row *row_of(const struct vmmd_paths *p, const char __user *path, int dir, char *buf, char *clean)
{
	long n = strncpy_from_user(buf, path, PATH_MAX);
	bool named = true;
	u32 len = 0;

	if (n == -EFAULT && !path) { /* utimensat(2) and others: as if it were empty */
		buf[0] = 0;
		n = 0;
	}
	if (n < 0 || n == PATH_MAX)
		return NULL;
	if (buf[0] != '/' && (!name_base(dir, clean, &len, &named) || (!named && n)))
		return NULL;
	if (!append(p, clean, &len, buf))
		return NULL;
	if (!len) /* the root; and what has no name is judged as that is */
		clean[len++] = '/';
	return lookup(p, clean, len);
}

static bool same_root(const struct vmmd_paths *p)
{
	struct path root;
	bool same;

	get_fs_root(current->fs, &root);
	same = path_equal(&root, &p->root);
	path_put(&root);
	return same;
}

/* All its paths native: native. Else the first that is not decides. */
enum vmmd_verdict vmmd_paths_judge(const struct vmmd_paths *p, int nr, const unsigned long *args, int *error)
{
	const struct call *c = &p->calls[nr];
	enum vmmd_verdict verdict = VMMD_STOP;
	char *buf = __getname(), *clean = __getname();
	int i;

	if (!buf || !clean || !same_root(p))
		goto out;
	for (i = 0; i < c->n; i++) {
		int dir = c->at[i].dir_arg == NO_DIR ? AT_FDCWD : (int)args[c->at[i].dir_arg];
		const struct row *r = row_of(p, (const char __user *)args[c->at[i].path_arg], dir, buf, clean);

		verdict = VMMD_STOP;
		if (!r || r->action == VMMD_KMOD_PATH_STOP)
			break;
		if (r->action == VMMD_KMOD_PATH_ERRNO) {
			*error = -(int)r->error;
			verdict = VMMD_ERRNO;
			break;
		}
		verdict = VMMD_PASS;
	}
out:
	if (buf)
		__putname(buf);
	if (clean)
		__putname(clean);
	return verdict;
}
