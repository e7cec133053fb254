-- title: Profiles that are not there yet
--
-- What `profile_states` shows as pending (Fleet or Apple has it, the Mac has not answered) or
-- verifying (the Mac has it, osquery has not confirmed it). A host that is still to be enrolled
-- is another matter and is not here: see `mdm_enrollment_status` in `hosts`.
--
select * from profile_states where status in ('pending', 'verifying')
