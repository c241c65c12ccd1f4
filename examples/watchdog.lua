-- Watches a service of the device, and starts it again when it does not answer.
--
-- The service manager sees when a process ends, but not when it hangs: so the service is asked, by
-- a TCP connection or by a program whose exit status says how it is. Three failures in a row are
-- one too many; after a restart it has time to come up, more of it each time that did not help.

local cfg = params {
	host = "127.0.0.1", port = 53, -- where it must take a connection
	check = "", -- or: a shell text that fails when the service does
	restart = "/etc/init.d/dnsmasq restart",
	every = "30s", failures = 3, patience = 60, patience_max = 3600,
}

policy("watchdog", { flush = "now", priority = "high", limit = "64KB" })

local watchdog = asset("watchdog", { label = "Watchdog" })
watchdog:variable("alive", { label = "Service answers", type = "boolean", policy = "watchdog" })
watchdog:variable("restarts", { label = "Restarts", type = "int", policy = "watchdog" })
watchdog:variable("reason", { label = "Its reason", type = "string", policy = "watchdog" })

local function ask()
	if cfg.check ~= "" then
		exec(cfg.check, { timeout = "10s" })
	else
		tcp.connect({ host = cfg.host, port = cfg.port, timeout = "5s" }):close()
	end
end

local alive -- nil: not known yet
local failures, restarts = 0, 0
local patience, quiet_until = cfg.patience, 0

local function tell(now_alive)
	if alive ~= now_alive then
		alive = now_alive
		watchdog:push("alive", alive)
	end
end

local function restart(why)
	log.warn("starting the service again:", why)
	restarts, failures = restarts + 1, 0
	watchdog:push({ { "restarts", restarts }, { "reason", why } })
	quiet_until = uptime() + patience
	patience = math.min(2 * patience, cfg.patience_max)
	exec(cfg.restart, { timeout = "1m" }) -- raises what went wrong; the next time it is tried again
end

every(cfg.every, "watch", function()
	local why = select(2, try(ask))
	if not why then
		failures, patience = 0, cfg.patience
		tell(true)
		return
	end
	failures = failures + 1
	tell(false)
	if failures >= cfg.failures and uptime() >= quiet_until then
		restart(why)
	end
end)
