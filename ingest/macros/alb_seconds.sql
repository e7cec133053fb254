-- title: seconds as an AWS load balancer logs them, -1 where there was nothing to measure
--
-- The connection was closed, the target never answered, or the answer was the balancer's own.
--
create macro alb_seconds(text) as case when try_cast(text as double) >= 0 then try_cast(text as double) end
