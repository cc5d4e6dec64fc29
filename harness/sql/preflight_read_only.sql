-- Where default_transaction_read_only was set; no row when it is off.
select source from pg_settings
where name = 'default_transaction_read_only' and setting = 'on'
