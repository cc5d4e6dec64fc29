with chats as (
    select * from {{ ref('int_chats_checked') }}
),

user_id_mappings as (
    select * from {{ ref('stg_mysql_dump__user_id_mappings') }}
),

loads as (
    select * from {{ ref('stg_mysql_dump__loads') }}
),

new_user_ids as (
    select distinct on (old_user_id)
        old_user_id,
        new_user_id
    from user_id_mappings
    order by old_user_id, source_row
),

-- Without the file ids stay; with it, an id that it does not list has no new one.
mapping_mode as (
    select coalesce(bool_or(has_users_file), false) as has_mapping
    from loads
),

mapped as (
    select
        chats.source_row,
        chats.reason_id,
        case
            when mapping_mode.has_mapping then {{ to_uuid('customers.new_user_id') }}
            else {{ to_uuid('chats.buyer_id') }}
        end as customer_id,
        case
            when mapping_mode.has_mapping then {{ to_uuid('stylists.new_user_id') }}
            else {{ to_uuid('chats.stylist_id') }}
        end as stylist_id
    from chats
    cross join mapping_mode
    left join new_user_ids as customers on chats.buyer_id = customers.old_user_id
    left join new_user_ids as stylists on chats.stylist_id = stylists.old_user_id
),

final as (
    select
        source_row,
        customer_id,
        stylist_id,
        case
            when reason_id is not null then reason_id
            when customer_id is null or stylist_id is null
                then 'participant_not_mapped'
        end as reason_id
    from mapped
)

select * from final
