-- The messages of each legacy table that a run published, not taken back, or could not.
select
    messages.origin,
    count(published.row_id) as rows_published,
    count(failed.row_id) as rows_failed
from {marts}.chat_messages as messages
left join {ledger}.published_rows as published
    on
        messages.id = published.row_id
        and published.run_id = %(run_id)s
        and published.table_name = 'chat_messages'
        and published.rolled_back_at is null
left join {ledger}.failed_rows as failed
    on
        messages.id = failed.row_id
        and failed.run_id = %(run_id)s
        and failed.table_name = 'chat_messages'
group by messages.origin
