-- What runs changed outside the tables of a backup and is not as it was then: functions,
-- schemas and tables of their own, and what belongs to these.
select
    changes.change_id,
    changes.kind,
    changes.table_name,
    changes.name,
    changes.ddl,
    changes.undo_ddl,
    changes.change_id = any({standing_changes}) as is_wanted
from {ledger}.schema_changes as changes
inner join {ledger}.runs as runs on changes.run_id = runs.run_id
where
    runs.pipeline = {pipeline}
    and (
        changes.kind in ('schema', 'function', 'table')
        or changes.table_name <> all({table_names})
    )
    and changes.kind <> 'target table'
    and (changes.rolled_back_at is null) <> (changes.change_id = any({standing_changes}))
order by changes.change_id
