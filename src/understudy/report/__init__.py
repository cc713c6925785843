"""What people look at: the table, the plots' data, the figures."""
