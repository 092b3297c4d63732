"""What commands share: tables, exit codes, quiet libraries, readable errors."""
