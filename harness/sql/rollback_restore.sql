update {target} as live
set {restored}
from {candidates} as candidate
where live.id = candidate.id and candidate.action = 'restore'
