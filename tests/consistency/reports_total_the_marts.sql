-- Invariant: a report on all messages, chats or bookings counts each of them once, so
-- that its total is its mart's. A row names a report that lost or repeated some.
{% set totals = [
    ('report_chat_activity', 'count(*)', 'chats'),
    ('report_chat_activity', 'sum(message_count)', 'messages'),
    ('report_messages_per_chat', 'sum(chat_count)', 'chats'),
    ('report_messages_per_chat', 'sum(message_count)', 'messages'),
    ('report_chat_activity_by_booking_status', 'sum(chat_count)', 'chats'),
    ('report_chat_activity_by_booking_status', 'sum(message_count)', 'messages'),
    ('report_chat_activity_by_month', 'sum(chat_count)', 'chats'),
    ('report_sender_distribution', 'sum(message_count)', 'messages'),
    (
        'report_sender_consistency',
        'sum(customer_messages + stylist_messages)',
        'messages',
    ),
    ('report_read_state_distribution', 'sum(message_count)', 'messages'),
    ('report_engagement_by_role', 'sum(message_count)', 'messages'),
    ('report_message_volume_by_month', 'sum(message_count)', 'messages'),
    ('report_timeline', 'sum(chat_count)', 'chats'),
    ('report_timeline', 'sum(message_count)', 'messages'),
    ('report_media_types', 'sum(media_count)', 'media'),
    ('report_image_media_coverage', 'sum(with_media)', 'media'),
    ('report_booking_activity', 'count(*)', 'bookings'),
    ('report_booking_chat_correlation', 'sum(booking_count)', 'bookings'),
] %}

with marts as (
    select
        (select count(*) from {{ ref('chats') }}) as chats,
        (select count(*) from {{ ref('chat_messages') }}) as messages,
        (select count(*) from {{ ref('media') }}) as media,
        (select count(*) from {{ ref('int_bookings_migrated') }}) as bookings
),

totals as (
    {% for report, total, mart in totals %}
        {{ 'union all' if not loop.first }}
        select
            '{{ report }}' as report,
            '{{ mart }}' as mart,
            coalesce({{ total }}, 0) as reported,
            (select marts.{{ mart }} from marts) as expected
        from {{ ref(report) }}
    {% endfor %}
),

final as (
    select * from totals
    where reported <> expected
)

select * from final
