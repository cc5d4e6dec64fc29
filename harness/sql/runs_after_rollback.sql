-- A newer run that found everything published already published nothing itself: with
-- those rows gone it is built, and has yet to publish.
update {ledger}.runs as newer
set status = 'built'
from {ledger}.runs as taken_back
where
    taken_back.run_id = {run_id}
    and newer.started_at > taken_back.started_at
    and newer.status in ('published', 'validated', 'invalid')
    and not exists (
        select 1
        from {ledger}.published_rows as owned
        where owned.run_id = newer.run_id and owned.rolled_back_at is null
    )
