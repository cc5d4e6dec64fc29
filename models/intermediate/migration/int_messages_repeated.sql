{{ repeated_rows(
    model=ref('stg_mysql_dump__messages'),
    id_column='message_id',
    compared_columns=[
        'chat_id',
        'content',
        'is_from',
        'is_unread',
        'is_image',
        'created_at_text',
    ],
) }}
