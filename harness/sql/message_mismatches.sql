select
    expected.id::text as message_id,
    expected.{column}::text as expected_parent,
    live.{column}::text as actual_parent
from {findings} as finding
inner join {expected} as expected on finding.id = expected.id
inner join {messages} as live on finding.id = live.id
where finding.finding = 'different' and {column_name} = any(finding.columns)
order by 1
limit {listed}
