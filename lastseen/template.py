"""What `lastseen init` writes: every section with an example that only wants its # taken away."""

TEMPLATE = """\
# lastseen.toml: everything in it is optional. Times are UTC unless they carry a zone.
# A line that begins with # and no space is a setting: take the # away to use it.

[lake]
path = "lake"            # where the tables are, relative to this file
#keep = "90 days"        # `lastseen tidy` drops older days; left out, everything is kept

# Where logs come from: `lastseen pull` fetches what is new and reads it, each line once.
# The name after "sources." is yours. Of any kind, if wanted:
#   every = "5 minutes"           a span, or a cron line: "30 6 * * mon-fri Europe/Berlin"
#   format = "nginx_access"       left out, it is found by each file's name and first lines
#   host = "proxy-1"              whose logs these are; a {host} in a path says it too
#   zone = "Europe/Berlin"        of times that carry none
#   timeout, deadline, retries    of one attempt, of all of a pull, and how many more attempts

# Logs on this machine that grow and rotate.
#[sources.fleet-server]
#kind = "files"
#paths = ["/var/log/fleet/*.log", "/var/log/nginx/access.log"]
#every = "5 minutes"

# What a command of this machine prints. The presets journald and unified_log come with lastseen;
# of any other give the words, which no shell reads: {since} and {until} stand for the window.
#[sources.journal]
#kind = "command"
#preset = "journald"
#[sources.app]
#kind = "command"
#command = ["docker", "logs", "--since", "{since}", "--until", "{until}", "app"]
#format = "syslog"

# Many hosts over SSH, some at a time: what a command prints, or files read on from where they ended.
#[sources.macs]
#kind = "ssh"
#hosts = ["mac-014", "admin@mac-015"]   # or hosts_file = "macs.txt", one a line
#preset = "unified_log"
#every = "30 minutes"
#at_once = 20
#[sources.database]
#kind = "ssh"
#hosts = ["db-1.example.com"]
#paths = ["/var/log/mysql/error.log"]
#user = "logs"
#key_file = "~/.ssh/logs"
#jump = "admin@bastion.example.com"

# Fleet's API: the inventory, each host's profiles, MDM commands.
#[sources.fleet]
#kind = "fleet"
#url = "https://fleet.example.com"
#token_env = "FLEET_TOKEN"              # or token_file = "fleet.token"; never the token itself
#details_every = "1 hour"

# Objects that others write to a store: s3://, gs://, az://. Credentials are the store's own.
#[sources.load-balancer]
#kind = "bucket"
#url = "s3://example-logs/alb/"
#since = "7 days"                       # older objects are left alone
#options = { profile = "logs" }

# A folder to which hosts upload logs and archives.
#[sources.uploads]
#kind = "inbox"
#path = "inbox/{host}"
#settle = "1 minute"                    # a file that changed since may still be on its way
#then = "keep"                          # or "delete" what was read

# What is normal. Rules take their thresholds from here, never from a number inside a query.
[policy]
#heartbeat = { period = "10 seconds", grace = "5 minutes", hours = "always", zone = "UTC", paused = false }
#pending_after = "15 minutes"
#verifying_after = "2 hours 6 minutes"
#mdm_after = "48 hours"
#queue_after = "30 minutes"
#pushed_for = "7 days"
#declaration_after = "1 hour"
#enrollment_after = "24 hours"
#collection_after = "1 hour"
#details_after = "2 hours"
#refetch_after = "10 minutes"
#enrolled_after = "15 minutes"
#crash_within = "10 minutes"
#watchdog_within = "1 hour"
#network_after = "5 minutes"
#reads_after = "10 minutes"
#clock_after = "5 minutes"
#certificate_notice = "30 days"
#certificate_urgent = "7 days"
#burst_gap = "15 minutes"               # the rest is of the server and holds for all
#outage_after = "2 minutes"
#slow_after = "10 seconds"
#storm_within = "5 minutes"
#storm_requests = 10
#storm_times = 10
#error_percent = 5
#error_count = 10

# Nearer wins: a platform over all hosts, a host over its platform.
#[policy.windows]
#heartbeat = { period = "10 seconds", grace = "30 minutes" }
#[policy.ubuntu]
#heartbeat = { calendar = "*-*-* 02:00 Europe/Berlin", grace = "1 hour" }   # a nightly check-in
#[policy.host."mac-015"]
#pending_after = "45 minutes"

# When findings become incidents, and when these are told.
#[incidents]
#group_wait = "30 seconds"              # what is gone by then was never open
#group_within = "5 minutes"             # hosts whose trouble began this close together are one incident
#group_interval = "5 minutes"           # hosts that join are told of this often at most
#repeat_interval = "4 hours"            # told again, unless it is acknowledged
#reopen_within = "24 hours"             # what comes back this soon is the same incident
#quiet_after = "1 hour"                 # over when its logs went on this long without it

# When each report is rendered: a time of day, or every = "12 hours", or every = a cron line.
#[reports.nightly]
#at = "06:00"
#zone = "Europe/Berlin"

# What `lastseen schedule` does besides.
#[schedule]
#tidy = "30 3 * * *"
#at_once = 4                            # jobs at the same time
#ping_env = "LASTSEEN_PING"             # holds a URL to ask for after each good night
"""
