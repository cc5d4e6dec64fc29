{{ repeated_rows(
    model=ref('stg_mysql_dump__bookings'),
    id_column='booking_id',
    compared_columns=['buyer_id', 'stylist_id', 'status', 'created_at_text'],
) }}
