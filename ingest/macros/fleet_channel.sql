-- title: which of a host's channels to Fleet a request came through
--
-- A Mac talks to Fleet through several agents, and each can die while the others live. The path
-- decides, because orbit and Fleet Desktop share one user agent (`Go-http-client`); where the
-- path is none of Fleet's, the user agent does. Anybody's curl on such a path counts as that
-- channel.
--
create macro fleet_channel(path, user_agent) as
case
    when path like '/api/%osquery/%' then 'osquery'
    when path like '/api/%fleet/orbit/%' then 'orbit'
    when path like '/mdm/%' or path like '/api/mdm/%' then 'mdm'
    when path like '/api/%/fleet/device/%' or path like '/device/%' then 'desktop'
    when path like '/api/%' then 'api'
    when user_agent like 'osquery/%' then 'osquery'
    when user_agent like 'MDM%' or user_agent like '%mdmclient%' or user_agent like '%CloudConfiguration/%' then 'mdm'
end
