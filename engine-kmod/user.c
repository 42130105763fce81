// SPDX-License-Identifier: GPL-2.0
/*
 * user.c - what one user may have: engines, and tasks attached to them.
 *
 * A user is there while he has an engine. The list is short and rarely looked
 * at; the counters are atomic, for tasks are made without the lock.
 */
#include <linux/slab.h>

#include "vmmd.h"

struct vmmd_user {
	struct list_head node;
	kuid_t uid;
	int refs; /* users_lock */
	atomic_t engines, tasks;
};

static DEFINE_MUTEX(users_lock);
static LIST_HEAD(users);

struct vmmd_user *vmmd_user_get(kuid_t uid)
{
	struct vmmd_user *user;

	mutex_lock(&users_lock);
	list_for_each_entry(user, &users, node)
		if (uid_eq(user->uid, uid))
			goto out;
	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user) {
		mutex_unlock(&users_lock);
		return NULL;
	}
	user->uid = uid;
	list_add(&user->node, &users);
out:
	user->refs++;
	mutex_unlock(&users_lock);
	return user;
}

void vmmd_user_put(struct vmmd_user *user)
{
	mutex_lock(&users_lock);
	if (--user->refs == 0) {
		list_del(&user->node);
		kfree(user);
	}
	mutex_unlock(&users_lock);
}

static bool add(atomic_t *count, unsigned int limit, bool unlimited)
{
	if (atomic_inc_return(count) <= limit || unlimited)
		return true;
	atomic_dec(count);
	return false;
}

bool vmmd_user_add_engine(struct vmmd_user *user, bool unlimited)
{
	return add(&user->engines, READ_ONCE(vmmd_max_engines_user), unlimited);
}

bool vmmd_user_add_task(struct vmmd_user *user, bool unlimited)
{
	return add(&user->tasks, READ_ONCE(vmmd_max_tasks_user), unlimited);
}

void vmmd_user_sub_engine(struct vmmd_user *user)
{
	atomic_dec(&user->engines);
}

void vmmd_user_sub_task(struct vmmd_user *user)
{
	atomic_dec(&user->tasks);
}

void vmmd_user_total(u64 *engines, u64 *tasks)
{
	struct vmmd_user *user;

	*engines = 0;
	*tasks = 0;
	mutex_lock(&users_lock);
	list_for_each_entry(user, &users, node) {
		*engines += atomic_read(&user->engines);
		*tasks += atomic_read(&user->tasks);
	}
	mutex_unlock(&users_lock);
}
