"""What lies between treadle and the file: connections, transactions, tables, and what the disk is."""
