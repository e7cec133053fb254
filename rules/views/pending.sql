-- title: Profiles that are not there yet
--
-- What `profile_states` shows as pending (Fleet or Apple has it, the Mac has not answered) or
-- verifying (the Mac has it, osquery has not confirmed it). Whether the host is still to be
-- enrolled, which is another matter, `mdm_enrollment_status` in `hosts` says.
--
select * from profile_states where status in ('pending', 'verifying')
