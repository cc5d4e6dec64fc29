select run_id from {marts}.loaded_run
