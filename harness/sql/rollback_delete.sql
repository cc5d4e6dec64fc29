delete from {live}.{table} as live
using {candidates} as candidate
where live.id = candidate.id and candidate.action = 'delete'
