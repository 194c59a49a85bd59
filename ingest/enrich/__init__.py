"""What is done to every event before it is stored: redaction and keyed hashes of addresses."""
