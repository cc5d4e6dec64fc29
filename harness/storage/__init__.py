"""Files move between buckets with evidence: planned, copied, verified, switched.

One interface over local folders and S3 (``stores``, ``local``, ``s3``, ``opening``);
what belongs to what (``references``, ``planning``, ``mapping``); the moving
(``copying``, ``verifying``, ``switching``, ``removing``); who may read (``limits``,
``policies``, ``access``); and the tasks (``commands``). Objects are touched through
their store's own protocol alone, and each step is in the ledger.
"""
