
	-- -------------------------------------------------------------- period
	-- This room has a type and functions, and no tables.
