-- title: What Fleet's crons did, run by run
-- once:  yes
--
-- A row a run, from "pending" to "completed" in Fleet's log, and one for each alarm mail that
-- no run covers. "completed" is written even where a job failed: `errors` counts the failures
-- told meanwhile ("running job"), `reason` is the first of them, `overran` that it took longer
-- than its own rhythm. `known` names whose trouble it is where the words say so: lock (see
-- `lock_waits`), certificate (pushes, tokens, identities; see `certificate_errors`).
-- `rhythm_s` is the usual time from one run to the next. `duty` is delivery for the crons on
-- which profiles and commands depend. Instances that are not the leader say nothing.
--
with
    lines as (
        select
            ts,
            emitter,
            cron,
            status,
            process = 'cron' as mail,
            level = 'error' and status is null as failed,
            contains(message, 'lock failed') as lock_failed,
            contains(message, 'exceeded schedule interval') as overran,
            message,
            file,
            line
        from fleet_server
        where
            cron is not null
            and ts < getvariable('until')
            and ts >= getvariable('since')
            and (
                status in ('pending', 'completed')
                or level in ('warn', 'error')
                or contains(message, 'exceeded')
            )
    ),
    opened as (
        -- where only failures are logged, each stands for a run: none comes sooner than 30 s
        select
            *,
            status = 'pending'
            or (failed and lag(status) over told = 'completed')
            or (
                failed
                and not bool_or(status is not distinct from 'pending') over (
                    partition by cron, emitter
                )
                and ts - lag(ts) over told > interval 20 seconds
            ) as opens
        from lines
        where not mail
        window told as (partition by cron, emitter order by ts, line)
    ),
    numbered as (
        select
            *,
            count(*) filter (where opens) over (partition by cron, emitter order by ts, line) as run
        from opened
    ),
    runs as (
        select
            cron,
            emitter,
            min(ts) as ts,
            min(ts) filter (where status = 'pending') as started,
            max(ts) filter (where status = 'completed') as completed,
            max(ts) as last_ts,
            count(*) filter (where failed or lock_failed) as errors,
            bool_or(overran) as overran,
            arg_min(message, ts) filter (where failed or lock_failed or overran) as reason,
            coalesce(
                arg_min(file, ts) filter (where failed or lock_failed or overran), arg_min(file, ts)
            ) as file,
            coalesce(
                arg_min(line, ts) filter (where failed or lock_failed or overran), arg_min(line, ts)
            ) as line
        from numbered
        group by cron, emitter, run
    ),
    all_runs as (
        from runs
        union all
        select cron, emitter, ts, null, null, ts, 1, false, message, file, line
        from lines as m
        where
            mail
            and not exists (
                from lines as l
                where
                    not l.mail
                    and l.failed
                    and l.cron = m.cron
                    and l.ts between m.ts - interval 2 minutes and m.ts + interval 2 minutes
            )
    ),
    rhythms as (
        select
            cron, median(gap_s) as rhythm_s, quantile_cont(gap_s, 0.9) as slack_s, count(*) as gaps
        from
            (
                select
                    cron,
                    epoch(started - lag(started) over (partition by cron order by started)) as gap_s
                from runs
                where started is not null
            )
        where gap_s is not null
        group by cron
    )
select
    r.ts,
    r.cron,
    if(
        r.cron in (
            'mdm_apple_profile_manager',
            'mdm_windows_profile_manager',
            'apple_mdm_apns_pusher',
            'apple_mdm_dep_profile_assigner',
            'integrations'
        ),
        'delivery',
        'other'
    ) as duty,
    r.emitter,
    r.started,
    r.completed,
    r.last_ts,
    r.errors,
    r.overran,
    epoch(r.completed - r.started) as took_s,
    case
        when r.errors = 0
        then null
        when
            regexp_matches(
                r.reason, 'Error (1205|1213|1615)|Lock wait timeout exceeded|Deadlock found'
            )
        then 'lock'
        when
            regexp_matches(
                r.reason,
                '(?i)apns|certificate|x509|scep|push notification|identity cert|token (is |has )?(expired|rejected)|unauthorized|T_C_NOT_SIGNED'
            )
        then 'certificate'
    end as known,
    h.rhythm_s,
    h.slack_s,
    h.gaps,
    'fleet_server' as "table",
    cast(null as varchar) as host,
    coalesce(r.reason, 'cron ' || r.cron || if(r.completed is null, ' began', ' ran')) as message,
    r.file,
    r.line
from all_runs as r
left join rhythms as h on h.cron = r.cron
