lock table {live}.chat_audit_logs in access exclusive mode;
insert into {ledger}.kept_audit_logs (entry)
select to_jsonb(log) from {live}.chat_audit_logs as log order by log_id;
drop table {live}.chat_audit_logs
