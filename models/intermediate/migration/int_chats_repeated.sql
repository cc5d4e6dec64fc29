{{ repeated_rows(
    model=ref('stg_mysql_dump__chats'),
    id_column='chat_id',
    compared_columns=[
        'booking_id',
        'buyer_id',
        'stylist_id',
        'is_active',
        'created_at_text',
        'updated_at_text',
    ],
) }}
