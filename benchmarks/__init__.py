"""How fast the service is, measured. `make bench` runs all that is compared; workers.py and upload_memory.py answer
questions of their own."""
