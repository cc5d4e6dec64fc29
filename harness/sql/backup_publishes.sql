-- The runs that published, by their newest publish, and whether what they published
-- belongs to the backup: it does where the run stood when that was taken. The steps do
-- not tell, because a run may have been taken back by a restore.
create temporary table restored_publishes on commit drop as
select
    steps.run_id,
    max(steps.step_id) filter (where steps.step = 'publish') as step_id,
    steps.run_id = any({standing_runs}::text[]) as is_before
from {ledger}.steps as steps
where steps.step in ('publish', 'rollback') and steps.status = 'done'
group by steps.run_id
