select source_timezone from {marts}.loaded_run
