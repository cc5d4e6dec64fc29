-- The figures of migration_metrics are those of the marts, counted there, and all
-- messages have a customer or a stylist for sender, one or the other.
with migration_metrics as (
    select * from {{ ref('migration_metrics') }}
),

chats as (
    select * from {{ ref('chats') }}
),

chat_messages as (
    select * from {{ ref('chat_messages') }}
),

media as (
    select * from {{ ref('media') }}
),

skipped_chats as (
    select * from {{ ref('skipped_chats') }}
),

skipped_messages as (
    select * from {{ ref('skipped_messages') }}
),

counted as (
    select
        (select count(*) from chats) as found_chats,
        (select count(*) from chat_messages) as found_messages,
        (select count(*) from media) as found_images,
        (select count(*) from skipped_chats) as found_skipped_chats,
        (select count(*) from skipped_messages) as found_skipped_messages
)

select
    counted.*,
    migration_metrics.*
from counted
left join migration_metrics on true
where
    migration_metrics.processed_chats is distinct from counted.found_chats
    or migration_metrics.processed_messages is distinct from counted.found_messages
    or migration_metrics.image_messages is distinct from counted.found_images
    or migration_metrics.skipped_chats is distinct from counted.found_skipped_chats
    or migration_metrics.skipped_messages is distinct from
    counted.found_skipped_messages
    or migration_metrics.customer_messages + migration_metrics.stylist_messages
    is distinct from counted.found_messages
