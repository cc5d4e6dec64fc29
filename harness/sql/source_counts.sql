-- The specification counts active chats only, and every message.
select
    (select count(*) from {staging}.chat where is_active = '1'),
    (select count(*) from {staging}.message)
