delete from {target} as live
using {candidates} as candidate
where live.id = candidate.id and candidate.action = 'delete'
