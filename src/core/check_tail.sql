END
$check_installation$;
COMMENT ON FUNCTION community.check_installation IS
'proves that the books agree with each other, one row for each fault, none when all is well; level quick or full';
REVOKE ALL ON FUNCTION community.check_installation FROM PUBLIC;
