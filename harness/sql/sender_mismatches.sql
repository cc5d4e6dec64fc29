select
    expected.id::text as message_id,
    expected.sender_id::text as expected_sender,
    live.sender_id::text as actual_sender
from {findings} as finding
inner join {expected} as expected on finding.id = expected.id
inner join {live}.chat_messages as live on finding.id = live.id
where finding.finding = 'different' and 'sender_id' = any(finding.columns)
order by 1
limit {listed}
