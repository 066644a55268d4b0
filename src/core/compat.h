/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The one place that knows server versions.
 *
 * Each shim names the major that made it necessary.  No other file may test
 * PG_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_COMPAT_H
#define COMMUNITY_COMPAT_H

#if PG_VERSION_NUM < 130000
#error "community needs PostgreSQL 13 or later"
#endif

/* 16 moved the varlena macros out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 16 brought soft errors for input functions */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#else
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#define SOFT_ERROR_OCCURRED(context) (false)
#endif

/* 15 reserved the prefix of an extension's settings */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 16 typed palloc; keep one spelling on all */
#ifndef palloc_array
#define palloc_array(type, count) ((type *) palloc(sizeof(type) * (count)))
#define palloc0_array(type, count) ((type *) palloc0(sizeof(type) * (count)))
#define palloc_object(type) ((type *) palloc(sizeof(type)))
#define palloc0_object(type) ((type *) palloc0(sizeof(type)))
#endif

/* 18 lets a module say its name and version */
#if PG_VERSION_NUM >= 180000
#define COMMUNITY_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "community", .version = COMMUNITY_VERSION)
#else
#define COMMUNITY_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* 18 spells it as C11 does, and wants it first */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 16 tells summarizing indexes apart from others */
#if PG_VERSION_NUM >= 160000
#define CoreUpdateIndexes TU_UpdateIndexes
#define core_updates_indexes(indexes) ((indexes) != TU_None)
#else
#define CoreUpdateIndexes bool
#define core_updates_indexes(indexes) (indexes)
#endif

/* 16 has one check of rights for all kinds of objects */
#if PG_VERSION_NUM >= 160000
#define core_may_use_schema(schema, role) \
	(object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == \
	 ACLCHECK_OK)
#else
#define core_may_use_schema(schema, role) \
	(pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK)
#endif

/* 18 excludes a tuple from the check, and counts index searches */
#if PG_VERSION_NUM >= 180000
#define core_check_index_constraints(result, slot, estate, tid, arbiters) \
	ExecCheckIndexConstraints(result, slot, estate, tid, \
							  &(ItemPointerData) {{0, 0}, 0}, arbiters)
#define core_index_beginscan(relation, index, snapshot, nkeys) \
	index_beginscan(relation, index, snapshot, NULL, nkeys, 0)
#else
#define core_check_index_constraints(result, slot, estate, tid, arbiters) \
	ExecCheckIndexConstraints(result, slot, estate, tid, arbiters)
#define core_index_beginscan(relation, index, snapshot, nkeys) \
	index_beginscan(relation, index, snapshot, nkeys, 0)
#endif

/* 16 lets the maker of a range report errors softly */
#if PG_VERSION_NUM >= 160000
#define core_make_range(type, lower, upper) \
	make_range(type, lower, upper, false, NULL)
#else
#define core_make_range(type, lower, upper) \
	make_range(type, lower, upper, false)
#endif

/* 16 folded the ownership checks into one function */
#if PG_VERSION_NUM >= 160000
#define core_is_owner(relation) \
	object_ownercheck(RelationRelationId, (relation), GetUserId())
#else
#define core_is_owner(relation) pg_class_ownercheck((relation), GetUserId())
#endif

/* 17 numbers processes anew; whose is a virtual transaction? */
#if PG_VERSION_NUM >= 170000
#define core_vxid_proc(vxid) ProcNumberGetProc((vxid).procNumber)
#else
#define core_vxid_proc(vxid) BackendIdGetProc((vxid).backendId)
#endif

/* 17 moved the number of a session's transaction */
#if PG_VERSION_NUM >= 170000
#define core_local_transaction() (MyProc->vxid.lxid)
#else
#define core_local_transaction() (MyProc->lxid)
#endif

/* 17 numbers processes anew; whose is a virtual transaction? */
#if PG_VERSION_NUM >= 170000
#define core_vxid_proc(vxid) ProcNumberGetProc((vxid).procNumber)
#else
#define core_vxid_proc(vxid) BackendIdGetProc((vxid).backendId)
#endif

/* 17 lets an index keep things open between rows */
#if PG_VERSION_NUM >= 170000
#define core_index_insert_cleanup(index, info) \
	index_insert_cleanup(index, info)
#else
#define core_index_insert_cleanup(index, info) ((void) 0)
#endif

#endif							/* COMMUNITY_COMPAT_H */
